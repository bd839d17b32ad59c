import { GrpcCode } from "../../base/errors.ts";
import type { HttpBodyReader, Method, StreamCall, StreamHandler } from "../call.ts";
import { countHandled } from "./call-counts.ts";
import {
  type CallFrame,
  DEADLINE_TEXT,
  jsonBytesMax,
  jsonTooLargeText,
  tooLargeText,
} from "./call-frame.ts";
import { errorHeaders, httpStatusOf } from "./http-status.ts";
import { type JsonPieceSink, JsonSplitter } from "./json-splitter.ts";
import { JsonDocument, JsonError } from "./json-value.ts";
import { KeptBytes } from "./kept-bytes.ts";
import { metadataOf } from "./metadata.ts";
import type { StreamFormat } from "./stream-format.ts";

export type StreamMethod = Method & { readonly kind: "stream" };

/**
 * A streaming call over HTTP (G4, G5): the body brings one JSON request after another while the
 * answers go out. Its end is the end of the requests, not of the call. JSON that cannot be read is
 * an error when it comes first; later on it ends the requests, as in etcd, and nothing else.
 */
export class StreamRequest implements HttpBodyReader, StreamCall, JsonPieceSink {
  readonly #frame: CallFrame;
  readonly #format: StreamFormat;
  readonly #splitter: JsonSplitter;
  #cancelTimer: (() => void) | undefined;
  #handler: StreamHandler | undefined;
  #hasStarted = false;
  #isOver = false;
  /** Whether a request has reached the handler. */
  #hasAsked = false;
  /** Whether the handler has been told that there are no more. */
  #isHalfClosed = false;
  #isPaused = false;
  /** The body has ended; known to the handler once nothing is withheld. */
  #hasEnded = false;
  /** Bytes of the body that wait while requests are paused, or for their turn. */
  readonly #withheld: KeptBytes = new KeptBytes();

  constructor(frame: CallFrame, format: StreamFormat) {
    this.#frame = frame;
    this.#format = format;
    this.#splitter = new JsonSplitter(jsonBytesMax(frame.messageBytesMax));
    frame.counts.started++;
  }

  /** Hands the call to its method, which may answer and even end it at once. */
  open(method: StreamMethod): void {
    const { timeoutMs, timers } = this.#frame;
    if (timeoutMs !== undefined) {
      this.#cancelTimer = timers.after(timeoutMs, () => {
        this.#break(GrpcCode.deadlineExceeded, DEADLINE_TEXT);
      });
    }
    const handler = method.open(this);
    if (!this.#isOver) this.#handler = handler;
  }

  // --- HttpBodyReader

  get heldBytes(): number {
    return this.#splitter.heldBytes + this.#withheld.heldBytes;
  }

  body(bytes: Uint8Array): void {
    if (this.#isDeaf) return;
    if (this.#isPaused || this.#withheld.length > 0) this.#withheld.add(bytes);
    else this.#take(bytes);
  }

  ended(): void {
    if (this.#isDeaf) return;
    this.#hasEnded = true;
    if (!this.#isPaused && this.#withheld.length === 0) this.#endRequests();
  }

  cancelled(): void {
    if (this.#isOver) return;
    this.#finish(GrpcCode.canceled);
    this.#handler?.cancelled();
  }

  drained(): void {
    if (!this.#isOver) this.#handler?.drained();
  }

  /** Whether more of the body is of no use. */
  get #isDeaf(): boolean {
    return this.#isOver || this.#isHalfClosed;
  }

  #take(bytes: Uint8Array): void {
    const at = this.#splitter.push(bytes, this);
    if (at === bytes.length || this.#isDeaf) return;
    this.#withheld.add(bytes.subarray(at));
    if (!this.#isPaused) this.#awaitTurn();
  }

  #awaitTurn(): void {
    const { exchange } = this.#frame;
    exchange.pauseBody(true);
    exchange.nextTurn(this.#resume);
  }

  readonly #resume = (): void => {
    if (this.#isDeaf || this.#isPaused) return;
    this.#take(this.#withheld.take());
    if (this.#isDeaf || this.#isPaused || this.#withheld.length > 0) return;
    this.#frame.exchange.pauseBody(false);
    if (this.#hasEnded) this.#endRequests();
  };

  #endRequests(): void {
    const rest = this.#splitter.rest();
    // A call with one request has the empty one when its body is empty.
    const isOwed = !this.#frame.route.isRequestStream && !this.#hasAsked;
    if (rest.length > 0 || isOwed) this.piece(rest);
    if (!this.#isDeaf) this.#halfClose();
  }

  #halfClose(): void {
    this.#isHalfClosed = true;
    this.#withheld.take();
    this.#handler?.halfClosed();
  }

  // --- JsonPieceSink

  piece(json: Uint8Array): boolean {
    const { route, counts, messageBytesMax } = this.#frame;
    let request: Uint8Array;
    try {
      request = route.request.toBytes(JsonDocument.parse(json));
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      if (this.#hasAsked) this.#halfClose();
      else this.#break(GrpcCode.invalidArgument, error.message);
      return false;
    }
    if (request.length > messageBytesMax) {
      this.#break(GrpcCode.resourceExhausted, tooLargeText(request.length, messageBytesMax));
      return false;
    }
    this.#hasAsked = true;
    counts.messagesReceived++;
    this.#handler?.message(request);
    if (!route.isRequestStream && !this.#isDeaf) this.#halfClose();
    return !this.#isDeaf && !this.#isPaused && this.#frame.exchange.mayGoOn();
  }

  tooLong(): void {
    this.#break(GrpcCode.resourceExhausted, jsonTooLargeText(this.#frame.messageBytesMax));
  }

  // --- StreamCall

  get peer(): string {
    return this.#frame.exchange.peer;
  }

  header(name: string): string | undefined {
    return metadataOf(this.#frame.exchange, name);
  }

  get writable(): boolean {
    return !this.#isOver && this.#frame.exchange.writable;
  }

  send(message: Uint8Array): void {
    if (this.#isOver) return;
    const { route, counts, exchange } = this.#frame;
    const decoded = route.response.decode(message);
    this.#start(200, this.#format.headers);
    counts.messagesSent++;
    exchange.write(this.#format.result(decoded, route.response.write(decoded)));
  }

  offer(head: Uint8Array, headLength: number, body: Uint8Array): boolean {
    if (!this.writable) return false;
    const message = new Uint8Array(headLength + body.length);
    message.set(head.subarray(0, headLength));
    message.set(body, headLength);
    this.send(message);
    return true;
  }

  end(code: GrpcCode, text: string): void {
    if (this.#isOver) return;
    this.#finish(code);
    const { exchange } = this.#frame;
    // Nothing was sent, so nothing is said of what it is.
    if (code === GrpcCode.ok) this.#start(200, {});
    else {
      const status = httpStatusOf(code);
      this.#start(status, { ...errorHeaders(status, text), ...this.#typeHeader() });
      exchange.write(this.#format.error(code, text));
    }
    exchange.finish();
  }

  pauseRequests(paused: boolean): void {
    if (this.#isDeaf || this.#isPaused === paused) return;
    this.#isPaused = paused;
    if (paused) this.#frame.exchange.pauseBody(true);
    else this.#frame.timers.endOfTurn(this.#resume);
  }

  #typeHeader(): Readonly<Record<string, string>> {
    return { "content-type": this.#format.headers["content-type"] ?? "application/json" };
  }

  #start(status: number, headers: Readonly<Record<string, string>>): void {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    this.#frame.exchange.start(status, { ...this.#frame.headers, ...headers });
  }

  /** Ends the call from our side; the handler did not ask for it. */
  #break(code: GrpcCode, text: string): void {
    if (this.#isOver) return;
    this.end(code, text);
    this.#handler?.cancelled();
  }

  #finish(code: GrpcCode): void {
    this.#isOver = true;
    this.#withheld.take();
    this.#cancelTimer?.();
    countHandled(this.#frame.counts, code);
  }
}
