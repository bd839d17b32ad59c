import { Histogram } from "./api/histogram.ts";
import { DELIVERY_BUCKETS_SECONDS } from "./api/watch-metrics.ts";
import type { DeliveryTimes } from "./base/delivery-times.ts";
import type { Clock } from "./base/outside.ts";

/** How long events take from being durable to the kernel; one for hub, transport and metrics. */
export class DeliveryLatency implements DeliveryTimes {
  readonly #clock: Clock;
  readonly histogram: Histogram = new Histogram(DELIVERY_BUCKETS_SECONDS);
  freshSinceMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  left(freshSinceMs: number): void {
    this.histogram.observe((this.#clock.monotonicMs() - freshSinceMs) / 1000);
  }
}
