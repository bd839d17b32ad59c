import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseKeyRange, rangeContains, type KeyRange } from "../base/key-range.ts";
import { joinRanges, partsOf } from "./watch-range.ts";

const KEYS = ["\0", "a", "a\0", "a\0\0", "aa", "b", "b\0", "c", "\xff"];
const bound = fc.constantFrom(...KEYS);
const range: fc.Arbitrary<KeyRange> = fc
  .tuple(bound, fc.oneof(bound, fc.constant("")))
  .map(([key, end]) => parseKeyRange(bytes(key), bytes(end)));

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

describe("joined ranges", () => {
  it("hold the same keys as all of them together, each in one part, parts apart", () => {
    fc.assert(
      fc.property(fc.array(range, { minLength: 1, maxLength: 6 }), (ranges) => {
        const joined = joinRanges(ranges);
        if (ranges.some(({ kind }) => kind === "empty")) {
          expect(joined).toEqual({ kind: "empty" });
          return;
        }
        for (const key of KEYS.map(bytes)) {
          const holders = partsOf(joined).filter((part) => rangeContains(part, key));
          expect(holders.length).toBe(ranges.some((one) => rangeContains(one, key)) ? 1 : 0);
        }
        // Joined once more, nothing is left to join: no two parts overlap or touch.
        expect(joinRanges([...partsOf(joined)].reverse())).toEqual(joined);
      }),
      { numRuns: 500 },
    );
  });

  it("are one plain range where they touch, and a single key stays one", () => {
    const of = (key: string, end: string) => parseKeyRange(bytes(key), bytes(end));
    expect(joinRanges([of("b", "c"), of("a", "b")])).toEqual(of("a", "c"));
    expect(joinRanges([of("a", ""), of("a", "")])).toEqual(of("a", ""));
    expect(joinRanges([of("a", ""), of("a\0", "")])).toEqual(of("a", "a\0\0"));
    expect(joinRanges([of("b", "\0"), of("a", ""), of("c", "d")])).toEqual({
      kind: "several",
      ranges: [of("a", ""), of("b", "\0")],
    });
  });
});
