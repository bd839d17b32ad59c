import { expect, test } from "vitest";
import { runCrash } from "./crash-run.ts";

// The long variants are `npm run crash`; this one keeps the run itself honest.

test("three kills lose nothing, repeat nothing and invent nothing", async () => {
  const report = await runCrash({
    server: process.env["VEDETTE_CRASH_SERVER"] === "etcd-3.5" ? "etcd-3.5" : "vedette",
    seed: 20_260,
    kills: 3,
    writers: 16,
    watchers: 20,
    prefixes: 5,
    valueBytes: 256,
    compactChance: 0.5,
    puts: 0,
    secondsMax: 20,
  });
  expect(report.violations).toEqual([]);
  expect(report.kills).toBe(3);
  expect(report.acknowledged).toBeGreaterThan(0);
  expect(report.watchedEvents).toBeGreaterThan(report.acknowledged);
  expect(report.leases).toBeGreaterThan(20);
  expect(report.audited).toBeGreaterThan(100);
});
