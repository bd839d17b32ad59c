import { expect, it } from "vitest";
import type { Timers } from "../base/outside.ts";
import { toRevision } from "../base/revision.ts";
import type { Command } from "../machine/command.ts";
import { type AutoCompactionOptions, startAutoCompaction } from "./auto-compaction.ts";

const MINUTE_MS = 60_000;

/**
 * A day in which one revision is written each minute; which compactions were asked for, and when.
 */
function compactions(options: AutoCompactionOptions, minutes: number): string[] {
  const seen: string[] = [];
  let nowMs = 0;
  let due: { atMs: number; fire: () => void } | undefined;
  const timers: Timers = {
    after: (delayMs, fire) => {
      due = { atMs: nowMs + delayMs, fire };
      return () => {
        due = undefined;
      };
    },
    endOfTurn: () => {},
  };
  let compacted = -1;
  const replica = {
    get view() {
      return { revision: toRevision(1 + Math.floor(nowMs / MINUTE_MS)), compacted };
    },
    propose: (command: Command) => {
      if (command.kind !== "compact") throw new Error("only compactions are expected");
      compacted = command.revision;
      seen.push(`${nowMs / MINUTE_MS}m:${command.revision}`);
    },
  };
  const stop = startAutoCompaction(options, replica, timers);
  while (due !== undefined && due.atMs <= minutes * MINUTE_MS) {
    nowMs = due.atMs;
    due.fire();
  }
  stop();
  expect(due).toBeUndefined();
  return seen;
}

it("periodic compaction keeps the retention and then works once a period (K66)", () => {
  const options = { mode: "periodic", retentionMs: 30 * MINUTE_MS } as const;
  expect(compactions(options, 95)).toEqual(["30m:1", "60m:31", "90m:61"]);
});

it("periodic compaction with a long retention works hourly once it has passed (K66)", () => {
  const options = { mode: "periodic", retentionMs: 180 * MINUTE_MS } as const;
  expect(compactions(options, 310)).toEqual(["180m:1", "240m:61", "300m:121"]);
});

it("revision compaction keeps the newest revisions, every five minutes (K66)", () => {
  expect(compactions({ mode: "revision", retention: 8 }, 21)).toEqual(["10m:3", "15m:8", "20m:13"]);
});

it("compacts nothing when it is off", () => {
  expect(compactions({ mode: "off" }, 1000)).toEqual([]);
});
