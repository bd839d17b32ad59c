import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ModelStore } from "../../test/watch/model-store.ts";
import { toRevision, type Revision } from "../base/revision.ts";
import { HistoryCache } from "./history-cache.ts";

/** Revisions 2..`revisions + 1`, every third with two events. */
function storeWith(revisions: number): ModelStore {
  const store = new ModelStore();
  for (let i = 0; i < revisions; i++) {
    const puts = i % 3 === 0 ? [`a${i}`, `b${i}`] : [`a${i}`];
    store.apply(puts.map((key) => ({ kind: "put", key, value: "v" })));
  }
  return store;
}

function newCache(history: ModelStore, bytesMax: number): HistoryCache {
  return new HistoryCache({ history, bytesMax, eventsPerStretch: 4, bytesPerStretch: 10_000 });
}

describe("history cache", () => {
  it("gives every stretch whole, whatever was read before, and holds no more than it may", () => {
    const store = storeWith(60);
    const revision = fc.integer({ min: 2, max: 61 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(revision, fc.integer({ min: 1, max: 60 })), { maxLength: 60 }),
        fc.constantFrom(0, 3000, 100_000),
        (reads, bytesMax) => {
          const cache = newCache(store, bytesMax);
          for (const [at, length] of reads) {
            const limit = Math.min(62, at + length) as Revision;
            const { block, first, end } = cache.read(toRevision(at), limit);
            expect(first <= at && at < end).toBe(true);
            const expected = store.events.filter(
              (one) => one.revision >= first && one.revision < end,
            );
            const seen = Array.from({ length: block.count }, (_, i) => block.revision(i));
            expect(seen).toEqual(expected.map((one) => one.revision));
            expect(cache.bytes).toBeLessThanOrEqual(Math.max(bytesMax, block.bytes));
          }
        },
      ),
    );
  });

  it("reads the store once for those who follow within what it holds", () => {
    const store = storeWith(60);
    const cache = newCache(store, 1e6);
    for (const start of [2, 30, 3, 17, 2]) {
      for (let at = toRevision(start); at < 62; ) at = cache.read(at, 62 as Revision).end;
    }
    expect(cache.eventsRead).toBe(store.events.length);
  });

  it("forgets what was used longest ago", () => {
    const store = storeWith(60);
    const oneStretch = newCache(store, 1e6);
    oneStretch.read(toRevision(2), 62 as Revision);
    const cache = newCache(store, oneStretch.bytes * 2.5);
    const read = (at: number): number => {
      const before = cache.eventsRead;
      cache.read(toRevision(at), 62 as Revision);
      return cache.eventsRead - before;
    };
    expect([read(2), read(20), read(2)].map((events) => events > 0)).toEqual([true, true, false]);
    expect(read(40)).toBeGreaterThan(0);
    expect(read(2)).toBe(0);
    expect(read(20)).toBeGreaterThan(0);
  });
});
