import { assert } from "../base/assert.ts";
import { NO_KEY, type KeyId, type KeyTable } from "./key-table.ts";

/** Pairs of (hash, key id) in one segment. A split moves this many, in well under a millisecond. */
const SEGMENT_PAIRS = 4096;
/** More than this many keys a segment, and it splits: 80 %, where a miss probes 13 pairs. */
const SEGMENT_LOAD_MAX = 0.8;
/** Above this depth equal hashes are being aimed at us; the segment grows instead of splitting. */
const DEPTH_MAX = 20;

/** Linear probing inside one segment; the segment of a hash is chosen by its highest bits. */
interface Segment {
  /** hash, id, hash, id, ...; id 0 is an empty pair. A power of two of pairs. */
  readonly pairs: Int32Array;
  /** How many of the highest bits all hashes here share. */
  readonly depth: number;
  count: number;
}

/**
 * Key -> id by extendible hashing: a directory of segments, each of which splits alone when it is
 * full. So growing moves a few thousand pairs at a time, however many keys there are, and a lookup
 * costs one step more than in one big table.
 */
export class KeyHash {
  readonly #table: KeyTable;
  #directory: Segment[] = [newSegment(0, SEGMENT_PAIRS)];
  /** The directory has 2^depth entries. */
  #depth = 0;
  #bytes: number = SEGMENT_PAIRS * 8;

  constructor(table: KeyTable) {
    this.#table = table;
  }

  get bytes(): number {
    return this.#bytes + this.#directory.length * 8;
  }

  /** `hash` is the key's, as an int32. */
  find(key: Uint8Array, hash: number): KeyId {
    const pairs = this.#segment(hash).pairs;
    const mask = pairs.length - 2;
    for (let at = (hash << 1) & mask; ; at = (at + 2) & mask) {
      const id = pairs[at + 1] as KeyId;
      if (id === NO_KEY) return NO_KEY;
      if (pairs[at] === hash && this.#table.equals(id, key)) return id;
    }
  }

  /** The key must not be there yet. */
  insert(hash: number, id: KeyId): void {
    let segment = this.#segment(hash);
    while (segment.count * 2 >= segment.pairs.length * SEGMENT_LOAD_MAX) {
      this.#makeRoom(segment, hash);
      segment = this.#segment(hash);
    }
    place(segment, hash, id);
  }

  remove(hash: number, id: KeyId): void {
    const segment = this.#segment(hash);
    const { pairs } = segment;
    const mask = pairs.length - 2;
    let hole = (hash << 1) & mask;
    while (pairs[hole + 1] !== id) {
      assert(pairs[hole + 1] !== NO_KEY, "a key that is removed was in the table");
      hole = (hole + 2) & mask;
    }
    segment.count--;
    // Whoever was pushed behind the hole moves into it, so that no probe ends too early.
    for (let at = (hole + 2) & mask; pairs[at + 1] !== NO_KEY; at = (at + 2) & mask) {
      const home = ((pairs[at] as number) << 1) & mask;
      if (((at - home) & mask) >= ((at - hole) & mask)) {
        pairs[hole] = pairs[at] as number;
        pairs[hole + 1] = pairs[at + 1] as number;
        hole = at;
      }
    }
    pairs[hole + 1] = NO_KEY;
  }

  /** For tests: every key is found where it stands, and the directory is in order. */
  checkInvariants(hashOf: (key: Uint8Array) => number): void {
    let count = 0;
    for (const segment of new Set(this.#directory)) {
      assert(segment.depth <= this.#depth, "no segment is deeper than the directory");
      let held = 0;
      for (let at = 0; at < segment.pairs.length; at += 2) {
        const id = segment.pairs[at + 1] as KeyId;
        if (id === NO_KEY) continue;
        held++;
        const key = this.#table.key(id);
        assert(hashOf(key) === segment.pairs[at], "a key stands under its hash");
        assert(this.find(key, hashOf(key)) === id, "every key of the table is found");
      }
      assert(held === segment.count, "a segment knows how many keys it holds");
      count += held;
    }
    assert(count === this.#table.count, "the table holds every key once");
  }

  #segment(hash: number): Segment {
    const index = this.#depth === 0 ? 0 : hash >>> (32 - this.#depth);
    return this.#directory[index] as Segment;
  }

  #makeRoom(segment: Segment, hash: number): void {
    if (segment.depth >= DEPTH_MAX) {
      const grown = newSegment(segment.depth, segment.pairs.length);
      this.#bytes += segment.pairs.length * 4;
      movePairs(segment, grown, grown);
      this.#replace(segment, hash, grown, grown);
      return;
    }
    if (segment.depth === this.#depth) {
      this.#directory = this.#directory.flatMap((entry) => [entry, entry]);
      this.#depth++;
    }
    const low = newSegment(segment.depth + 1, segment.pairs.length / 2);
    const high = newSegment(segment.depth + 1, segment.pairs.length / 2);
    this.#bytes += segment.pairs.length * 4;
    movePairs(segment, low, high);
    this.#replace(segment, hash, low, high);
  }

  /**
   * The directory entries of a segment are neighbours: the first half to `low`, the rest `high`.
   */
  #replace(segment: Segment, hash: number, low: Segment, high: Segment): void {
    const span = 2 ** (this.#depth - segment.depth);
    const index = this.#depth === 0 ? 0 : hash >>> (32 - this.#depth);
    const first = index - (index % span);
    for (let i = 0; i < span; i++) this.#directory[first + i] = i * 2 < span ? low : high;
  }
}

function newSegment(depth: number, pairs: number): Segment {
  return { pairs: new Int32Array(pairs * 2), depth, count: 0 };
}

function place(segment: Segment, hash: number, id: KeyId): void {
  const { pairs } = segment;
  const mask = pairs.length - 2;
  let at = (hash << 1) & mask;
  while (pairs[at + 1] !== NO_KEY) at = (at + 2) & mask;
  pairs[at] = hash;
  pairs[at + 1] = id;
  segment.count++;
}

/** Shares the pairs out by the bit that follows the segment's own. */
function movePairs(source: Segment, low: Segment, high: Segment): void {
  const bit = 31 - source.depth;
  for (let at = 0; at < source.pairs.length; at += 2) {
    const id = source.pairs[at + 1] as KeyId;
    if (id === NO_KEY) continue;
    const hash = source.pairs[at] as number;
    place((hash >>> bit) & 1 ? high : low, hash, id);
  }
}
