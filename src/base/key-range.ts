import { compareBytes, copyBytes } from "./bytes.ts";

/**
 * Which keys a request means. etcd writes this as `key` + `range_end` with two magic values of
 * `range_end`; that trick stops at `parseKeyRange`, so that nobody inside has to know it.
 */
export type KeyRange =
  /** exactly this key */
  | { readonly kind: "single"; readonly key: Uint8Array }
  /** start <= key < end, bytewise; start < end */
  | { readonly kind: "range"; readonly start: Uint8Array; readonly end: Uint8Array }
  /** key >= start; an empty or one-zero-byte start is every key */
  | { readonly kind: "from"; readonly start: Uint8Array }
  /** no key at all: the request's end is at or below its start (K11) */
  | { readonly kind: "empty" };

/** Turns etcd's `key` and `range_end` into a KeyRange (W7, K11). */
export function parseKeyRange(key: Uint8Array, rangeEnd: Uint8Array): KeyRange {
  if (rangeEnd.length === 0) return { kind: "single", key };
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) return { kind: "from", start: key };
  if (compareBytes(key, rangeEnd) >= 0) return { kind: "empty" };
  return { kind: "range", start: key, end: rangeEnd };
}

/** The same range with bytes of its own. */
export function copyRange(range: KeyRange): KeyRange {
  switch (range.kind) {
    case "single":
      return { kind: "single", key: copyBytes(range.key) };
    case "range":
      return { kind: "range", start: copyBytes(range.start), end: copyBytes(range.end) };
    case "from":
      return { kind: "from", start: copyBytes(range.start) };
    case "empty":
      return range;
  }
}

export function rangeContains(range: KeyRange, key: Uint8Array): boolean {
  switch (range.kind) {
    case "single":
      return compareBytes(range.key, key) === 0;
    case "range":
      return compareBytes(range.start, key) <= 0 && compareBytes(key, range.end) < 0;
    case "from":
      return compareBytes(range.start, key) <= 0;
    case "empty":
      return false;
  }
}
