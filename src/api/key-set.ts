import { compareBytes } from "../base/bytes.ts";

/** The keys from `start` on and below `end`; without an end, the key `start` alone. */
export interface KeySpan {
  readonly start: Uint8Array;
  readonly end: Uint8Array | undefined;
}

/**
 * A set of keys and ranges of keys that grows by whole lists. It is kept as sorted lists of
 * disjoint spans, each at least twice as long as the next, so that adding and looking up cost
 * logarithms however the spans come: a client chooses them, and a txn may hold 100,000.
 */
export class KeySet {
  #lists: (readonly KeySpan[])[] = [];
  #size = 0;

  /** Spans in all lists. */
  get size(): number {
    return this.#size;
  }

  add(spans: KeySpan[]): void {
    if (spans.length === 0) return;
    spans.sort((left, right) => compareBytes(left.start, right.start));
    this.#insert(disjoint(spans));
  }

  addAll(other: KeySet): void {
    for (const list of other.#lists) this.#insert(list);
  }

  /** Whether any key is in both sets. */
  intersects(other: KeySet): boolean {
    if (this.#size > other.#size) return other.intersects(this);
    for (const list of this.#lists) {
      for (const span of list) {
        if (other.#touches(span)) return true;
      }
    }
    return false;
  }

  #touches(span: KeySpan): boolean {
    for (const list of this.#lists) {
      if (listTouches(list, span)) return true;
    }
    return false;
  }

  #insert(list: readonly KeySpan[]): void {
    let merged = list;
    while (this.#lists.length > 0) {
      const last = this.#lists[this.#lists.length - 1] as readonly KeySpan[];
      if (last.length >= 2 * merged.length) break;
      this.#lists.pop();
      this.#size -= last.length;
      merged = disjoint(mergeSorted(last, merged));
    }
    this.#lists.push(merged);
    this.#size += merged.length;
  }
}

/** The only span that can touch another is the last that starts before the other's end. */
function listTouches(list: readonly KeySpan[], span: KeySpan): boolean {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (startsBeforeEnd(list[middle] as KeySpan, span)) low = middle + 1;
    else high = middle;
  }
  return low > 0 && startsBeforeEnd(span, list[low - 1] as KeySpan);
}

/** Whether the first span's start lies below the end of the second. */
function startsBeforeEnd(first: KeySpan, second: KeySpan): boolean {
  if (second.end !== undefined) return compareBytes(first.start, second.end) < 0;
  return compareBytes(first.start, second.start) <= 0;
}

function mergeSorted(left: readonly KeySpan[], right: readonly KeySpan[]): KeySpan[] {
  const merged = new Array<KeySpan>(left.length + right.length);
  let l = 0;
  let r = 0;
  for (let i = 0; i < merged.length; i++) {
    const takesLeft =
      r >= right.length ||
      (l < left.length &&
        compareBytes((left[l] as KeySpan).start, (right[r] as KeySpan).start) <= 0);
    merged[i] = (takesLeft ? left[l++] : right[r++]) as KeySpan;
  }
  return merged;
}

/** Joins spans that overlap; `spans` are sorted by their starts. */
function disjoint(spans: readonly KeySpan[]): readonly KeySpan[] {
  const joined: KeySpan[] = [];
  let last: KeySpan | undefined;
  for (const span of spans) {
    if (last !== undefined && startsBeforeEnd(span, last)) {
      if (span.end === undefined) continue;
      if (last.end !== undefined && compareBytes(last.end, span.end) >= 0) continue;
      last = { start: last.start, end: span.end };
      joined[joined.length - 1] = last;
    } else {
      last = span;
      joined.push(span);
    }
  }
  return joined;
}
