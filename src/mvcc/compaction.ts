import { assert } from "../base/assert.ts";
import type { KeyId } from "./key-table.ts";
import { NO_SLOT, type Slot } from "./slot.ts";
import type { StoreParts } from "./store-parts.ts";

/** Taking a key out of the index costs about as much as looking at so many keys. */
const REMOVAL_COST = 8;

/**
 * Takes what a compaction leaves behind out of the index, a few keys at a time (K62): of each key
 * its newest version <= revision stays if it is a put, or a tombstone exactly at the revision; all
 * that is older goes.
 *
 * Keys are taken by id, not by order: ids stand still while writers go on, keys that come later
 * have no version to drop, and nothing has to be looked up. The walk goes round in a ring: a newer
 * compaction that comes meanwhile lets it go on from where it is for one whole round, so that
 * compacting more often than a round takes cannot keep any key from its turn.
 */
export class Compaction {
  readonly #parts: StoreParts;
  #revision = -1;
  #next = 1;
  /** Where the round turns: the ids that were in use, or had been, when it began are below it. */
  #roundLimit = 1;
  /** Ids that the present round has still to visit. */
  #remaining = 0;
  /** Versions that were cut off a chain and wait to be freed: the newest of them, and how many. */
  #cutSlot: Slot = NO_SLOT;
  #cutCount = 0;
  #removed = 0;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  get isRunning(): boolean {
    return this.#remaining > 0 || this.#cutCount > 0;
  }

  /** Versions that no chain holds any more, but whose slots are not freed yet. */
  get cutCount(): number {
    return this.#cutCount;
  }

  /** Versions freed since the start. */
  get removed(): number {
    return this.#removed;
  }

  /** Begins a round for this revision; an unfinished one is taken over by it. */
  start(revision: number): void {
    assert(revision >= this.#revision, "compacted revisions do not decrease");
    this.#revision = revision;
    this.#roundLimit = this.#parts.keys.table.limit;
    this.#remaining = this.#roundLimit - 1;
  }

  /** Visits keys and frees versions, as many as the budget says in all. True when all is done. */
  step(budget: number): boolean {
    const { keys } = this.#parts;
    let left = budget;
    while (left > 0 && this.isRunning) {
      left--;
      if (this.#cutCount > 0) {
        this.#freeOne();
        continue;
      }
      if (this.#next >= this.#roundLimit) this.#next = 1;
      const id = this.#next as KeyId;
      this.#next++;
      this.#remaining--;
      if (keys.table.head(id) === NO_SLOT) continue;
      if (this.#compactKey(id) === "removed") left -= REMOVAL_COST;
    }
    return !this.isRunning;
  }

  #compactKey(id: KeyId): "kept" | "removed" {
    const { keys, versions } = this.#parts;
    const newest = versions.newestAt(id, this.#revision);
    if (newest === NO_SLOT) return "kept";
    const keep = !versions.isTombstone(newest) || versions.main(newest) === this.#revision;
    const older = versions.older(newest);
    const olderCount = versions.olderCount(newest);
    if (keep) {
      if (olderCount === 0) return "kept";
      this.#cutSlot = older;
      this.#cutCount = olderCount;
      versions.cut(newest, true);
      return "kept";
    }
    this.#cutSlot = newest;
    this.#cutCount = olderCount + 1;
    if (keys.table.head(id) === newest) {
      keys.remove(id);
      return "removed";
    }
    versions.cut(newest, false);
    return "kept";
  }

  #freeOne(): void {
    const { log, versions } = this.#parts;
    log.release(versions.location(this.#cutSlot));
    this.#cutSlot = versions.freeCut(this.#cutSlot);
    this.#cutCount--;
    this.#removed++;
  }
}
