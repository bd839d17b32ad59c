import type { DeliveryTimes } from "../../base/delivery-times.ts";
import type { Stream } from "./stream.ts";

/** For a listener that nobody asks how long events take. */
export const NOTHING_FRESH: DeliveryTimes = { freshSinceMs: 0, left: () => undefined };

/**
 * Follows fresh events through one connection to tell when they have left: the oldest of those that
 * are collected for the next write, the oldest of those that are being written, and of the messages
 * that had to queue one at a time, as a probe. Costs one comparison a message; the clock is read
 * once a write.
 */
export class FreshTrace {
  readonly #times: DeliveryTimes;
  /** When the oldest became durable; 0 = none is fresh. */
  #collectedMs = 0;
  #writingMs = 0;
  #probe: Stream | undefined;
  #probeMs = 0;
  /** Bytes of the probe's stream that are queued up to the end of the probe. */
  #probeBytes = 0;

  constructor(times: DeliveryTimes) {
    this.#times = times;
  }

  /** A message was written to the output; the first of a write is the oldest. */
  collected(): void {
    if (this.#collectedMs === 0) this.#collectedMs = this.#times.freshSinceMs;
  }

  /** A message has just become the last one in the stream's queue. */
  queued(stream: Stream): void {
    if (this.#times.freshSinceMs === 0 || this.#probe !== undefined) return;
    this.#probe = stream;
    this.#probeMs = this.#times.freshSinceMs;
    this.#probeBytes = stream.queuedBytes;
  }

  /** The first bytes of the stream's queue were written to the output. */
  moved(stream: Stream, bytes: number): void {
    if (stream !== this.#probe) return;
    this.#probeBytes -= bytes;
    if (this.#probeBytes > 0) return;
    this.#probe = undefined;
    if (this.#collectedMs === 0 || this.#probeMs < this.#collectedMs) {
      this.#collectedMs = this.#probeMs;
    }
  }

  /** What the stream has queued will not be sent. */
  dropped(stream: Stream): void {
    if (stream === this.#probe) this.#probe = undefined;
  }

  /** All that was collected is handed to the socket. */
  writing(): void {
    this.#writingMs = this.#collectedMs;
    this.#collectedMs = 0;
  }

  /** The kernel has taken it. */
  written(): void {
    if (this.#writingMs !== 0) this.#times.left(this.#writingMs);
  }
}
