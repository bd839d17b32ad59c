import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MemoryDisk } from "./memory-disk.ts";

describe("a disk in memory", () => {
  test("reads back what was written, as one array of bytes would", () => {
    const writes = fc.array(
      fc.oneof(
        fc.record({ at: fc.nat(200_000), length: fc.nat(150_000), fill: fc.nat(255) }),
        fc.record({ cut: fc.nat(200_000) }),
      ),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(writes, (steps) => {
        const file = new MemoryDisk().createNow("file");
        const plain = new Uint8Array(400_000);
        let size = 0;
        for (const step of steps) {
          if ("cut" in step) {
            const length = Math.min(step.cut, size);
            file.truncateNow(length);
            plain.fill(0, length);
            size = length;
          } else {
            file.write([new Uint8Array(step.length).fill(step.fill)], step.at, () => {});
            plain.fill(step.fill, step.at, step.at + step.length);
            size = Math.max(size, step.at + step.length);
          }
        }
        expect(file.size()).toBe(size);
        const all = new Uint8Array(size + 10);
        expect(file.read(0, all)).toBe(size);
        expect(Buffer.compare(all.subarray(0, size), plain.subarray(0, size))).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  test("lists the names of one folder, sorted", () => {
    const disk = new MemoryDisk();
    disk.makeFolder("log");
    disk.createNow("log/2");
    disk.createNow("log/1");
    disk.createNow("MANIFEST");
    expect(disk.list("")).toEqual(["MANIFEST", "log"]);
    expect(disk.list("log")).toEqual(["1", "2"]);
    expect(disk.list("none")).toEqual([]);
    disk.removeNow("log/1");
    expect(disk.list("log")).toEqual(["2"]);
  });
});
