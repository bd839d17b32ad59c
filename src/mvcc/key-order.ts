import { assert } from "../base/assert.ts";
import { compareBytes } from "../base/bytes.ts";
import type { KeyId, KeyTable } from "./key-table.ts";

/**
 * Ids a leaf holds: large enough that few leaves exist, small enough that an insert moves little.
 */
const LEAF_SHIFT = 7;
const LEAF_IDS: number = 1 << LEAF_SHIFT;
const LEAF_MASK: number = LEAF_IDS - 1;
/** A leaf below this joins a neighbour when both then fill at most three quarters of one. */
const LEAF_POOR: number = LEAF_IDS / 4;
const LEAF_JOINED_MAX: number = (LEAF_IDS / 4) * 3;
/** Leaves are allocated by so many at once. */
const POOL_SHIFT = 10;
const POOL_LEAVES: number = 1 << POOL_SHIFT;
const POOL_MASK: number = POOL_LEAVES - 1;

/**
 * All keys in ascending order: leaves of ids, and one array that lists the leaves in order. Only
 * ids are stored; a comparison looks the key up. A position is rank of the leaf * 128 + place in
 * the leaf, so it is valid until the next insert or remove.
 */
export class KeyOrder {
  readonly #table: KeyTable;
  readonly #pools: Uint32Array[] = [];
  /** Leaves in order of their keys. No listed leaf is empty. */
  #order: Uint32Array = new Uint32Array(16);
  #leafCount = 0;
  /** Ids held, by leaf. */
  #counts: Uint8Array = new Uint8Array(16);
  #leafLimit = 0;
  readonly #emptyLeaves: number[] = [];

  constructor(table: KeyTable) {
    this.#table = table;
  }

  get bytes(): number {
    const pools = this.#pools.length * POOL_LEAVES * LEAF_IDS * 4;
    return pools + this.#order.byteLength + this.#counts.byteLength;
  }

  /** The first position; equal to `end` when there is no key. */
  get start(): number {
    return 0;
  }

  /** The position behind the last key. */
  get end(): number {
    return this.#leafCount << LEAF_SHIFT;
  }

  /** The position of the smallest key >= `key`, or `end`. */
  seek(key: Uint8Array): number {
    const rank = this.#rankOf(key);
    if (rank < 0) return 0;
    const leaf = this.#leafAt(rank);
    return this.#normal(rank, this.#placeIn(leaf, key));
  }

  idAt(position: number): KeyId {
    return this.#id(this.#leafAt(position >>> LEAF_SHIFT), position & LEAF_MASK);
  }

  next(position: number): number {
    return this.#normal(position >>> LEAF_SHIFT, (position & LEAF_MASK) + 1);
  }

  /** No more keys than these lie from one position to another; about half as many or more. */
  span(from: number, to: number): number {
    return Math.max(0, to - from);
  }

  /** The key must not be there yet. */
  insert(key: Uint8Array, id: KeyId): void {
    if (this.#leafCount === 0) this.#openLeaf(0);
    let rank = Math.max(this.#rankOf(key), 0);
    let leaf = this.#leafAt(rank);
    let place = this.#placeIn(leaf, key);
    if (this.#count(leaf) === LEAF_IDS) {
      const isLast = rank === this.#leafCount - 1 && place === LEAF_IDS;
      // Keys that come in ascending order leave full leaves behind instead of half empty ones.
      const kept = isLast ? LEAF_IDS : LEAF_IDS / 2;
      this.#split(rank, kept);
      if (place > kept || isLast) {
        rank++;
        leaf = this.#leafAt(rank);
        place -= kept;
      }
    }
    const { pool, start } = this.#room(leaf);
    const count = this.#count(leaf);
    pool.copyWithin(start + place + 1, start + place, start + count);
    pool[start + place] = id;
    this.#counts[leaf] = count + 1;
  }

  remove(key: Uint8Array, id: KeyId): void {
    const position = this.seek(key);
    assert(position < this.end && this.idAt(position) === id, "a removed key was in order");
    const rank = position >>> LEAF_SHIFT;
    const place = position & LEAF_MASK;
    const leaf = this.#leafAt(rank);
    const { pool, start } = this.#room(leaf);
    const count = this.#count(leaf);
    pool.copyWithin(start + place, start + place + 1, start + count);
    this.#counts[leaf] = count - 1;
    if (count === 1) this.#closeLeaf(rank);
    else if (count <= LEAF_POOR) this.#join(rank);
  }

  /** For tests: all keys ascend, no listed leaf is empty, all leaves are listed or spare. */
  checkInvariants(): void {
    let total = 0;
    let before: Uint8Array | undefined;
    for (let position = this.start; position < this.end; position = this.next(position)) {
      const key = this.#table.key(this.idAt(position));
      if (before !== undefined) assert(compareBytes(before, key) < 0, "keys ascend");
      before = key;
      total++;
    }
    assert(total === this.#table.count, "the order holds every key once");
    for (let rank = 0; rank < this.#leafCount; rank++) {
      assert(this.#count(this.#leafAt(rank)) > 0, "no listed leaf is empty");
    }
    assert(
      this.#leafCount + this.#emptyLeaves.length === this.#leafLimit,
      "every leaf is listed or spare",
    );
  }

  /** The rank of the last leaf whose first key is <= `key`; -1 when all are greater. */
  #rankOf(key: Uint8Array): number {
    let low = 0;
    let high = this.#leafCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const first = this.#id(this.#leafAt(middle), 0);
      if (this.#table.compare(first, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The place of the smallest key >= `key` in the leaf, or the leaf's count. */
  #placeIn(leaf: number, key: Uint8Array): number {
    let low = 0;
    let high = this.#count(leaf);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#table.compare(this.#id(leaf, middle), key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #normal(rank: number, place: number): number {
    if (place < this.#count(this.#leafAt(rank))) return (rank << LEAF_SHIFT) | place;
    return (rank + 1) << LEAF_SHIFT;
  }

  /** Moves what stands from `kept` on into a new leaf behind this one. */
  #split(rank: number, kept: number): void {
    const leaf = this.#leafAt(rank);
    const fresh = this.#openLeaf(rank + 1);
    const source = this.#room(leaf);
    const target = this.#room(fresh);
    const moved = source.pool.subarray(source.start + kept, source.start + LEAF_IDS);
    target.pool.set(moved, target.start);
    this.#counts[leaf] = kept;
    this.#counts[fresh] = LEAF_IDS - kept;
  }

  /** Empties a poor leaf into a neighbour, or a neighbour into it, where that fits well. */
  #join(rank: number): void {
    const left = rank + 1 < this.#leafCount ? rank : rank - 1;
    if (left < 0) return;
    const target = this.#leafAt(left);
    const source = this.#leafAt(left + 1);
    const held = this.#count(target);
    const moved = this.#count(source);
    if (held + moved > LEAF_JOINED_MAX) return;
    const from = this.#room(source);
    const to = this.#room(target);
    to.pool.set(from.pool.subarray(from.start, from.start + moved), to.start + held);
    this.#counts[target] = held + moved;
    this.#counts[source] = 0;
    this.#closeLeaf(left + 1);
  }

  #openLeaf(rank: number): number {
    let leaf = this.#emptyLeaves.pop();
    if (leaf === undefined) {
      leaf = this.#leafLimit++;
      if (leaf >>> POOL_SHIFT === this.#pools.length) {
        this.#pools.push(new Uint32Array(POOL_LEAVES * LEAF_IDS));
      }
      this.#growLists();
    }
    this.#order.copyWithin(rank + 1, rank, this.#leafCount);
    this.#order[rank] = leaf;
    this.#counts[leaf] = 0;
    this.#leafCount++;
    return leaf;
  }

  #closeLeaf(rank: number): void {
    this.#emptyLeaves.push(this.#leafAt(rank));
    this.#order.copyWithin(rank, rank + 1, this.#leafCount);
    this.#leafCount--;
  }

  /** The lists hold five bytes a leaf, about a tenth of a byte a key: copying them is short. */
  #growLists(): void {
    if (this.#leafLimit <= this.#order.length) return;
    const order = new Uint32Array(this.#order.length * 2);
    order.set(this.#order);
    this.#order = order;
    const counts = new Uint8Array(this.#counts.length * 2);
    counts.set(this.#counts);
    this.#counts = counts;
  }

  #leafAt(rank: number): number {
    return this.#order[rank] as number;
  }

  #count(leaf: number): number {
    return this.#counts[leaf] as number;
  }

  #id(leaf: number, place: number): KeyId {
    const pool = this.#pools[leaf >>> POOL_SHIFT] as Uint32Array;
    return pool[((leaf & POOL_MASK) << LEAF_SHIFT) | place] as KeyId;
  }

  #room(leaf: number): { readonly pool: Uint32Array; readonly start: number } {
    const pool = this.#pools[leaf >>> POOL_SHIFT] as Uint32Array;
    return { pool, start: (leaf & POOL_MASK) << LEAF_SHIFT };
  }
}
