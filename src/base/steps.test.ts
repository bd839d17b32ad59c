import fc from "fast-check";
import { expect, it } from "vitest";
import { sortInSteps, type Steps } from "./steps.ts";

function finish<Result>(steps: Steps<Result>): { result: Result; count: number } {
  for (let count = 1; ; count++) {
    const step = steps.next();
    if (step.done === true) return { result: step.value, count };
  }
}

it("sorting in steps gives what sorting at once gives", () => {
  const lengths = fc.constantFrom(0, 1, 2, 511, 512, 513, 1024, 1025, 2600);
  fc.assert(
    fc.property(lengths, fc.nat(), fc.integer({ min: 1, max: 5000 }), (length, seed, variety) => {
      const texts = Array.from({ length }, (_, i) => String(((i + seed) * 7919) % variety));
      const kept = [...texts];
      expect(finish(sortInSteps(texts)).result).toEqual([...texts].sort());
      expect(texts).toEqual(kept);
    }),
    { numRuns: 60 },
  );
});

it("no step of sorting touches many texts", () => {
  const texts = Array.from({ length: 5000 }, (_, i) => String(i));
  // Ten runs, then four rounds of merging with a step for each 512 texts.
  expect(finish(sortInSteps(texts)).count).toBeGreaterThan(40);
});
