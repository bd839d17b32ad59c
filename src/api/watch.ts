import { copyBytes } from "../base/bytes.ts";
import { GrpcCode } from "../base/errors.ts";
import { every } from "../base/every.ts";
import { parseKeyRange } from "../base/key-range.ts";
import type { Random, Timers } from "../base/outside.ts";
import type { EventSink } from "../watch/event-sink.ts";
import type { WatchHub } from "../watch/hub.ts";
import type { WatchId } from "../watch/response-head.ts";
import type { CreateRequest, WatchStream } from "../watch/watch-stream.ts";
import type { Method, StreamCall, StreamHandler } from "./call.ts";
import { decodeWatchRequest } from "./proto/decode-requests.ts";
import type { WatchCreateRequest } from "./proto/messages-key-value.ts";
import { undecodableText } from "./unary.ts";

export interface WatchOptions {
  readonly hub: WatchHub;
  readonly timers: Timers;
  readonly random: Random;
  /** Time between progress ticks of a stream, before jitter (O6g, W43). */
  readonly progressIntervalMs: number;
}

const FILTER_NO_PUT = 0;
const FILTER_NO_DELETE = 1;
/** Names every key from the smallest on: what an empty key stands for (W6). */
const SMALLEST_KEY: Uint8Array = Uint8Array.of(0);

/** The Watch service: one stream a call, any number of watchers on it. */
export function watchMethod(options: WatchOptions): Method {
  return { kind: "stream", open: (call): StreamHandler => new WatchCall(call, options) };
}

/** One client's Watch call: its requests go to the hub's stream, whose answers go to the call. */
class WatchCall implements StreamHandler {
  readonly #call: StreamCall;
  readonly #stream: WatchStream;
  readonly #cancelTick: () => void;

  constructor(call: StreamCall, { hub, timers, random, progressIntervalMs }: WatchOptions) {
    this.#call = call;
    // Whoever authenticates streams says here whose they are.
    this.#stream = hub.open(new CallSink(call), { peer: call.peer, user: "" });
    // One period for the life of the stream, spread so that streams do not tick together (O6g).
    const jitterMs = (random.u32() / 2 ** 32) * (progressIntervalMs / 10);
    this.#cancelTick = every(timers, progressIntervalMs + jitterMs, () =>
      this.#stream.progressTick(),
    );
  }

  message(bytes: Uint8Array): void {
    let request: ReturnType<typeof decodeWatchRequest>;
    try {
      request = decodeWatchRequest(bytes);
    } catch (error) {
      const text = undecodableText(error);
      this.cancelled();
      this.#call.end(GrpcCode.internal, text);
      return;
    }
    const union = request.requestUnion;
    // A request with nothing set is passed over (W4).
    if (union === undefined) return;
    switch (union.kind) {
      case "createRequest":
        this.#stream.create(parseCreate(union.value));
        break;
      case "cancelRequest":
        this.#stream.cancel(toWatchId(union.value.watchId));
        break;
      case "progressRequest":
        this.#stream.requestProgress();
        break;
    }
    // A client that does not read the answers may not make more of them.
    if (!this.#call.writable) this.#call.pauseRequests(true);
  }

  /** W35: the watch goes on; only the connection's end ends it. */
  halfClosed(): void {}

  cancelled(): void {
    this.#cancelTick();
    this.#stream.close();
  }

  drained(): void {
    this.#call.pauseRequests(false);
    this.#stream.drained();
  }
}

/** Lets the watch room send through a call. */
class CallSink implements EventSink {
  readonly #call: StreamCall;

  constructor(call: StreamCall) {
    this.#call = call;
  }

  offer(head: Uint8Array, headLength: number, body: Uint8Array): boolean {
    return this.#call.offer(head, headLength, body);
  }

  control(message: Uint8Array): void {
    this.#call.send(message);
  }
}

/** The bytes are copied: a watch outlives its request. */
function parseCreate(request: WatchCreateRequest): CreateRequest {
  const key = request.key.length === 0 ? SMALLEST_KEY : copyBytes(request.key);
  return {
    id: toWatchId(request.watchId),
    interest: {
      range: parseKeyRange(key, copyBytes(request.rangeEnd)),
      noPut: request.filters.includes(FILTER_NO_PUT),
      noDelete: request.filters.includes(FILTER_NO_DELETE),
      prevKv: request.prevKv,
    },
    startRevision: request.startRevision,
    progressNotify: request.progressNotify,
    fragment: request.fragment,
  };
}

/** Small ids are numbers, so that equal ids are equal keys of a map. */
export function toWatchId(id: bigint): WatchId {
  return id >= 0n && id <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(id) : id;
}
