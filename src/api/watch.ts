import { GrpcCode } from "../base/errors.ts";
import { every } from "../base/every.ts";
import type { Random, Timers } from "../base/outside.ts";
import type { EventSink } from "../watch/event-sink.ts";
import type { WatchHub } from "../watch/hub.ts";
import type { WatchStream } from "../watch/watch-stream.ts";
import type { WatchClient, WatchGuard } from "./auth/watch-guard.ts";
import type { Method, StreamCall, StreamHandler } from "./call.ts";
import { decodeWatchRequest } from "./proto/decode-requests.ts";
import type { WatchCreateRequest, WatchRequest } from "./proto/messages-key-value.ts";
import { decodeWatchExtensions, type WatchCreateExtensions } from "./proto/watch-extensions.ts";
import { undecodableText } from "./unary.ts";
import {
  parseCreate,
  parseWatchHeader,
  toWatchId,
  WATCH_HEADER,
  type WatchDefaults,
} from "./watch-create.ts";

export interface WatchOptions {
  readonly hub: WatchHub;
  readonly timers: Timers;
  readonly random: Random;
  /** Time between progress ticks of a stream, before jitter (O6g, W43). */
  readonly progressIntervalMs: number;
  readonly guard: WatchGuard;
}

/** Watchers of a stream that ends which leave in one turn: about a millisecond. */
const WATCHERS_LEAVING_PER_TURN = 2_000;

/** A call that was over before it had begun. */
const OVER: StreamHandler = {
  message: () => undefined,
  halfClosed: () => undefined,
  cancelled: () => undefined,
  drained: () => undefined,
};

/** The Watch service: one stream a call, any number of watchers on it. */
export function watchMethod(options: WatchOptions): Method {
  return {
    kind: "stream",
    open: (call): StreamHandler => {
      const defaults = parseWatchHeader(call.header(WATCH_HEADER));
      if (typeof defaults !== "string") return new WatchCall(call, options, defaults);
      call.end(GrpcCode.invalidArgument, defaults);
      return OVER;
    },
  };
}

/** One client's Watch call: its requests go to the hub's stream, whose answers go to the call. */
class WatchCall implements StreamHandler {
  readonly #call: StreamCall;
  readonly #stream: WatchStream;
  readonly #defaults: WatchDefaults;
  readonly #guard: WatchGuard;
  readonly #client: WatchClient;
  readonly #timers: Timers;
  readonly #cancelTick: () => void;

  constructor(call: StreamCall, options: WatchOptions, defaults: WatchDefaults) {
    const { hub, timers, random, progressIntervalMs, guard } = options;
    this.#call = call;
    this.#defaults = defaults;
    this.#guard = guard;
    this.#timers = timers;
    this.#client = guard.client(call);
    this.#stream = hub.open(new CallSink(call), this.#client);
    // One period for the life of the stream, spread so that streams do not tick together (O6g).
    const jitterMs = (random.u32() / 2 ** 32) * (progressIntervalMs / 10);
    this.#cancelTick = every(timers, progressIntervalMs + jitterMs, () =>
      this.#stream.progressTick(),
    );
  }

  message(bytes: Uint8Array): void {
    let request: WatchRequest;
    let extensions: WatchCreateExtensions | undefined;
    try {
      request = decodeWatchRequest(bytes);
      extensions = decodeWatchExtensions(bytes);
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
        this.#create(union.value, extensions);
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

  #create(request: WatchCreateRequest, extensions: WatchCreateExtensions | undefined): void {
    const create = parseCreate(request, extensions, this.#defaults);
    if (typeof create === "string") {
      this.#stream.refuse(create);
      return;
    }
    // In etcd's order: a start below zero is refused before anybody is asked who they are (W9).
    const isJudged = create.startRevision >= 0;
    const refusal = isJudged ? this.#guard.refusal(this.#client, create.interest.range) : undefined;
    if (refusal === undefined) this.#stream.create(create);
    else this.#stream.refuse(refusal);
  }

  /** W35: the watch goes on; only the connection's end ends it. */
  halfClosed(): void {}

  cancelled(): void {
    this.#cancelTick();
    this.#leave();
  }

  /** Many watchers leave in slices: the others do not wait for the end of one client. */
  #leave(): void {
    if (this.#stream.closeSome(WATCHERS_LEAVING_PER_TURN)) {
      this.#timers.endOfTurn(() => this.#leave());
    }
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
