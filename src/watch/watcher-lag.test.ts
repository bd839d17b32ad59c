import { describe, expect, it, test } from "vitest";
import { eventSource } from "../../test/watch/event-source.ts";
import { type Revision, toRevision } from "../base/revision.ts";
import { CommitTimes } from "./commit-times.ts";
import { EventLog } from "./event-log.ts";
import type { Sweep } from "./sweep.ts";
import { cursorOf, lagBytes, lagMs, lagRevisions } from "./watcher-lag.ts";
import type { Position } from "./watcher.ts";

const HEAD = toRevision(100);

function at(revision: number): Revision {
  return toRevision(revision);
}

const sweep = { at: at(40) } as Sweep;

test.each<[Position, number]>([
  [{ kind: "synced" }, 101],
  [{ kind: "future", nextRevision: at(150) }, 150],
  [{ kind: "unsynced", nextRevision: at(7) }, 7],
  [{ kind: "victim", nextRevision: at(100) }, 100],
  [{ kind: "riding", sweep, boarded: at(12) }, 40],
  [{ kind: "riding", sweep, boarded: at(43) }, 43],
])("the cursor of %o is %i", (position, cursor) => {
  expect(cursorOf(position, HEAD)).toBe(cursor);
});

test.each([
  [101, 0],
  [100, 1],
  [1, 100],
  [150, 0],
])("whose next revision is %i of 101 lacks %i revisions", (cursor, lag) => {
  expect(lagRevisions(at(cursor), HEAD)).toBe(lag);
});

describe("lag in bytes", () => {
  /** Revisions 11 to 30; odd ones are larger, every fifth has two events. */
  function filledLog(bytesMax: number): { log: EventLog; sizes: Map<number, number> } {
    const log = new EventLog({ bytesMax, completeFrom: at(11) });
    const sizes = new Map<number, number>();
    for (let revision = 11; revision <= 30; revision++) {
      const one = eventSource(revision, "key", { size: revision % 2 === 0 ? 10 : 200 });
      const before = log.appendedBytes;
      log.append(revision % 5 === 0 ? [one, one] : [one]);
      sizes.set(revision, log.appendedBytes - before);
    }
    return { log, sizes };
  }

  it("is that of the events from the cursor on, to the byte, while the log holds them", () => {
    const { log, sizes } = filledLog(1_000_000);
    let expected = 0;
    for (let cursor = 31; cursor >= 11; cursor--) {
      expected += sizes.get(cursor) ?? 0;
      expect(lagBytes(log, at(cursor), 1e9)).toEqual({ bytes: expected, isEstimate: false });
    }
  });

  it("counts what the log has dropped at the mean of all that it ever held", () => {
    const { log, sizes } = filledLog(2048);
    const { completeFrom } = log;
    expect(completeFrom).toBeGreaterThan(12);
    const mean = log.appendedBytes / 20;
    let held = 0;
    for (let revision: number = completeFrom; revision <= 30; revision++) {
      held += sizes.get(revision) ?? 0;
    }
    expect(lagBytes(log, completeFrom, 1e9)).toEqual({ bytes: held, isEstimate: false });
    const cursor = at(completeFrom - 3);
    const bytes = held + Math.round(3 * mean);
    expect(lagBytes(log, cursor, 1e9)).toEqual({ bytes, isEstimate: true });
  });

  it("takes the guess for a revision while nothing was ever in the log", () => {
    const log = new EventLog({ bytesMax: 1000, completeFrom: at(101) });
    expect(lagBytes(log, at(91), 70)).toEqual({ bytes: 700, isEstimate: true });
    expect(lagBytes(log, at(101), 70)).toEqual({ bytes: 0, isEstimate: false });
  });
});

describe("lag in time", () => {
  const times = new CommitTimes(1000);
  times.note(at(50), 2000);
  times.note(at(90), 2500);

  test.each([
    [101, 0],
    [95, 500],
    [60, 1000],
    // Older than this process: at least the time since its start.
    [20, 2000],
  ])("is the age of the revision waited for: that of %i is %i ms", (cursor, ms) => {
    expect(lagMs(times, at(cursor), { head: HEAD, nowMs: 3000 })).toBe(ms);
  });
});
