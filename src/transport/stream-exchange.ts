import type { StreamCall, StreamHandler } from "../api/call.ts";
import { EMPTY_BYTES } from "../base/bytes.ts";
import { GrpcCode } from "../base/errors.ts";
import { ByteQueue } from "./byte-queue.ts";
import { Deadline } from "./deadline-queue.ts";
import { GRPC_HEADERS, grpcTrailers, grpcTrailersOnly } from "./header-block.ts";
import { ErrorCode } from "./http2/frames.ts";
import { headerOf } from "./http2/request-head.ts";
import type { Resumable, Stream, StreamConsumer, StreamHost } from "./http2/stream.ts";
import { type MessageSink, MessageSplitter } from "./message-splitter.ts";
import type { ServedMethod } from "./method-table.ts";
import {
  type CallContext,
  CUT_SHORT_TEXT,
  DEADLINE_TEXT,
  HELD_TOO_MUCH_TEXT,
  STOPPED_TEXT,
} from "./unary-exchange.ts";

export type StreamMethod = ServedMethod & { readonly method: { readonly kind: "stream" } };

/**
 * One streaming call. Messages are delivered as they come, unless the handler has paused them or
 * the client does not read its answers: then the bytes are withheld, and the stream's window with
 * them.
 */
export class StreamExchange implements StreamConsumer, StreamCall, MessageSink, Resumable {
  readonly #host: StreamHost;
  readonly #stream: Stream;
  readonly #served: StreamMethod;
  readonly #context: CallContext;
  readonly #splitter: MessageSplitter;
  #handler: StreamHandler | undefined;
  #hasHeaders = false;
  #isOver = false;
  #isPaused = false;
  /** Whether `resume` will be called. */
  #isResuming = false;
  /** Request bytes that wait; made when some have to for the first time. */
  #withheld: ByteQueue | undefined;
  #hasEnd = false;
  /** Whether the handler was told to wait and is owed a `drained`. */
  #owesDrained = false;
  #deadline: Deadline | undefined;

  constructor(host: StreamHost, stream: Stream, served: StreamMethod, context: CallContext) {
    this.#host = host;
    this.#stream = stream;
    this.#served = served;
    this.#context = context;
    this.#splitter = new MessageSplitter(context.messageBytesMax);
    stream.isStreaming = true;
    served.counters.started++;
  }

  /** Hands the call to its method, which may answer and even end it at once. */
  open(): void {
    const handler = this.#served.method.open(this);
    if (!this.#isOver) this.#handler = handler;
  }

  /** Ends the call by itself at this time. */
  expireAt(atMs: number): void {
    this.#deadline = new Deadline(() => this.#expire());
    this.#context.deadlines.set(this.#deadline, atMs);
  }

  // --- StreamConsumer

  data(bytes: Buffer, start: number, end: number, isLast: boolean): void {
    if (this.#isOver) return;
    this.#hasEnd = isLast;
    const mustWait = this.#withheldBytes > 0 || !this.#isReady();
    const at = mustWait ? start : this.#splitter.push(bytes, start, end, this);
    if (this.#isOver) return;
    if (at < end) {
      this.#withheld ??= new ByteQueue();
      this.#withheld.push(bytes, at, end);
    }
    this.#settle();
  }

  resume(): void {
    this.#isResuming = false;
    const withheld = this.#withheld;
    if (this.#isOver || withheld === undefined) return;
    if (this.#isReady()) {
      const bytes = withheld.view();
      withheld.drop(this.#splitter.push(bytes, 0, bytes.length, this));
    }
    if (!this.#isOver) this.#settle();
  }

  aborted(): void {
    if (this.#isOver) return;
    this.#finish(GrpcCode.canceled);
    this.#handler?.cancelled();
  }

  cut(): void {
    this.#break(GrpcCode.unavailable, STOPPED_TEXT);
  }

  drained(): void {
    if (this.#owesDrained) {
      this.#owesDrained = false;
      if (!this.#isOver) this.#handler?.drained();
    }
    if (this.#withheldBytes > 0) this.#resumeLater();
  }

  #isReady(): boolean {
    return !this.#isPaused && !this.#host.sender.mustReadFirst(this.#stream);
  }

  get #withheldBytes(): number {
    return this.#withheld === undefined ? 0 : this.#withheld.length;
  }

  /** Accounts for what is withheld, and passes the end on when nothing is. */
  #settle(): void {
    const bytes = this.#withheldBytes;
    if (!this.#host.hold(this.#stream, bytes + this.#splitter.heldBytes, bytes)) {
      this.#break(GrpcCode.resourceExhausted, HELD_TOO_MUCH_TEXT);
      return;
    }
    if (bytes > 0) {
      if (this.#isPaused) return;
      if (this.#host.sender.mustReadFirst(this.#stream)) {
        this.#host.sender.tellWhenRead(this.#stream);
      } else this.#resumeLater();
    } else if (this.#hasEnd) this.#end();
  }

  #resumeLater(): void {
    if (this.#isResuming) return;
    this.#isResuming = true;
    this.#host.later(this);
  }

  #end(): void {
    this.#hasEnd = false;
    if (this.#splitter.isInMessage) this.#break(GrpcCode.internal, CUT_SHORT_TEXT);
    else this.#handler?.halfClosed();
  }

  // --- MessageSink

  message(bytes: Uint8Array): boolean {
    this.#served.counters.messagesReceived++;
    this.#handler?.message(bytes);
    return !this.#isOver && this.#isReady() && this.#host.mayGoOn();
  }

  refused(code: GrpcCode, text: string): void {
    this.#break(code, text);
  }

  // --- StreamCall

  get peer(): string {
    return this.#host.peer;
  }

  get peerCommonName(): string | undefined {
    return this.#host.security.peerCommonName;
  }

  header(name: string): string | undefined {
    return headerOf(this.#stream.head, name);
  }

  /** Asking is enough to be told by `drained` when it turns true. */
  get writable(): boolean {
    return this.#hasRoom();
  }

  send(message: Uint8Array): void {
    if (this.#isOver) return;
    this.#sendHeaders();
    this.#served.counters.messagesSent++;
    this.#host.sender.message(this.#stream, message, message.length, EMPTY_BYTES);
  }

  offer(head: Uint8Array, headLength: number, body: Uint8Array): boolean {
    if (!this.#hasRoom()) return false;
    this.#sendHeaders();
    this.#served.counters.messagesSent++;
    this.#host.sender.message(this.#stream, head, headLength, body);
    return true;
  }

  #hasRoom(): boolean {
    if (this.#isOver) return false;
    if (this.#host.sender.hasRoom(this.#stream)) return true;
    this.#owesDrained = true;
    return false;
  }

  end(code: GrpcCode, message: string): void {
    if (this.#isOver) return;
    this.#finish(code);
    const { sender } = this.#host;
    if (this.#hasHeaders) sender.finish(this.#stream, grpcTrailers(code, message));
    else sender.headers(this.#stream, grpcTrailersOnly(code, message), true);
  }

  pauseRequests(paused: boolean): void {
    this.#isPaused = paused;
    if (!paused && !this.#isOver && this.#withheldBytes > 0) this.#resumeLater();
  }

  #sendHeaders(): void {
    if (this.#hasHeaders) return;
    this.#hasHeaders = true;
    this.#host.sender.headers(this.#stream, GRPC_HEADERS, false);
  }

  /** What is queued cannot be sent in time any more; without a queue the client is told why. */
  #expire(): void {
    if (this.#stream.queuedBytes === 0) {
      this.#break(GrpcCode.deadlineExceeded, DEADLINE_TEXT);
      return;
    }
    this.#finish(GrpcCode.deadlineExceeded);
    this.#host.reset(this.#stream, ErrorCode.cancel);
    this.#handler?.cancelled();
  }

  /** Ends the call from our side; the handler did not ask for it. */
  #break(code: GrpcCode, text: string): void {
    if (this.#isOver) return;
    this.end(code, text);
    this.#handler?.cancelled();
  }

  #finish(code: GrpcCode): void {
    this.#isOver = true;
    this.#withheld = undefined;
    this.#served.counters.handled[code] = (this.#served.counters.handled[code] ?? 0) + 1;
    if (this.#deadline !== undefined) this.#context.deadlines.clear(this.#deadline);
  }
}
