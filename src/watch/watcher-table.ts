import { assert } from "../base/assert.ts";
import type { WatchId } from "./response-head.ts";
import type { Watcher } from "./watcher.ts";

/** Slots of the list that may be there for each watcher in it. */
const SLOTS_PER_WATCHER_MAX = 4;

/**
 * A stream's watchers by id. Ids that a stream chooses count up (W16): so watchers stand in a list,
 * where each takes a third of the memory that it would take in a map. Ids that lie far from the
 * others, whether chosen by a client or left over from long ago, are in a map beside it.
 */
export class WatcherTable {
  /** By id, from `#firstId` on; at least a quarter of it is taken. */
  #listed: (Watcher | undefined)[] = [];
  #firstId = 0;
  #listedCount = 0;
  #others: Map<WatchId, Watcher> | undefined;

  get size(): number {
    return this.#listedCount + (this.#others?.size ?? 0);
  }

  get(id: WatchId): Watcher | undefined {
    return this.#inList(id) ?? this.#others?.get(id);
  }

  has(id: WatchId): boolean {
    return this.get(id) !== undefined;
  }

  /** Adds a watcher by its id, which no other has. */
  add(watcher: Watcher): void {
    const { id } = watcher;
    assert(!this.has(id), "one watcher has an id");
    if (this.#listedCount === 0 && typeof id === "number") this.#firstId = id;
    const slot = this.#slotOf(id);
    if (slot < 0 || slot >= (this.#listedCount + 1) * SLOTS_PER_WATCHER_MAX) {
      this.#others ??= new Map();
      this.#others.set(id, watcher);
      return;
    }
    // A list made of one watcher has room for no more: most streams have a single one.
    if (this.#listedCount === 0) this.#listed = [watcher];
    while (this.#listed.length < slot) this.#listed.push(undefined);
    this.#listed[slot] = watcher;
    this.#listedCount++;
  }

  delete(id: WatchId): void {
    if (this.#inList(id) === undefined) {
      this.#others?.delete(id);
      return;
    }
    this.#listed[this.#slotOf(id)] = undefined;
    this.#listedCount--;
    if (this.#listedCount * SLOTS_PER_WATCHER_MAX < this.#listed.length) this.#thinOut();
  }

  /**
   * In no particular order. May be walked while watchers come and go: whoever stays is met once.
   * The list comes last, as it is then: whoever is moved from it meanwhile was met before, or stays
   * in the list that is being walked.
   */
  *values(): IterableIterator<Watcher> {
    if (this.#others !== undefined) yield* this.#others.values();
    for (const watcher of this.#listed) {
      if (watcher !== undefined && watcher.position.kind !== "cancelled") yield watcher;
    }
  }

  #inList(id: WatchId): Watcher | undefined {
    const slot = this.#slotOf(id);
    return slot >= 0 && slot < this.#listed.length ? this.#listed[slot] : undefined;
  }

  /** Where the watcher would be in the list; negative = nowhere. */
  #slotOf(id: WatchId): number {
    return typeof id === "number" ? id - this.#firstId : -1;
  }

  /** Most of those in the list have left: the few who stay go, and a new list begins. */
  #thinOut(): void {
    for (const watcher of this.#listed) {
      if (watcher === undefined) continue;
      this.#others ??= new Map();
      this.#others.set(watcher.id, watcher);
    }
    this.#listed = [];
    this.#listedCount = 0;
  }
}
