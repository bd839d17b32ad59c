import { compareBytes } from "../base/bytes.ts";

/** The keys from `start` on and below `end`; without an end, all from `start` on. */
export interface KeyInterval {
  readonly start: Uint8Array;
  readonly end: Uint8Array | undefined;
}

/**
 * The keys that etcd's `key` and `range_end` name, as an interval (A23): an empty range_end names
 * the key alone, one zero byte everything from the key on. The end may be at or below the start.
 */
export function intervalOf(key: Uint8Array, rangeEnd: Uint8Array): KeyInterval {
  if (rangeEnd.length === 0) return { start: key, end: keyBehind(key) };
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) return { start: key, end: undefined };
  return { start: key, end: rangeEnd };
}

/** A set of keys as sorted intervals that neither overlap nor touch: the union of those given. */
export class KeyIntervals {
  readonly #merged: readonly KeyInterval[];

  constructor(intervals: readonly KeyInterval[]) {
    this.#merged = merge(intervals);
  }

  get size(): number {
    return this.#merged.length;
  }

  /** Whether the key is in the set. */
  contains(key: Uint8Array): boolean {
    const near = this.#lastStartingAtOrBelow(key);
    return near !== undefined && isBelow(key, near.end);
  }

  /**
   * Whether all keys of the interval are in the set. An interval that ends at or below its start
   * has no keys; it counts as covered where its start is in the set. etcd answers most of these so,
   * and some by the shape of its tree.
   */
  covers({ start, end }: KeyInterval): boolean {
    const near = this.#lastStartingAtOrBelow(start);
    if (near === undefined) return false;
    if (near.end === undefined) return true;
    if (end === undefined) return false;
    if (compareBytes(end, start) > 0) return compareBytes(end, near.end) <= 0;
    return isBelow(start, near.end);
  }

  #lastStartingAtOrBelow(key: Uint8Array): KeyInterval | undefined {
    let low = 0;
    let high = this.#merged.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { start } = this.#merged[middle] as KeyInterval;
      if (compareBytes(start, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return this.#merged[low - 1];
  }
}

function merge(intervals: readonly KeyInterval[]): readonly KeyInterval[] {
  const sorted = intervals
    .filter(({ start, end }) => end === undefined || compareBytes(start, end) < 0)
    .sort((left, right) => compareBytes(left.start, right.start));
  const merged: KeyInterval[] = [];
  for (const next of sorted) {
    const last = merged.at(-1);
    const isApart =
      last === undefined || (last.end !== undefined && compareBytes(last.end, next.start) < 0);
    if (isApart) merged.push(next);
    else if (last.end !== undefined && !isAtOrBelow(next.end, last.end)) {
      merged[merged.length - 1] = { start: last.start, end: next.end };
    }
  }
  return merged;
}

function isBelow(key: Uint8Array, end: Uint8Array | undefined): boolean {
  return end === undefined || compareBytes(key, end) < 0;
}

function isAtOrBelow(end: Uint8Array | undefined, other: Uint8Array): boolean {
  return end !== undefined && compareBytes(end, other) <= 0;
}

/** The smallest key that is larger. */
function keyBehind(key: Uint8Array): Uint8Array {
  const behind = new Uint8Array(key.length + 1);
  behind.set(key);
  return behind;
}
