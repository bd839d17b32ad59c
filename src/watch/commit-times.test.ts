import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toRevision } from "../base/revision.ts";
import { CommitTimes } from "./commit-times.ts";

describe("commit times", () => {
  it("tells when the group of a revision became durable", () => {
    const times = new CommitTimes(100);
    times.note(toRevision(5), 200);
    times.note(toRevision(9), 300);
    const timeOf = (revision: number): number => times.timeOf(toRevision(revision));
    expect([4, 5, 8, 9, 1000].map(timeOf)).toEqual([100, 200, 200, 300, 300]);
  });

  it("is never too late, and hardly too early, whatever the pace and however many groups", () => {
    fc.assert(
      fc.property(fc.array(pace, { minLength: 1, maxLength: 8 }), (paces) => {
        const times = new CommitTimes(0);
        const actual: number[] = [];
        let nowMs = 0;
        for (const { groups, gapMs } of paces) {
          for (let i = 0; i < groups; i++) {
            nowMs += gapMs;
            actual.push(nowMs);
            times.note(toRevision(actual.length), nowMs);
          }
        }
        for (let i = 0; i < actual.length; i++) {
          const ms = actual[i] ?? 0;
          const error = ms - times.timeOf(toRevision(i + 1));
          if (error < 0 || error > Math.max(1, (nowMs - ms) / 64)) {
            throw new Error(
              `group ${i} of ${actual.length}, ${nowMs - ms} ms old: ${error} ms off`,
            );
          }
        }
      }),
      { numRuns: 30 },
    );
  });
});

const pace = fc.record({
  groups: fc.integer({ min: 1, max: 12_000 }),
  gapMs: fc.constantFrom(0, 0.01, 0.4, 1, 3, 50, 1000, 60_000, 86_400_000),
});
