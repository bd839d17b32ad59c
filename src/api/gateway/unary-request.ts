import { GrpcCode } from "../../base/errors.ts";
import type { HttpBodyReader, Method, UnaryCall } from "../call.ts";
import { countHandled } from "./call-counts.ts";
import {
  type CallFrame,
  DEADLINE_TEXT,
  jsonBytesMax,
  jsonTooLargeText,
  tooLargeText,
} from "./call-frame.ts";
import { errorBody, errorHeaders, httpStatusOf } from "./http-status.ts";
import { JsonSplitter } from "./json-splitter.ts";
import { JsonDocument, JsonError } from "./json-value.ts";
import { metadataOf } from "./metadata.ts";

export type UnaryMethod = Method & { readonly kind: "unary" };

/** The answer of a call that went well (G9). */
export const JSON_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "application/json",
  "grpc-metadata-content-type": "application/grpc",
};

/**
 * A unary call over HTTP. It begins with the first JSON value of the body; what follows that is not
 * looked at, and a body without any is the empty message.
 */
export class UnaryRequest implements HttpBodyReader, UnaryCall {
  readonly #frame: CallFrame;
  readonly #method: UnaryMethod;
  readonly #splitter: JsonSplitter;
  readonly #cancelTimer: (() => void) | undefined;
  #isCalled = false;
  #isOver = false;
  /** Who wants to know when nobody waits for the answer any more. */
  #whenCancelled: (() => void) | undefined;

  constructor(frame: CallFrame, method: UnaryMethod) {
    this.#frame = frame;
    this.#method = method;
    this.#splitter = new JsonSplitter(jsonBytesMax(frame.messageBytesMax));
    frame.counts.started++;
    const { timeoutMs, timers } = frame;
    if (timeoutMs === undefined) return;
    this.#cancelTimer = timers.after(timeoutMs, () => {
      const whenCancelled = this.#whenCancelled;
      this.fail(GrpcCode.deadlineExceeded, DEADLINE_TEXT);
      whenCancelled?.();
    });
  }

  // --- HttpBodyReader

  get heldBytes(): number {
    return this.#splitter.heldBytes;
  }

  body(bytes: Uint8Array): void {
    if (this.#isCalled || this.#isOver) return;
    this.#splitter.push(bytes, {
      piece: (json) => {
        this.#call(json);
        return false;
      },
      tooLong: () => {
        this.fail(GrpcCode.resourceExhausted, jsonTooLargeText(this.#frame.messageBytesMax));
      },
    });
  }

  ended(): void {
    if (!this.#isCalled && !this.#isOver) this.#call(this.#splitter.rest());
  }

  cancelled(): void {
    if (this.#isOver) return;
    const whenCancelled = this.#whenCancelled;
    this.#finish(GrpcCode.canceled);
    whenCancelled?.();
  }

  /** Nothing to do: the answer is sent whole. */
  drained(): void {}

  // --- UnaryCall

  get peer(): string {
    return this.#frame.exchange.peer;
  }

  header(name: string): string | undefined {
    return metadataOf(this.#frame.exchange, name);
  }

  whenCancelled(fire: () => void): void {
    if (this.#isOver) fire();
    else this.#whenCancelled = fire;
  }

  reply(message: Uint8Array): void {
    if (this.#isOver) return;
    const { response } = this.#frame.route;
    this.#finish(GrpcCode.ok);
    this.#frame.counts.messagesSent++;
    this.#answer(200, JSON_HEADERS, response.write(response.decode(message)));
  }

  fail(code: GrpcCode, message: string): void {
    if (this.#isOver) return;
    this.#finish(code);
    const status = httpStatusOf(code);
    this.#answer(status, errorHeaders(status, message), errorBody(code, message));
  }

  #call(json: Uint8Array): void {
    this.#isCalled = true;
    const { route, counts, messageBytesMax } = this.#frame;
    let request: Uint8Array;
    try {
      request = route.request.toBytes(JsonDocument.parse(json));
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      this.fail(GrpcCode.invalidArgument, error.message);
      return;
    }
    if (request.length > messageBytesMax) {
      this.fail(GrpcCode.resourceExhausted, tooLargeText(request.length, messageBytesMax));
      return;
    }
    counts.messagesReceived++;
    this.#method.handle(request, this);
  }

  #answer(status: number, headers: Readonly<Record<string, string>>, body: string): void {
    const { exchange, headers: wanted } = this.#frame;
    const length = String(Buffer.byteLength(body));
    exchange.start(status, { ...wanted, ...headers, "content-length": length });
    exchange.write(body);
    exchange.finish();
  }

  #finish(code: GrpcCode): void {
    this.#isOver = true;
    this.#whenCancelled = undefined;
    this.#cancelTimer?.();
    countHandled(this.#frame.counts, code);
  }
}
