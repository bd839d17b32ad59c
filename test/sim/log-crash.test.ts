import { describe, expect, test } from "vitest";
import { StorageError } from "../../src/storage/storage-error.ts";
import { Violation } from "./log-contents.ts";
import { LogModel } from "./log-model.ts";
import type { Lies } from "./sim-disk.ts";

/** Runs one seed; the error of a run that went wrong names it. */
function runSeed(seed: number, steps: number, lies?: Lies): LogModel {
  try {
    const model = new LogModel(seed, lies);
    model.run(steps);
    return model;
  } catch (error) {
    throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
  }
}

describe("the log, under crashes and disk faults", () => {
  test("keeps what it acknowledged and shows nothing else, for 2,000 seeds", () => {
    let crashes = 0;
    let rewrites = 0;
    let acknowledged = 0;
    let rolls = 0;
    let full = 0;
    for (let seed = 1; seed <= 2000; seed++) {
      const model = runSeed(seed, 200);
      crashes += model.crashes;
      rewrites += model.rewrites;
      acknowledged += model.acknowledged;
      rolls += model.rolls;
      full += model.full;
    }
    // The runs have to reach what they are for.
    expect(crashes).toBeGreaterThan(2500);
    expect(rewrites).toBeGreaterThan(200);
    expect(acknowledged).toBeGreaterThan(50_000);
    expect(rolls).toBeGreaterThan(1000);
    expect(full).toBeGreaterThan(100);
  });

  test.each<[string, Lies]>([
    ["writes are acknowledged before they are durable", { writesAreCached: true }],
    ["names are never made durable", { folderSyncsAreSkipped: true }],
    ["what was read at the start is not synced", { syncsAreSkipped: true }],
  ])("is caught when %s", (_name, lies) => {
    expect(firstCaught(lies, 500)).toBeGreaterThan(0);
  });
});

/** The first seed that finds the fault, or 0. */
function firstCaught(lies: Lies, seeds: number): number {
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      new LogModel(seed, lies).run(150);
    } catch (error) {
      const isFinding = error instanceof Violation || error instanceof StorageError;
      if (!isFinding) throw error;
      return seed;
    }
  }
  return 0;
}
