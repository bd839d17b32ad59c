import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventSource } from "../../test/watch/event-source.ts";
import { toRevision } from "../base/revision.ts";
import type { Steps } from "../base/steps.ts";
import { blockInSteps, EventLog } from "./event-log.ts";

function newLog(bytesMax: number): EventLog {
  return new EventLog({ bytesMax, completeFrom: toRevision(2) });
}

function finish<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The revision of every event held, oldest first. */
function revisionsOf(log: EventLog): number[] {
  return log.blocks.flatMap((block) =>
    Array.from({ length: block.count }, (_, i) => block.revision(i)),
  );
}

describe("event log", () => {
  it("is complete from the revision after the head while it is empty", () => {
    const log = new EventLog({ bytesMax: 4096, completeFrom: toRevision(77) });
    expect([log.completeFrom, log.bytes, log.blockOf(toRevision(1))]).toEqual([77, 0, 0]);
  });

  it("gives a revision that is larger than a block a block of its own", () => {
    const log = newLog(1024 * 1024);
    log.append([eventSource(2, "a")]);
    log.append([eventSource(3, "a", { size: 300_000 }), eventSource(3, "b", { size: 300_000 })]);
    log.append([eventSource(4, "a")]);
    expect(log.blocks.map((block) => [block.firstRevision, block.lastRevision])).toEqual([
      [2, 2],
      [3, 3],
      [4, 4],
    ]);
    expect(log.completeFrom).toBe(2);
  });

  it("keeps the newest revision however large it is", () => {
    const log = newLog(8192);
    log.append([eventSource(2, "a")]);
    log.append([eventSource(3, "a", { size: 100_000 })]);
    expect([log.completeFrom, revisionsOf(log)]).toEqual([3, [3]]);
    log.append([eventSource(4, "a")]);
    expect([log.completeFrom, revisionsOf(log)]).toEqual([4, [4]]);
  });

  it("counts the memory of values before as well", () => {
    const log = newLog(16 * 1024);
    log.append([eventSource(2, "a")]);
    const before = log.bytes;
    log.append([eventSource(3, "a", { previous: "x".repeat(20_000) })]);
    expect(log.bytes).toBeGreaterThanOrEqual(before + 20_000);
  });

  it("takes a revision encoded in steps as it takes one encoded at once", () => {
    const sources = Array.from({ length: 600 }, (_, i) =>
      eventSource(2, `k${i}`, i % 3 === 0 ? { type: "delete", previous: `before ${i}` } : {}),
    );
    const [atOnce, inSteps] = [newLog(1024 * 1024), newLog(1024 * 1024)];
    atOnce.append(sources);
    inSteps.append(finish(blockInSteps(sources)));
    const [expected, block] = [atOnce.blocks[0]!, inSteps.blocks[0]!];
    expect([block.count, block.firstRevision, block.lastRevision]).toEqual([600, 2, 2]);
    expect(block.slab).toEqual(expected.slab.subarray(0, expected.start(600)));
    for (let i = 0; i < block.count; i++) {
      expect([block.flags(i), block.keyValue(i), block.previous(i)]).toEqual([
        expected.flags(i),
        expected.keyValue(i),
        expected.previous(i),
      ]);
    }
    expect(inSteps.appendedBytes).toBe(atOnce.appendedBytes);
    expect(inSteps.meanRevisionBytes).toBe(atOnce.meanRevisionBytes);
    inSteps.append([eventSource(3, "a")]);
    expect(inSteps.blocks.map(({ firstRevision }) => firstRevision)).toEqual([2, 3]);
  });

  it("holds whole revisions, all from one on, within its bounds, whatever is appended", () => {
    const revision = fc.array(fc.record({ size: fc.nat({ max: 700 }), prev: fc.boolean() }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.array(revision, { maxLength: 80 }), fc.nat({ max: 90 }), (appended, probe) => {
        const log = newLog(12_000);
        const all: number[] = [];
        for (const [i, events] of appended.entries()) {
          const current = 2 + i;
          const { completeFrom } = log;
          const held = [...log.blocks];
          const sources = events.map(({ size, prev }, key) =>
            eventSource(current, `k${key}`, prev ? { size, previous: "b" } : { size }),
          );
          // Every fourth comes encoded already.
          log.append(i % 4 === 3 ? finish(blockInSteps(sources)) : sources);
          all.push(...events.map(() => current));
          const gone = held.filter((block) => !log.blocks.includes(block));
          const evicted = gone.at(-1)?.bytes ?? 0;
          expect(revisionsOf(log)).toEqual(all.filter((one) => one >= log.completeFrom));
          expect(log.bytes).toBe(log.blocks.reduce((sum, block) => sum + block.bytes, 0));
          if (log.blocks.length > 1) expect(log.bytes).toBeLessThanOrEqual(12_000);
          // Never more than it must: with the last block that went it would have been too much.
          if (log.completeFrom > completeFrom) expect(log.bytes + evicted).toBeGreaterThan(12_000);
        }
        for (let i = 1; i < log.blocks.length; i++) {
          const [block, next] = [log.blocks[i - 1], log.blocks[i]];
          expect(next?.firstRevision).toBe((block?.lastRevision ?? 0) + 1);
        }
        const naive = log.blocks.findIndex((block) => block.lastRevision >= probe);
        expect(log.blockOf(toRevision(probe))).toBe(naive < 0 ? log.blocks.length : naive);
      }),
    );
  });
});
