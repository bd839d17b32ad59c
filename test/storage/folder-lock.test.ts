import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { NodeDisk } from "../../src/storage/node-disk.ts";
import { StorageError } from "../../src/storage/storage-error.ts";
import { Child } from "./child.ts";

/** Takes the folder and keeps it until it is killed. */
const HOLD = `
  NodeDisk.open(folder).then(
    () => { console.log("held"); setInterval(() => {}, 1000); },
    (error) => { console.log(error.message); process.exit(0); });`;

let folder = "";
let children: Child[] = [];

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "vedette-lock-"));
});

afterEach(async () => {
  for (const child of children) await child.kill();
  children = [];
  fs.rmSync(folder, { recursive: true, force: true });
});

async function start(): Promise<Child> {
  const child = await Child.start(HOLD, folder);
  children.push(child);
  return child;
}

function locks(): readonly string[] {
  return fs.readdirSync(folder).filter((name) => name.startsWith("LOCK"));
}

async function release(disk: NodeDisk): Promise<void> {
  await new Promise<void>((resolve) => disk.close(() => resolve()));
}

async function refusal(): Promise<string> {
  try {
    await release(await NodeDisk.open(folder));
  } catch (error) {
    expect(error).toBeInstanceOf(StorageError);
    return String(error);
  }
  return "taken";
}

describe("the lock of a data folder", () => {
  test("refuses a second server and names the first", async () => {
    const holder = await start();
    expect(await holder.line()).toBe("held");
    expect(await refusal()).toContain(`another server has the data folder: process ${holder.pid}`);
    expect(locks().length).toBe(1);
  });

  test("is held by a stopped process too", async () => {
    const holder = await start();
    await holder.line();
    holder.signal("SIGSTOP");
    expect(await refusal()).toContain(`process ${holder.pid}`);
    holder.signal("SIGCONT");
  });

  test("is free once the holder was killed, and what it left is removed", async () => {
    const holder = await start();
    await holder.line();
    await holder.kill();
    expect(locks().length).toBe(1);
    const disk = await NodeDisk.open(folder);
    expect(locks().length).toBe(1);
    expect(locks()[0]).toContain(`LOCK-${process.pid}-`);
    await release(disk);
    expect(locks()).toEqual([]);
  });

  test("is free although a living process has the number of the dead holder", async () => {
    const holder = await start();
    await holder.line();
    await holder.kill();
    const left = path.join(folder, locks()[0] ?? "");
    fs.renameSync(left, path.join(folder, `LOCK-${process.ppid}-00000000`));
    expect(await refusal()).toBe("taken");
  });

  test("goes to exactly one of several that start at once over a dead one's lock", async () => {
    for (let round = 0; round < 3; round++) {
      const dead = await start();
      await dead.line();
      await dead.kill();
      const rivals = await Promise.all([start(), start(), start(), start(), start()]);
      const said = await Promise.all(rivals.map((rival) => rival.line()));
      expect(said.filter((line) => line === "held").length).toBe(1);
      for (const line of said) expect(line).toMatch(/^held$|another server has the data folder/);
      for (const rival of rivals) await rival.kill();
    }
  });

  test("works in a folder with a long path", async () => {
    folder = path.join(folder, "deep".repeat(20), "deeper".repeat(20));
    const holder = await start();
    expect(await holder.line()).toBe("held");
    expect(await refusal()).toContain(`process ${holder.pid}`);
    await holder.kill();
    expect(await refusal()).toBe("taken");
  });
});

describe("a data folder", () => {
  test("is made for its owner only", async () => {
    folder = path.join(folder, "new", "data");
    await release(await NodeDisk.open(folder));
    expect(fs.statSync(folder).mode & 0o777).toBe(0o700);
  });

  test.each([
    ["member", "the folder holds the data of an etcd server"],
    ["letters.txt", "the folder holds other files (letters.txt)"],
  ])("with %s in it is refused and left alone", async (name, words) => {
    fs.mkdirSync(path.join(folder, name));
    expect(await refusal()).toContain(words);
    expect(fs.readdirSync(folder)).toEqual([name]);
  });

  test("that is a file is refused", async () => {
    folder = path.join(folder, "file");
    fs.writeFileSync(folder, "x");
    expect(await refusal()).toContain("the data folder cannot be used (ENOTDIR)");
    fs.rmSync(folder);
  });
});
