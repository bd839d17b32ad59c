import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KeySet, type KeySpan } from "./key-set.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");

/** Every key of up to two letters out of three: a world small enough to list. */
const WORLD = ["a", "b", "c"].flatMap((first) => [
  first,
  ...["a", "b", "c"].map((second) => first + second),
]);

const span: fc.Arbitrary<KeySpan> = fc
  .tuple(fc.constantFrom(...WORLD), fc.option(fc.constantFrom(...WORLD, "d")))
  .filter(([start, end]) => end === null || start < end)
  .map(([start, end]) => ({
    start: bytes(start),
    end: end === null ? undefined : bytes(end),
  }));

const lists = fc.array(fc.array(span, { maxLength: 6 }), { maxLength: 8 });

describe("KeySet", () => {
  test("intersects another set when a key of the world is in both", () => {
    fc.assert(
      fc.property(lists, lists, (left, right) => {
        const expected = WORLD.some((key) => isIn(left.flat(), key) && isIn(right.flat(), key));
        expect(setOf(left).intersects(setOf(right))).toBe(expected);
        expect(setOf(right).intersects(setOf(left))).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });

  test("holds what another set held once it is added, and no key beside", () => {
    fc.assert(
      fc.property(lists, lists, (left, right) => {
        const united = setOf(left);
        united.addAll(setOf(right));
        for (const key of WORLD) {
          const point = new KeySet();
          point.add([{ start: bytes(key), end: undefined }]);
          expect(united.intersects(point)).toBe(isIn([...left, ...right].flat(), key));
        }
      }),
    );
  });

  test("keeps equal keys once", () => {
    const set = new KeySet();
    set.add([point("a"), point("b"), point("a")]);
    expect(set.size).toBe(2);
  });

  test("stays a handful of lists however the keys come", () => {
    const set = new KeySet();
    const other = new KeySet();
    for (let i = 0; i < 20_000; i++) {
      set.add([point(`k${(i * 7919) % 20_000}x`)]);
      other.add([point(`k${i}y`)]);
    }
    expect(set.size).toBe(20_000);
    expect(set.intersects(other)).toBe(false);
    other.add([point("k4711x")]);
    expect(set.intersects(other)).toBe(true);
  });
});

function point(key: string): KeySpan {
  return { start: bytes(key), end: undefined };
}

function setOf(lists: readonly (readonly KeySpan[])[]): KeySet {
  const set = new KeySet();
  for (const list of lists) set.add([...list]);
  return set;
}

function isIn(spans: readonly KeySpan[], key: string): boolean {
  return spans.some(({ start, end }) => {
    const first = Buffer.from(start).toString("latin1");
    if (end === undefined) return key === first;
    return key >= first && key < Buffer.from(end).toString("latin1");
  });
}
