import { assert } from "../base/assert.ts";
import type { Revision } from "../base/revision.ts";
import type { Location } from "../storage/record.ts";
import type { KeyId, KeyTable } from "./key-table.ts";
import { NO_SLOT, type Slot } from "./slot.ts";

const CHUNK_SHIFT = 14;
const CHUNK_SLOTS: number = 1 << CHUNK_SHIFT;
const CHUNK_MASK: number = CHUNK_SLOTS - 1;
const ENTRY_BYTES = 40;
const ENTRY_FLOATS = 5;
const ENTRY_WORDS = 10;

/** Places in an entry: two floats, then six words. */
const MAIN = 0;
const LOCATION = 1;
const STAMP = 4;
const PREVIOUS = 5;
const JUMP = 6;
const DEPTH = 7;
const JUMP_DEPTH = 8;
const KEY = 9;

const FREED_MAIN = -1;

/** Place in the revision and kind of change in one number: sub * 2 + 1 for a tombstone. */
export function stampOf(sub: number, isTombstone: boolean): number {
  assert(sub < 2 ** 31, "a revision holds fewer than 2^31 changes");
  return sub * 2 + (isTombstone ? 1 : 0);
}

/**
 * All stored versions, 40 bytes each, outside of the heap. The versions of a key form a chain from
 * the newest to the oldest; depth counts from the oldest ever:
 *
 *     head -> depth 7 -> 6 -> 5 -> 4 -> 3   tailDepth = 3: what lies deeper is freed
 *               \________________/^
 *                 jump (skew-binary: "newest version <= r" takes O(log n) steps)
 *
 * Compaction cuts a chain at its old end and tells nobody, so a pointer whose depth is below the
 * key's tail depth leads to a slot that may be another key's by now, and is not followed. Depths
 * are modulo 2^32 and compared by their distance from the tail.
 */
export class VersionChains {
  readonly #keys: KeyTable;
  readonly #floats: Float64Array[] = [];
  readonly #words: Uint32Array[] = [];
  #limit = 1;
  #firstFree: Slot = NO_SLOT;
  #count = 0;

  constructor(keys: KeyTable) {
    this.#keys = keys;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#words.length * CHUNK_SLOTS * ENTRY_BYTES;
  }

  /** Puts a version in front of the key's chain. Versions of a key come in order. */
  add(id: KeyId, main: Revision, stamp: number, location: Location): Slot {
    const slot = this.#takeSlot();
    const floats = this.#floats[slot >>> CHUNK_SHIFT] as Float64Array;
    const floatAt = (slot & CHUNK_MASK) * ENTRY_FLOATS;
    floats[floatAt + MAIN] = main;
    floats[floatAt + LOCATION] = location;
    const words = this.#words[slot >>> CHUNK_SHIFT] as Uint32Array;
    const at = (slot & CHUNK_MASK) * ENTRY_WORDS;
    const previous = this.#keys.head(id);
    words[at + STAMP] = stamp;
    words[at + PREVIOUS] = previous;
    words[at + KEY] = id;
    if (previous === NO_SLOT) {
      words[at + JUMP] = slot;
      words[at + DEPTH] = 0;
      words[at + JUMP_DEPTH] = 0;
      this.#keys.setTailDepth(id, 0);
    } else {
      assert(this.isBefore(previous, main, stamp), "the versions of a key come in order");
      const depth = this.#word(previous, DEPTH);
      words[at + DEPTH] = depth + 1;
      this.#setJump(words, at, previous);
    }
    this.#keys.setHead(id, slot);
    this.#count++;
    return slot;
  }

  /** The newest version of the key with main <= `at`, tombstones included, or NO_SLOT. */
  newestAt(id: KeyId, at: number): Slot {
    let slot = this.#keys.head(id);
    if (this.main(slot) <= at) return slot;
    const tailDepth = this.#keys.tailDepth(id);
    for (;;) {
      const words = this.#words[slot >>> CHUNK_SHIFT] as Uint32Array;
      const entry = (slot & CHUNK_MASK) * ENTRY_WORDS;
      const height = ((words[entry + DEPTH] as number) - tailDepth) >>> 0;
      if (height === 0) return NO_SLOT;
      const jump = words[entry + JUMP] as Slot;
      const jumpHeight = ((words[entry + JUMP_DEPTH] as number) - tailDepth) >>> 0;
      if (jumpHeight < height && this.main(jump) > at) {
        slot = jump;
      } else {
        slot = words[entry + PREVIOUS] as Slot;
        if (this.main(slot) <= at) return slot;
      }
    }
  }

  /** The version of exactly this change, or NO_SLOT when it is not stored. */
  exact(id: KeyId, main: number, sub: number): Slot {
    let slot = this.newestAt(id, main);
    while (slot !== NO_SLOT && this.main(slot) === main) {
      if (this.sub(slot) === sub) return slot;
      slot = this.older(slot);
    }
    return NO_SLOT;
  }

  /** The version before this one of the same key, or NO_SLOT. */
  older(slot: Slot): Slot {
    const isLast = this.#word(slot, DEPTH) === this.#keys.tailDepth(this.key(slot));
    return isLast ? NO_SLOT : (this.#word(slot, PREVIOUS) as Slot);
  }

  /** How many versions of the same key are older than this one. */
  olderCount(slot: Slot): number {
    return (this.#word(slot, DEPTH) - this.#keys.tailDepth(this.key(slot))) >>> 0;
  }

  /**
   * Cuts off all versions older than `slot`, and it too unless `keep`. They stay readable for
   * `freeCut` only, and the caller frees as many as there are. The head can only be kept.
   */
  cut(slot: Slot, keep: boolean): void {
    const id = this.key(slot);
    assert(keep || this.#keys.head(id) !== slot, "a key in the index keeps a version");
    this.#keys.setTailDepth(id, this.#word(slot, DEPTH) + (keep ? 0 : 1));
  }

  /** Frees a version that was cut off, and returns the one before it, if any was cut off too. */
  freeCut(slot: Slot): Slot {
    const previous = this.#word(slot, PREVIOUS) as Slot;
    (this.#floats[slot >>> CHUNK_SHIFT] as Float64Array)[
      (slot & CHUNK_MASK) * ENTRY_FLOATS + MAIN
    ] = FREED_MAIN;
    this.#setWord(slot, PREVIOUS, this.#firstFree);
    this.#firstFree = slot;
    this.#count--;
    return previous;
  }

  main(slot: Slot): Revision {
    return (this.#floats[slot >>> CHUNK_SHIFT] as Float64Array)[
      (slot & CHUNK_MASK) * ENTRY_FLOATS + MAIN
    ] as Revision;
  }

  sub(slot: Slot): number {
    return this.#word(slot, STAMP) >>> 1;
  }

  isTombstone(slot: Slot): boolean {
    return (this.#word(slot, STAMP) & 1) === 1;
  }

  location(slot: Slot): Location {
    return (this.#floats[slot >>> CHUNK_SHIFT] as Float64Array)[
      (slot & CHUNK_MASK) * ENTRY_FLOATS + LOCATION
    ] as Location;
  }

  setLocation(slot: Slot, location: Location): void {
    (this.#floats[slot >>> CHUNK_SHIFT] as Float64Array)[
      (slot & CHUNK_MASK) * ENTRY_FLOATS + LOCATION
    ] = location;
  }

  key(slot: Slot): KeyId {
    return this.#word(slot, KEY) as KeyId;
  }

  /** Whether this version comes before the change (main, stamp). */
  isBefore(slot: Slot, main: number, stamp: number): boolean {
    const own = this.main(slot);
    return own < main || (own === main && this.sub(slot) < stamp >>> 1);
  }

  /** For tests: chains descend, depths fit, jumps lead down their own chain; returns the count. */
  checkInvariants(): number {
    let total = 0;
    for (let id = 1 as KeyId; id < this.#keys.limit; id = (id + 1) as KeyId) {
      if (this.#keys.head(id) !== NO_SLOT) total += this.#checkChain(id);
    }
    let free = 0;
    for (let slot = this.#firstFree; slot !== NO_SLOT; slot = this.#word(slot, PREVIOUS) as Slot) {
      assert(this.main(slot) === FREED_MAIN, "a slot in the free list is freed");
      assert(++free < this.#limit, "the free list ends");
    }
    assert(free + this.#count === this.#limit - 1, "every slot is in use or free");
    return total;
  }

  #checkChain(id: KeyId): number {
    const tailDepth = this.#keys.tailDepth(id);
    const byDepth = new Map<number, Slot>();
    let newer = NO_SLOT;
    for (let slot = this.#keys.head(id); slot !== NO_SLOT; slot = this.older(slot)) {
      assert(this.main(slot) !== FREED_MAIN, "a chain holds no freed slot");
      assert(this.key(slot) === id, "a version belongs to the key of its chain");
      if (newer !== NO_SLOT) {
        assert(
          this.isBefore(slot, this.main(newer), this.#word(newer, STAMP)),
          "revisions descend along a chain",
        );
        const step = (this.#word(newer, DEPTH) - this.#word(slot, DEPTH)) >>> 0;
        assert(step === 1, "depths count down by one along a chain");
      }
      byDepth.set(this.#word(slot, DEPTH), slot);
      newer = slot;
    }
    for (const [depth, slot] of byDepth) {
      const jumpDepth = this.#word(slot, JUMP_DEPTH);
      const isLive = (jumpDepth - tailDepth) >>> 0 < (depth - tailDepth) >>> 0;
      const target = byDepth.get(jumpDepth);
      assert(!isLive || target === this.#word(slot, JUMP), "a live jump leads down its own chain");
    }
    assert(byDepth.has(tailDepth), "a chain ends at its key's tail depth");
    return byDepth.size;
  }

  /**
   * Jumps that span equal distances join into one of double length, as skew-binary digits do. The
   * slot that a jump leads to may be freed and another key's by now: what is read there can then
   * only make a jump to below the tail, which is not followed either.
   */
  #setJump(words: Uint32Array, at: number, previous: Slot): void {
    const depth = this.#word(previous, DEPTH);
    const jump = this.#word(previous, JUMP) as Slot;
    const jumpDepth = this.#word(previous, JUMP_DEPTH);
    const farDepth = this.#word(jump, JUMP_DEPTH);
    if ((depth - jumpDepth) >>> 0 === (jumpDepth - farDepth) >>> 0) {
      words[at + JUMP] = this.#word(jump, JUMP);
      words[at + JUMP_DEPTH] = farDepth;
      return;
    }
    words[at + JUMP] = previous;
    words[at + JUMP_DEPTH] = depth;
  }

  #takeSlot(): Slot {
    const free = this.#firstFree;
    if (free !== NO_SLOT) {
      this.#firstFree = this.#word(free, PREVIOUS) as Slot;
      return free;
    }
    const slot = this.#limit as Slot;
    assert(slot < 2 ** 31, "there are fewer than 2^31 versions");
    if (slot >>> CHUNK_SHIFT === this.#words.length) {
      const memory = new ArrayBuffer(CHUNK_SLOTS * ENTRY_BYTES);
      this.#floats.push(new Float64Array(memory));
      this.#words.push(new Uint32Array(memory));
    }
    this.#limit = slot + 1;
    return slot;
  }

  #word(slot: Slot, field: number): number {
    return (this.#words[slot >>> CHUNK_SHIFT] as Uint32Array)[
      (slot & CHUNK_MASK) * ENTRY_WORDS + field
    ] as number;
  }

  #setWord(slot: Slot, field: number, value: number): void {
    (this.#words[slot >>> CHUNK_SHIFT] as Uint32Array)[(slot & CHUNK_MASK) * ENTRY_WORDS + field] =
      value;
  }
}
