import { assert } from "../base/assert.ts";
import type { Watcher } from "./watcher.ts";

/**
 * Watchers of one class that are served together, in no particular order. Most classes of a store
 * with many watchers have a single one, so an audience of one has no list.
 */
export class Audience {
  #first: Watcher | undefined;
  #others: Watcher[] | undefined;
  /**
   * The last entry of the chain of events gathered for it right now, which the first one follows;
   * -1 = none.
   */
  lastGathered = -1;

  get size(): number {
    if (this.#first === undefined) return 0;
    return this.#others === undefined ? 1 : 1 + this.#others.length;
  }

  /** The watcher on this seat, below `size`. */
  at(seat: number): Watcher {
    const watcher = seat === 0 ? this.#first : this.#others?.[seat - 1];
    assert(watcher !== undefined, "every seat below the size is taken");
    return watcher;
  }

  seat(watcher: Watcher): void {
    assert(watcher.seat === -1, "a watcher sits in one audience");
    watcher.seat = this.size;
    if (this.#first === undefined) this.#first = watcher;
    else if (this.#others === undefined) this.#others = [watcher];
    else this.#others.push(watcher);
  }

  /** The last one takes the place that becomes free: loops over an audience run backwards. */
  unseat(watcher: Watcher): void {
    const { seat } = watcher;
    assert(seat >= 0 && seat < this.size && this.at(seat) === watcher, "a watcher knows its seat");
    const last = this.at(this.size - 1);
    this.#put(seat, last);
    if (this.#others === undefined || this.#others.length === 0) this.#first = undefined;
    else this.#others.pop();
    last.seat = seat;
    watcher.seat = -1;
  }

  #put(seat: number, watcher: Watcher): void {
    if (seat === 0) this.#first = watcher;
    else if (this.#others !== undefined) this.#others[seat - 1] = watcher;
  }
}
