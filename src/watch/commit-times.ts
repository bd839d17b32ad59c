import { assert } from "../base/assert.ts";
import type { Revision } from "../base/revision.ts";

/** Groups whose times are kept at most: 128 KiB. */
const GROUPS_MAX = 8192;
/** Groups may share a time that is wrong by this part of their age. */
const TOLERANCE: number = 1 / 64;
/** And by this much in any case. */
const TOLERANCE_MS = 1;

/**
 * When revisions became durable, in bounded memory: a time for each group commit, and, when there
 * are too many, one time for several that are old enough for the difference not to matter. The age
 * of a revision is told at most 1/64 or 1 ms too long, never too short. Of two neighbouring gaps at
 * least one is wider than that, so fewer than 128 * ln(2^53) groups are left after each clearing.
 */
export class CommitTimes {
  /** First revisions of groups, ascending, and when each group became durable. */
  readonly #firsts = new Float64Array(GROUPS_MAX);
  readonly #timesMs = new Float64Array(GROUPS_MAX);
  #count = 0;
  readonly #openedAtMs: number;

  /** @param openedAtMs stands for the time of all that was there before: it is older than that */
  constructor(openedAtMs: number) {
    this.#openedAtMs = openedAtMs;
  }

  /** A group that begins with this revision, above all before, has become durable. */
  note(first: Revision, nowMs: number): void {
    const last = this.#count - 1;
    assert(last < 0 || (this.#firsts[last] as number) < first, "groups come in order");
    if (this.#count === GROUPS_MAX) this.#merge(nowMs);
    assert(this.#count < GROUPS_MAX, "merging makes room");
    this.#firsts[this.#count] = first;
    this.#timesMs[this.#count] = nowMs;
    this.#count++;
  }

  /** When this revision became durable, or somewhat earlier; the opening, when it was before. */
  timeOf(revision: Revision): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#firsts[middle] as number) <= revision) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? this.#openedAtMs : (this.#timesMs[low - 1] as number);
  }

  /**
   * Gives a group the time of the one before where even the one behind it may have that time: what
   * was merged into it earlier is younger than it, but older than the one behind.
   */
  #merge(nowMs: number): void {
    const times = this.#timesMs;
    let kept = 0;
    for (let i = 1; i < this.#count; i++) {
      const nextMs = i + 1 < this.#count ? (times[i + 1] as number) : nowMs;
      const tolerated = Math.max(TOLERANCE_MS, (nowMs - nextMs) * TOLERANCE);
      if (nextMs - (times[kept] as number) <= tolerated) continue;
      kept++;
      this.#firsts[kept] = this.#firsts[i] as number;
      times[kept] = times[i] as number;
    }
    this.#count = kept + 1;
  }
}
