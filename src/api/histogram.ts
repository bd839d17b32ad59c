import { assert } from "../base/assert.ts";

/** etcd's buckets for times of disk and requests (G34): 1 ms, doubled 13 times, in seconds. */
export const LATENCY_BUCKETS_SECONDS: readonly number[] = Array.from(
  { length: 14 },
  (_, power) => 0.001 * 2 ** power,
);

/** Counts measured values by size, as Prometheus wants them. */
export class Histogram {
  /** Upper bounds, ascending; what is above the last is only in `count`. */
  readonly bounds: readonly number[];
  readonly #counts: Float64Array;
  #count = 0;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    for (let i = 1; i < bounds.length; i++) {
      assert((bounds[i - 1] as number) < (bounds[i] as number), "bounds of buckets ascend");
    }
    this.bounds = bounds;
    this.#counts = new Float64Array(bounds.length);
  }

  get count(): number {
    return this.#count;
  }

  get sum(): number {
    return this.#sum;
  }

  observe(value: number): void {
    this.#count++;
    this.#sum += value;
    for (let i = 0; i < this.bounds.length; i++) {
      if (value <= (this.bounds[i] as number)) {
        this.#counts[i] = (this.#counts[i] as number) + 1;
        return;
      }
    }
  }

  /** Values at or below each bound, in the order of the bounds. */
  cumulative(): readonly number[] {
    let total = 0;
    return Array.from(this.#counts, (count) => {
      total += count;
      return total;
    });
  }
}
