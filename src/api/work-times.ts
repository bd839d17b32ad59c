import type { BackgroundWork } from "../replica/replica.ts";
import { Histogram } from "./histogram.ts";

/** `count` bounds, each twice the one before (G34). */
function doubling(first: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, power) => first * 2 ** power);
}

/** How long the work of the background took since the start, in etcd's buckets. */
export class WorkTimes {
  /** Milliseconds. */
  readonly compactionPauses: Histogram = new Histogram(doubling(1, 13));
  /** Milliseconds. */
  readonly compactions: Histogram = new Histogram(doubling(100, 14));
  /** Seconds. */
  readonly defragmentations: Histogram = new Histogram(doubling(0.1, 13));
  /** Seconds. */
  readonly hashes: Histogram = new Histogram(doubling(0.01, 15));
  #lastCompactionSeconds = 0;

  /** Seconds since 1970 at the end of the last compaction's removal; 0 = none yet. */
  get lastCompactionSeconds(): number {
    return this.#lastCompactionSeconds;
  }

  observe(work: BackgroundWork, ms: number, wallMs: number): void {
    switch (work) {
      case "compaction-slice":
        this.compactionPauses.observe(ms);
        return;
      case "compaction":
        this.compactions.observe(ms);
        this.#lastCompactionSeconds = Math.floor(wallMs / 1000);
        return;
      case "defragment":
        this.defragmentations.observe(ms / 1000);
        return;
      case "hash":
        this.hashes.observe(ms / 1000);
    }
  }
}
