import { assert, unreachable } from "../base/assert.ts";
import { compareBytes, latin1Bytes, latin1Text } from "../base/bytes.ts";
import type { Interval } from "../base/interval-tree.ts";
import type { KeyRange } from "../base/key-range.ts";

/** Which keys a watch is about: one range, or several that have no key in common. */
export type WatchRange = KeyRange | SeveralRanges;

/** Two ranges or more, ascending, none of them empty, no two overlap or touch. */
export interface SeveralRanges {
  readonly kind: "several";
  readonly ranges: readonly KeyRange[];
}

/**
 * A range in the form in which it is kept, a fraction of the memory that byte arrays take: its
 * parts ascending, a single one in most cases.
 */
export type PackedParts = readonly [PackedPart, ...PackedPart[]];

/**
 * Start and end (null = none) as latin1 text. A single key has itself for an end, the same string:
 * the keys of no range end where they start.
 */
export type PackedPart = Interval;

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

export function packRange(range: WatchRange): PackedParts {
  if (range.kind !== "several") return [packPart(range)];
  const [first, ...others] = range.ranges.map(packPart);
  assert(first !== undefined, "several ranges are at least two");
  return [first, ...others];
}

export function unpackRange(packed: PackedParts): WatchRange {
  const [first, ...others] = packed;
  if (others.length === 0) return unpackPart(first);
  return { kind: "several", ranges: packed.map(unpackPart) };
}

/** Whether the key, as latin1 text, is in this part. */
export function partContains(part: PackedPart, key: string): boolean {
  if (isSingleKey(part)) return part.start === key;
  return part.start <= key && (part.end === null || key < part.end);
}

export function isSingleKey({ start, end }: PackedPart): boolean {
  return start === end;
}

function packPart(range: KeyRange): PackedPart {
  switch (range.kind) {
    case "single": {
      const key = textOf(range.key);
      return { start: key, end: key };
    }
    case "range":
      return { start: textOf(range.start), end: textOf(range.end) };
    case "from":
      return { start: textOf(range.start), end: null };
    case "empty":
      assert(false, "a watch of an empty range is refused");
      return { start: "", end: "" };
    default:
      return unreachable(range);
  }
}

function unpackPart(packed: PackedPart): KeyRange {
  const start = latin1Bytes(packed.start);
  if (isSingleKey(packed)) return { kind: "single", key: start };
  if (packed.end === null) return { kind: "from", start };
  return { kind: "range", start, end: latin1Bytes(packed.end) };
}

function textOf(key: Uint8Array): string {
  return latin1Text(key, 0, key.length);
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
