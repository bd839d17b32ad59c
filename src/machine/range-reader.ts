import { compareBytes } from "../base/bytes.ts";
import type { KeyRange } from "../base/key-range.ts";
import type { Revision } from "../base/revision.ts";
import { createRevisionOf, keysOnly, valueOf, versionOf } from "../mvcc/key-value.ts";
import { NO_SLOT, type Slot } from "../mvcc/slot.ts";
import type { MvccStore } from "../mvcc/store.ts";
import type { RangeQuery } from "./command.ts";
import type { KeyValueBytes, RangeResult } from "./result.ts";

const NO_KEY_VALUES: readonly KeyValueBytes[] = [];

interface NumberedSlot {
  readonly slot: Slot;
  readonly number: number;
}

interface ValuedSlot {
  readonly slot: Slot;
  readonly value: Uint8Array;
}

/**
 * Answers Range queries: collect, filter, sort, cut (K13-K17). One object per machine, since it
 * keeps its collecting array from query to query; not re-entrant.
 */
export class RangeReader {
  readonly #store: MvccStore;
  #slots: Slot[] = [];
  #wanted = 0;
  /** Made once: a visitor per query would be an allocation on the hottest read path. */
  readonly #collect: (slot: Slot) => boolean;

  constructor(store: MvccStore) {
    this.#store = store;
    this.#collect = (slot: Slot): boolean => this.#slots.push(slot) < this.#wanted;
  }

  /**
   * Reads at `at`, which the caller has checked against the store's history. `header` is the
   * revision for the response header: the present one, whatever was asked (K4).
   */
  read(query: RangeQuery, at: Revision, header: Revision): RangeResult {
    const range = query.range;
    if (query.countOnly) {
      const count = this.#count(range, at);
      return { kind: "range", revision: header, keyValues: NO_KEY_VALUES, count, more: false };
    }
    if (range.kind === "single") return this.#readSingle(query, at, header);

    // etcd cuts the reading short for every query that names no order and no bounds, even one that
    // names another sort target, whose sort then sees no more than limit + 1 keys (seen in 3.4.23,
    // and the same in 3.7). Clients cannot tell it from K13 but for that case, so it is kept.
    const cutsEarly =
      query.limit > 0 &&
      !hasBounds(query) &&
      (query.order === "none" || (query.order === "ascend" && query.target === "key"));
    this.#wanted = cutsEarly ? query.limit + 1 : Number.POSITIVE_INFINITY;
    this.#slots = [];
    const complete = this.#store.visit(range, at, this.#collect);
    let slots = this.#slots;
    this.#slots = [];

    const isCounted = complete || !query.withCount;
    const count = isCounted ? slots.length : this.#store.count(range, at);
    if (hasBounds(query)) slots = slots.filter((slot) => this.#withinBounds(slot, query));
    slots = this.#sorted(slots, query);
    const more = query.limit > 0 && slots.length > query.limit;
    const length = more ? query.limit : slots.length;
    const keyValues = new Array<KeyValueBytes>(length);
    for (let i = 0; i < length; i++) keyValues[i] = this.#keyValue(slots[i] as Slot, query);
    return { kind: "range", revision: header, keyValues, count, more };
  }

  /** The commonest query: no array to collect in, nothing to sort, and the limit cannot matter. */
  #readSingle(query: RangeQuery, at: Revision, header: Revision): RangeResult {
    const slot = this.#find(query.range, at);
    if (slot === NO_SLOT) {
      const nothing = NO_KEY_VALUES;
      return { kind: "range", revision: header, keyValues: nothing, count: 0, more: false };
    }
    const within = !hasBounds(query) || this.#withinBounds(slot, query);
    const keyValues = within ? [this.#keyValue(slot, query)] : NO_KEY_VALUES;
    return { kind: "range", revision: header, keyValues, count: 1, more: false };
  }

  #find(range: KeyRange, at: Revision): Slot {
    return range.kind === "single" ? this.#store.find(range.key, at) : NO_SLOT;
  }

  #count(range: KeyRange, at: Revision): number {
    if (range.kind !== "single") return this.#store.count(range, at);
    return this.#store.find(range.key, at) === NO_SLOT ? 0 : 1;
  }

  #keyValue(slot: Slot, query: RangeQuery): KeyValueBytes {
    const bytes = this.#store.keyValue(slot);
    return query.keysOnly ? keysOnly(bytes) : bytes;
  }

  /** K14. A negative bound is a bound like any other, as in etcd: only 0 means none. */
  #withinBounds(slot: Slot, query: RangeQuery): boolean {
    const mod = this.#store.modRevision(slot);
    if (query.maxModRevision !== 0 && mod > query.maxModRevision) return false;
    if (query.minModRevision !== 0 && mod < query.minModRevision) return false;
    if (query.maxCreateRevision === 0 && query.minCreateRevision === 0) return true;
    const create = createRevisionOf(this.#store.keyValue(slot));
    if (query.maxCreateRevision !== 0 && create > query.maxCreateRevision) return false;
    return query.minCreateRevision === 0 || create >= query.minCreateRevision;
  }

  /**
   * Sorts slots that come in ascending order of keys; the sort is stable, so ties stay so (D10).
   */
  #sorted(slots: Slot[], query: RangeQuery): Slot[] {
    switch (query.target) {
      case "key":
        return query.order === "descend" ? slots.reverse() : slots;
      case "value":
        return this.#sortedByValue(slots, query.order === "descend");
      default:
        return this.#sortedByNumber(slots, query);
    }
  }

  #sortedByValue(slots: readonly Slot[], descend: boolean): Slot[] {
    const items = slots.map(
      (slot): ValuedSlot => ({ slot, value: valueOf(this.#store.keyValue(slot)) }),
    );
    if (descend) items.sort((left, right) => compareBytes(right.value, left.value));
    else items.sort((left, right) => compareBytes(left.value, right.value));
    return items.map((item) => item.slot);
  }

  #sortedByNumber(slots: readonly Slot[], query: RangeQuery): Slot[] {
    const items = slots.map(
      (slot): NumberedSlot => ({ slot, number: this.#sortNumber(slot, query) }),
    );
    if (query.order === "descend") items.sort((left, right) => right.number - left.number);
    else items.sort((left, right) => left.number - right.number);
    return items.map((item) => item.slot);
  }

  #sortNumber(slot: Slot, query: RangeQuery): number {
    if (query.target === "mod") return this.#store.modRevision(slot);
    const bytes = this.#store.keyValue(slot);
    return query.target === "version" ? versionOf(bytes) : createRevisionOf(bytes);
  }
}

function hasBounds(query: RangeQuery): boolean {
  return (
    query.minModRevision !== 0 ||
    query.maxModRevision !== 0 ||
    query.minCreateRevision !== 0 ||
    query.maxCreateRevision !== 0
  );
}
