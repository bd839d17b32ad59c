import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareBytes } from "../base/bytes.ts";
import { intervalOf, KeyIntervals } from "./key-intervals.ts";

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));
const union = (...ranges: readonly (readonly [string, string])[]): KeyIntervals =>
  new KeyIntervals(ranges.map(([key, end]) => intervalOf(bytes(key), bytes(end))));
const covers = (set: KeyIntervals, key: string, end: string): boolean =>
  set.covers(intervalOf(bytes(key), bytes(end)));

describe("the union of granted intervals (A23)", () => {
  test("two grants that touch cover a range across both", () => {
    const set = union(["a", "c"], ["c", "e"]);
    expect(set.size).toBe(1);
    expect(covers(set, "b", "d")).toBe(true);
    expect(covers(union(["a", "c"], ["d", "e"]), "b", "e")).toBe(false);
  });

  test("a grant of a key touches one that starts right behind it", () => {
    expect(covers(union(["a", ""], ["a\0", "c"]), "a", "c")).toBe(true);
    expect(covers(union(["a", ""], ["b", "c"]), "a", "c")).toBe(false);
  });

  test("a zero byte as the end is no end, in a grant and in a request", () => {
    expect(covers(union(["b", "\0"]), "b", "\0")).toBe(true);
    expect(covers(union(["b", "\0"]), "c", "zzz")).toBe(true);
    expect(covers(union(["b", "\0"]), "a", "\0")).toBe(false);
    // A grant of one key is no grant of all that follows it.
    expect(covers(union(["b", ""]), "b", "\0")).toBe(false);
    expect(covers(union(["b", "z"]), "b", "\0")).toBe(false);
  });

  test("a range without keys is covered where its start is", () => {
    expect(covers(union(["a", "z"]), "m", "c")).toBe(true);
    expect(covers(union(["m", "z"]), "m", "c")).toBe(true);
    expect(covers(union(["m", "z"]), "m", "m")).toBe(true);
    expect(covers(union(["m", "\0"]), "m", "c")).toBe(true);
    expect(covers(union(["n", "\0"]), "m", "c")).toBe(false);
    expect(covers(union(["c", "d"]), "m", "c")).toBe(false);
    expect(covers(union(), "m", "c")).toBe(false);
  });

  test("grants of nothing grant nothing", () => {
    const set = union(["m", "c"], ["d", "d"]);
    expect(set.size).toBe(0);
    expect(set.contains(bytes("d"))).toBe(false);
  });
});

/** Every key of up to two letters out of few: all that a range can be asked about. */
const LETTERS = ["\0", "a", "b", "\xff"];
const KEYS = [...LETTERS, ...LETTERS.flatMap((one) => LETTERS.map((two) => one + two))];
const key = fc.constantFrom(...KEYS);
const range = fc.tuple(key, fc.oneof(fc.constant(""), key));

/** The definition: one key at a time. */
function holds([start, end]: readonly [string, string], one: string): boolean {
  if (end === "") return one === start;
  if (compareBytes(bytes(one), bytes(start)) < 0) return false;
  return end === "\0" || compareBytes(bytes(one), bytes(end)) < 0;
}

test("contains and covers agree with asking key by key", () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 6 }), range, (grants, asked) => {
      const set = union(...grants);
      for (const one of KEYS) {
        expect(set.contains(bytes(one))).toBe(grants.some((grant) => holds(grant, one)));
      }
      const wanted = KEYS.filter((one) => holds(asked, one));
      if (wanted.length === 0) return;
      const isGranted = wanted.every((one) => grants.some((grant) => holds(grant, one)));
      // Never more than key by key; less only by keys that are longer than those tried.
      if (covers(set, ...asked)) expect(isGranted).toBe(true);
      if (asked[1] === "") expect(covers(set, ...asked)).toBe(isGranted);
      if (grants.some((grant) => isInside(asked, grant))) expect(covers(set, ...asked)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

function isInside(asked: readonly [string, string], grant: readonly [string, string]): boolean {
  if (grant[1] === "" || asked[1] === "") return false;
  const startsInside = compareBytes(bytes(grant[0]), bytes(asked[0])) <= 0;
  if (grant[1] === "\0") return startsInside;
  return startsInside && asked[1] !== "\0" && compareBytes(bytes(asked[1]), bytes(grant[1])) <= 0;
}
