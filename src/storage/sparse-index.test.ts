import fc from "fast-check";
import { expect, test } from "vitest";
import { SparseIndex } from "./sparse-index.ts";

test("an empty index has no place to start", () => {
  const index = new SparseIndex();
  expect(index.firstMain).toBeUndefined();
  expect(index.seek(0)).toBeUndefined();
});

test("reading from where the index says misses no record and skips what it can", () => {
  const steps = fc.array(fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 100_000 })), {
    minLength: 1,
    maxLength: 200,
  });
  fc.assert(
    fc.property(steps, fc.nat(400), (frames, from) => {
      const index = new SparseIndex();
      const all: { main: number; offset: number }[] = [];
      let main = 1;
      let offset = 64;
      for (const [gap, bytes] of frames) {
        main += gap;
        all.push({ main, offset });
        index.add(main, { offset, chain: offset ^ 5, frameNumber: all.length });
        offset += bytes;
      }
      const start = index.seek(from);
      if (start === undefined) throw new Error("there are frames");
      const at = all.findIndex((frame) => frame.offset === start.offset);
      expect(start.frameNumber).toBe(at + 1);
      expect(start.chain).toBe((start.offset ^ 5) >>> 0);
      // The frame before the first one that begins at `from` or later may end with such records.
      const firstNeeded = Math.max(0, all.findIndex((frame) => frame.main >= from) - 1);
      const needed = from > main ? all.length - 1 : firstNeeded;
      expect(at).toBeLessThanOrEqual(needed);
      const skipped = (all[needed]?.offset ?? 0) - start.offset;
      expect(skipped).toBeLessThan(32 * 1024);
    }),
  );
});
