import type { DeliveryTimes } from "../../base/delivery-times.ts";
import type { Clock } from "../../base/outside.ts";
import type { TransportCounters } from "../counters.ts";
import type { DeadlineQueue } from "../deadline-queue.ts";
import type { InputTurns } from "../input-turns.ts";
import type { ChunkPool } from "./output.ts";
import type { Stream, StreamConsumer, StreamHost } from "./stream.ts";

/** Something that is flushed at the end of the turn. */
export interface Flushable {
  flush(): void;
}

/** What all connections of a listener share. */
export interface ConnectionContext {
  readonly clock: Clock;
  /** Told when events have left. */
  readonly deliveryTimes: DeliveryTimes;
  readonly deadlines: DeadlineQueue;
  readonly inputTurns: InputTurns;
  readonly pool: ChunkPool;
  readonly counters: TransportCounters;
  readonly maxConcurrentStreams: number;
  readonly keepaliveMinTimeMs: number;
  readonly keepaliveIntervalMs: number;
  readonly keepaliveTimeoutMs: number;
  /** A chance number for hash tables that clients fill. */
  readonly hashSeed: number;
  /**
   * Gives a new stream its consumer. Undefined when it was answered at once and is closed; its head
   * says whether the request is whole already (`stream.hasWholeRequest`).
   */
  open(host: StreamHost, stream: Stream): StreamConsumer | undefined;
  /** Calls `flush` once at the end of this turn of the event loop. */
  flushAtEndOfTurn(connection: Flushable): void;
}
