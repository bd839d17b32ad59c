import { assert } from "../base/assert.ts";
import type { Revision } from "../base/revision.ts";

/** Groups whose times are kept at most: 64 KiB. */
const GROUPS_MAX = 4096;

/**
 * When revisions became durable, one entry a group commit, in bounded memory: when it is full every
 * second entry is dropped, so that the newest groups have their own times and older ones share the
 * time of a neighbour, the coarser the older. At a steady pace the age of a revision is then told
 * at most 1/500 too long, never too short.
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
    if (this.#count === GROUPS_MAX) this.#thin();
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

  /** Keeps the first of each pair. */
  #thin(): void {
    for (let i = 0; 2 * i < this.#count; i++) {
      this.#firsts[i] = this.#firsts[2 * i] as number;
      this.#timesMs[i] = this.#timesMs[2 * i] as number;
    }
    this.#count = Math.ceil(this.#count / 2);
  }
}
