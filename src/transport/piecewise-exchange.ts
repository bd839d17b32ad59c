import type { HttpBodyReader, HttpExchange, HttpFront } from "../api/call.ts";
import { ByteQueue } from "./byte-queue.ts";
import { encodeHeaderBlock } from "./header-block.ts";
import { headerOf } from "./http2/request-head.ts";
import type { Resumable, Stream, StreamConsumer, StreamHost } from "./http2/stream.ts";

const NOBODY: HttpBodyReader = {
  heldBytes: 0,
  body: () => undefined,
  ended: () => undefined,
  cancelled: () => undefined,
  drained: () => undefined,
};

/** An HTTP/2 request that is not gRPC, read and answered in pieces. */
export class PiecewiseExchange implements StreamConsumer, HttpExchange, Resumable {
  readonly #host: StreamHost;
  readonly #stream: Stream;
  #reader: HttpBodyReader = NOBODY;
  #hasStarted = false;
  #isFinished = false;
  #isPaused = false;
  /** Whether the request has ended, as far as the reader does not know yet. */
  #owesEnd = false;
  /** What waits until the client has read some of its answers. */
  readonly #waiting: ByteQueue = new ByteQueue();
  #isResuming = false;

  constructor(host: StreamHost, stream: Stream) {
    this.#host = host;
    this.#stream = stream;
  }

  run(front: HttpFront): void {
    const reader = front.begin(this);
    if (!this.#isFinished) this.#reader = reader;
  }

  // --- StreamConsumer

  data(bytes: Buffer, start: number, end: number, isLast: boolean): void {
    if (this.#isFinished) return;
    this.#owesEnd ||= isLast;
    if (this.#waiting.length > 0 || this.#host.isCongested) {
      if (end > start) this.#waiting.push(bytes, start, end);
      this.#settle();
      return;
    }
    if (end > start) this.#reader.body(bytes.subarray(start, end));
    this.#settle();
  }

  resume(): void {
    this.#isResuming = false;
    if (this.#isFinished) return;
    if (!this.#host.isCongested && this.#waiting.length > 0) {
      const bytes = this.#waiting.view();
      this.#reader.body(bytes);
      this.#waiting.drop(bytes.length);
    }
    this.#settle();
  }

  /** Accounts for what is held, and passes the end on once nothing waits. */
  #settle(): void {
    if (this.#isFinished || !this.#account()) return;
    const waiting = this.#waiting.length;
    if (this.#host.isCongested) {
      if (this.#isResuming) return;
      this.#isResuming = true;
      this.#host.afterCongestion(this);
    } else if (this.#owesEnd && waiting === 0) {
      this.#owesEnd = false;
      this.#reader.ended();
    }
  }

  /** False when the connection holds too much: the exchange is over then. */
  #account(): boolean {
    const waiting = this.#waiting.length;
    const held = this.#reader.heldBytes;
    const withheld = waiting + (this.#isPaused ? held : 0);
    if (this.#host.hold(this.#stream, held + waiting, withheld)) return true;
    this.#abandon(429);
    return false;
  }

  aborted(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#reader.cancelled();
  }

  cut(): void {
    this.#abandon(503);
  }

  drained(): void {
    if (!this.#isFinished) this.#reader.drained();
  }

  /** Ends the exchange from our side, with a bare status if there is still time for one. */
  #abandon(status: number): void {
    if (this.#isFinished) return;
    if (!this.#hasStarted) this.start(status, { "content-length": "0" });
    this.finish();
    this.#reader.cancelled();
  }

  // --- HttpExchange

  get method(): string {
    return this.#stream.head.method;
  }

  get target(): string {
    return this.#stream.head.path;
  }

  get isSecure(): boolean {
    return this.#host.security.isSecure;
  }

  get peerCommonName(): string | undefined {
    return this.#host.security.peerCommonName;
  }

  get peer(): string {
    return this.#host.peer;
  }

  header(name: string): string | undefined {
    const { head } = this.#stream;
    const value = headerOf(head, name);
    return value === undefined && name === "host" ? head.authority : value;
  }

  /** An answer of unknown length may last, and is then no longer one that the client waits for. */
  start(status: number, headers: Readonly<Record<string, string>>): void {
    if (this.#isFinished) return;
    this.#hasStarted = true;
    if (headers["content-length"] === undefined) this.#stream.isStreaming = true;
    const block = encodeHeaderBlock(status, Object.entries(headers));
    this.#host.sender.headers(this.#stream, block, false);
  }

  write(piece: string): void {
    if (!this.#isFinished) this.#host.sender.body(this.#stream, Buffer.from(piece));
  }

  get writable(): boolean {
    return !this.#isFinished && this.#host.sender.hasRoom(this.#stream);
  }

  finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#host.sender.finish(this.#stream, "end");
  }

  pauseBody(paused: boolean): void {
    this.#isPaused = paused;
    if (!this.#isFinished) this.#account();
  }

  mayGoOn(): boolean {
    return this.#host.mayGoOn();
  }

  nextTurn(run: () => void): void {
    this.#host.later({ resume: run });
  }
}
