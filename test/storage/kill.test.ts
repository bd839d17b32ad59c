import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LogStore } from "../../src/storage/log-store.ts";
import { NodeDisk } from "../../src/storage/node-disk.ts";
import { Child } from "./child.ts";

const OPTIONS = {
  segmentBytes: 20_000,
  residentBytes: 10_000,
  slabBytes: 5000,
  identity: { clusterId: 1n, memberId: 2n, name: "killed", secret: 3n },
};

/** Appends without an end; after each commit it says the newest main. */
const WRITE = `
  const disk = await NodeDisk.open(folder);
  let main = 0;
  const identity = { clusterId: 1n, memberId: 2n, name: "killed", secret: 3n };
  const options = { segmentBytes: 20_000, residentBytes: 10_000, slabBytes: 5000, identity };
  const store = LogStore.open(disk, options, (record) => { main = record.main; });
  function commit() {
    for (let i = 0; i < 3; i++) {
      main++;
      store.append(1, main, 0, 100).fill(main);
    }
    store.commit((error) => {
      if (error !== undefined) throw error;
      console.log(main);
      commit();
    });
  }
  commit();`;

let folder = "";

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "vedette-kill-"));
});

afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

test("a killed writer's store holds all that it acknowledged, and whole frames only", async () => {
  let acknowledged = 0;
  for (let round = 0; round < 5; round++) {
    const child = await Child.start(WRITE, folder);
    await child.line(100 + 37 * round);
    await child.kill();
    acknowledged = Number(child.lines[child.lines.length - 1]);
    const disk = await NodeDisk.open(folder);
    let last = 0;
    const store = LogStore.open(disk, OPTIONS, (record) => {
      expect(record.main).toBe(last + 1);
      expect(record.payload.every((byte) => byte === record.main % 256)).toBe(true);
      last = record.main;
    });
    expect(last).toBeGreaterThanOrEqual(acknowledged);
    expect(last % 3).toBe(0);
    await new Promise<void>((resolve, reject) => {
      store.close((error) => (error === undefined ? resolve() : reject(error)));
    });
  }
  expect(fs.readdirSync(path.join(folder, "log")).length).toBeGreaterThan(5);
});
