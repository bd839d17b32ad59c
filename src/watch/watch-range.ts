import { compareBytes } from "../base/bytes.ts";
import type { KeyRange } from "../base/key-range.ts";

/** Which keys a watch is about: one range, or several that have no key in common. */
export type WatchRange = KeyRange | SeveralRanges;

/** Two ranges or more, ascending, none of them empty, no two overlap or touch. */
export interface SeveralRanges {
  readonly kind: "several";
  readonly ranges: readonly KeyRange[];
}

/** Start and end (null = none) of a range; of a single key, the end is the key behind it. */
interface Bounds {
  readonly start: Uint8Array;
  end: Uint8Array | null;
}

/**
 * The same keys as disjoint ranges, so that no key is in two of them. One empty range makes all of
 * it empty, as it does alone (W8): whoever asks for it has made a mistake.
 */
export function joinRanges(ranges: readonly KeyRange[]): WatchRange {
  const bounds: Bounds[] = [];
  for (const range of ranges) {
    if (range.kind === "empty") return range;
    bounds.push(boundsOf(range));
  }
  bounds.sort((one, other) => compareBytes(one.start, other.start));
  const joined: Bounds[] = [];
  for (const next of bounds) {
    const last = joined.at(-1);
    const isApart =
      last === undefined || (last.end !== null && compareBytes(last.end, next.start) < 0);
    if (isApart) joined.push(next);
    else if (last.end !== null && (next.end === null || compareBytes(last.end, next.end) < 0)) {
      last.end = next.end;
    }
  }
  const [only, ...others] = joined.map(rangeOf);
  if (only === undefined) return { kind: "empty" };
  return others.length === 0 ? only : { kind: "several", ranges: [only, ...others] };
}

/** The range's parts, ascending. */
export function partsOf(range: WatchRange): readonly KeyRange[] {
  return range.kind === "several" ? range.ranges : [range];
}

function boundsOf(range: Exclude<KeyRange, { kind: "empty" }>): Bounds {
  switch (range.kind) {
    case "single":
      return { start: range.key, end: keyBehind(range.key) };
    case "range":
      return { start: range.start, end: range.end };
    case "from":
      return { start: range.start, end: null };
  }
}

function rangeOf({ start, end }: Bounds): KeyRange {
  if (end === null) return { kind: "from", start };
  const isSingle = end.length === start.length + 1 && compareBytes(end, keyBehind(start)) === 0;
  return isSingle ? { kind: "single", key: start } : { kind: "range", start, end };
}

/** The smallest key that is larger. */
function keyBehind(key: Uint8Array): Uint8Array {
  const behind = new Uint8Array(key.length + 1);
  behind.set(key);
  return behind;
}
