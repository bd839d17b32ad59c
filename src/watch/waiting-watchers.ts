import { assert } from "../base/assert.ts";
import { Heap } from "../base/heap.ts";
import type { Revision } from "../base/revision.ts";
import type { Position, Watcher } from "./watcher.ts";

/** A watcher that waits; stale once it has another position than it had when it was added. */
interface Waiting {
  readonly watcher: Watcher;
  readonly position: Position;
  readonly from: Revision;
}

/** Not worth pruning below: entries of a hundred bytes each. */
const PRUNE_SIZE_MIN = 64;

/**
 * Watchers that wait for a revision to be reached, lowest first. Whoever moves elsewhere simply
 * leaves: its entry is recognised by its position and passed over. So that watchers which left
 * before their revision came, some of which never comes, are not held for ever, stale entries are
 * thrown out each time the number of entries has doubled.
 */
export class WaitingWatchers {
  readonly #heap = new Heap<Waiting>();
  #pruneSize = PRUNE_SIZE_MIN;

  /** Entries, stale ones included. */
  get size(): number {
    return this.#heap.size;
  }

  /** The lowest revision that somebody waits for; Infinity when nobody does. */
  get least(): number {
    for (;;) {
      const next = this.#heap.peek();
      if (next === undefined || isLive(next)) return this.#heap.least;
      this.#heap.pop();
    }
  }

  /** The watcher, whose position says so already, waits for this revision. */
  add(watcher: Watcher, from: Revision): void {
    if (this.#heap.size >= this.#pruneSize) this.#prune();
    this.#heap.push(from, { watcher, position: watcher.position, from });
  }

  /** Takes out one of those who wait for the least revision. */
  take(): { readonly watcher: Watcher; readonly from: Revision } {
    assert(this.least < Infinity, "somebody waits");
    const next = this.#heap.pop();
    assert(next !== undefined, "a heap with a least order has a value");
    return next;
  }

  /** Takes over all who wait in the other one. */
  takeAll(other: WaitingWatchers): void {
    while (other.least < Infinity) {
      const { watcher, from } = other.take();
      this.add(watcher, from);
    }
  }

  #prune(): void {
    const kept: Waiting[] = [];
    for (let next = this.#heap.pop(); next !== undefined; next = this.#heap.pop()) {
      if (isLive(next)) kept.push(next);
    }
    for (const waiting of kept) this.#heap.push(waiting.from, waiting);
    this.#pruneSize = Math.max(PRUNE_SIZE_MIN, kept.length * 2);
  }
}

function isLive({ watcher, position }: Waiting): boolean {
  return watcher.position === position;
}
