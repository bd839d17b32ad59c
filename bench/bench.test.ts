import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { builtServer } from "../test/support/built-server.ts";

test("the benchmark measures our server, and all events come", async () => {
  const run = join(import.meta.dirname, "run.mjs");
  const options = ["--rounds", "1", "--warm-up", "0", "--scale", "0.005", "--servers", "vedette"];
  const rows = ["--only", "stall", "--only", "catch-up", "--only", "without a watcher"];
  const env = { ...process.env, VEDETTE_CLI: await builtServer() };
  const { stdout } = await promisify(execFile)(process.execPath, [run, ...options, ...rows], {
    env,
  });
  const figures = stdout.split("\n").filter((line) => line.includes("| vedette"));
  expect(figures).toHaveLength(3);
  for (const line of figures) expect(line).not.toMatch(/NaN|Infinity|undefined/);
});
