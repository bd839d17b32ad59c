import type { UnaryCall } from "../api/call.ts";
import { copyBytes } from "../base/bytes.ts";
import { GrpcCode } from "../base/errors.ts";
import { Deadline, type DeadlineQueue } from "./deadline-queue.ts";
import { GRPC_HEADERS, GRPC_TRAILERS_OK, grpcTrailersOnly } from "./header-block.ts";
import { readUint32 } from "./http2/frames.ts";
import { headerOf } from "./http2/request-head.ts";
import type { UnaryAnswer } from "./http2/sender.ts";
import type { Resumable, Stream, StreamConsumer, StreamHost } from "./http2/stream.ts";
import { MESSAGE_PREFIX_BYTES, type MessageSink, MessageSplitter } from "./message-splitter.ts";
import type { ServedMethod } from "./method-table.ts";

/** What every call needs beside its stream. */
export interface CallContext {
  readonly messageBytesMax: number;
  readonly deadlines: DeadlineQueue;
}

/** How a call that cannot go on is refused, in grpc-go's words where it has some. */
export const NO_MESSAGE_TEXT =
  "cardinality violation: received no request message from non-client-streaming RPC";
export const TWO_MESSAGES_TEXT =
  "cardinality violation: received multiple request messages for non-client-streaming RPC";
export const CUT_SHORT_TEXT = "unexpected EOF";
export const HELD_TOO_MUCH_TEXT = "too many request bytes under way on this connection";
export const DEADLINE_TEXT = "context deadline exceeded";
export const STOPPED_TEXT = "etcdserver: server stopped";

const ANSWER: UnaryAnswer = { headers: GRPC_HEADERS, trailers: GRPC_TRAILERS_OK };

type MethodOf<Kind> = ServedMethod & { readonly method: { readonly kind: Kind } };
export type UnaryMethod = MethodOf<"unary">;

/** One unary call: waits for its one message and the end of the request, then for its answer. */
export class UnaryExchange implements StreamConsumer, UnaryCall, MessageSink, Resumable {
  readonly #host: StreamHost;
  readonly #stream: Stream;
  readonly #served: UnaryMethod;
  readonly #context: CallContext;
  #isOver = false;
  #deadline: Deadline | undefined;
  /** Who wants to know when nobody waits for the answer any more. */
  #cancelled: (() => void) | undefined;
  /** Made when the request does not come in one piece. */
  #splitter: MessageSplitter | undefined;
  /** The request, when it could not be handled at once. */
  #request: Uint8Array | undefined;

  constructor(host: StreamHost, stream: Stream, served: UnaryMethod, context: CallContext) {
    this.#host = host;
    this.#stream = stream;
    this.#served = served;
    this.#context = context;
    served.counters.started++;
  }

  /** Ends the call by itself at this time. */
  expireAt(atMs: number): void {
    this.#deadline = new Deadline(() => this.#abandon(GrpcCode.deadlineExceeded, DEADLINE_TEXT));
    this.#context.deadlines.set(this.#deadline, atMs);
  }

  // --- StreamConsumer

  data(bytes: Buffer, start: number, end: number, isLast: boolean): void {
    if (this.#isOver) return;
    const length = end - start - MESSAGE_PREFIX_BYTES;
    const isWhole =
      isLast &&
      this.#splitter === undefined &&
      length >= 0 &&
      length <= this.#context.messageBytesMax &&
      bytes[start] === 0 &&
      readUint32(bytes, start + 1) === length;
    if (isWhole) this.#call(bytes.subarray(start + MESSAGE_PREFIX_BYTES, end));
    else this.#collect(bytes, start, end, isLast);
  }

  #collect(bytes: Buffer, start: number, end: number, isLast: boolean): void {
    this.#splitter ??= new MessageSplitter(this.#context.messageBytesMax);
    this.#splitter.push(bytes, start, end, this);
    if (this.#isOver) return;
    const held =
      this.#splitter.heldBytes + (this.#request === undefined ? 0 : this.#request.length);
    if (!this.#host.hold(this.#stream, held, 0)) {
      this.fail(GrpcCode.resourceExhausted, HELD_TOO_MUCH_TEXT);
    } else if (isLast) this.#end(this.#splitter.isInMessage);
  }

  #end(isInMessage: boolean): void {
    const request = this.#request;
    if (isInMessage) this.fail(GrpcCode.internal, CUT_SHORT_TEXT);
    else if (request === undefined) this.fail(GrpcCode.internal, NO_MESSAGE_TEXT);
    else this.#call(request);
  }

  /** Done at once, unless the client has so much to read already that it may wait. */
  #call(request: Uint8Array): void {
    if (this.#host.isCongested) {
      this.#request = copyBytes(request);
      this.#host.hold(this.#stream, request.length, request.length);
      this.#host.afterCongestion(this);
      return;
    }
    this.#served.counters.messagesReceived++;
    this.#request = undefined;
    this.#served.method.handle(request, this);
  }

  resume(): void {
    if (!this.#isOver && this.#request !== undefined) this.#call(this.#request);
  }

  aborted(): void {
    if (this.#isOver) return;
    const cancelled = this.#cancelled;
    this.#finish(GrpcCode.canceled);
    cancelled?.();
  }

  cut(): void {
    this.#abandon(GrpcCode.unavailable, STOPPED_TEXT);
  }

  #abandon(code: GrpcCode, text: string): void {
    const cancelled = this.#cancelled;
    this.fail(code, text);
    cancelled?.();
  }

  /** Nothing to do: a unary answer is queued whole. */
  drained(): void {}

  // --- MessageSink

  message(bytes: Uint8Array): boolean {
    if (this.#request !== undefined) {
      this.fail(GrpcCode.internal, TWO_MESSAGES_TEXT);
      return false;
    }
    this.#request = copyBytes(bytes);
    return true;
  }

  refused(code: GrpcCode, text: string): void {
    this.fail(code, text);
  }

  // --- UnaryCall

  get peer(): string {
    return this.#host.peer;
  }

  get peerCommonName(): string | undefined {
    return this.#host.security.peerCommonName;
  }

  header(name: string): string | undefined {
    return headerOf(this.#stream.head, name);
  }

  whenCancelled(fire: () => void): void {
    if (this.#isOver) fire();
    else this.#cancelled = fire;
  }

  reply(message: Uint8Array): void {
    if (this.#isOver) return;
    this.#finish(GrpcCode.ok);
    this.#served.counters.messagesSent++;
    this.#host.sender.unary(this.#stream, ANSWER, message);
  }

  fail(code: GrpcCode, message: string): void {
    if (this.#isOver) return;
    this.#finish(code);
    this.#host.sender.headers(this.#stream, grpcTrailersOnly(code, message), true);
  }

  #finish(code: GrpcCode): void {
    this.#isOver = true;
    this.#request = undefined;
    this.#cancelled = undefined;
    this.#served.counters.handled[code] = (this.#served.counters.handled[code] ?? 0) + 1;
    if (this.#deadline !== undefined) this.#context.deadlines.clear(this.#deadline);
  }
}
