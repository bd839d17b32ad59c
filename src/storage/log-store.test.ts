import { describe, expect, test } from "vitest";
import { toRevision } from "../base/revision.ts";
import { LogStore } from "./log-store.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { type Location, RecordKind, type RecordView } from "./record.ts";
import { StorageError } from "./storage-error.ts";

const IDENTITY = { clusterId: 1n, memberId: 2n, name: "one", secret: 3n };

interface Sizes {
  readonly segmentBytes?: number;
  readonly residentBytes?: number;
  readonly slabBytes?: number;
}

function open(disk: MemoryDisk, sizes: Sizes = {}, replayed: RecordView[] = []): LogStore {
  const options = { segmentBytes: 4000, residentBytes: 1e6, identity: IDENTITY, ...sizes };
  return LogStore.open(disk, options, (record) => replayed.push(plain(record)));
}

function plain(record: RecordView): RecordView {
  const { kind, main, sub, payload, location } = record;
  return { kind, main, sub, payload, location };
}

function put(store: LogStore, main: number, length: number, sub = 0): Location {
  store.append(RecordKind.put, toRevision(main), sub, length).fill(main);
  return store.appendedAt;
}

/** Commits; the disk in memory is done at once. */
function commit(store: LogStore): void {
  let answer: Error | undefined | "none" = "none";
  store.commit((error) => {
    answer = error;
  });
  expect(answer).toBeUndefined();
}

function close(store: LogStore): void {
  let isClosed = false;
  store.close((error) => {
    expect(error).toBeUndefined();
    isClosed = true;
  });
  expect(isClosed).toBe(true);
}

function mainsFrom(store: LogStore, from: number): readonly number[] {
  const mains: number[] = [];
  store.scan(toRevision(from), (record) => mains.push(record.main) > 0);
  return mains;
}

function upTo(last: number): readonly number[] {
  return Array.from({ length: last }, (_, i) => i + 1);
}

describe("a log store", () => {
  test("gives back records at once, before they are committed", () => {
    const store = open(new MemoryDisk());
    const location = put(store, 5, 10);
    expect(store.hasUncommitted).toBe(true);
    expect(store.read(location)).toEqual(new Uint8Array(10).fill(5));
    expect(mainsFrom(store, 0)).toEqual([5]);
    commit(store);
    expect(store.hasUncommitted).toBe(false);
  });

  test("replays kind, main, sub, payload and place of every record", () => {
    const disk = new MemoryDisk();
    const store = open(disk);
    const far = 2 ** 53 - 1;
    store.append(RecordKind.compactionScheduled, toRevision(far - 1), 0, 1).fill(9);
    store.append(RecordKind.put, toRevision(far), 4_000_000_000, 0);
    const location = store.appendedAt;
    commit(store);
    close(store);
    const replayed: RecordView[] = [];
    open(disk, {}, replayed);
    expect(replayed.map(({ kind, main, sub }) => [kind, main, sub])).toEqual([
      [3, far - 1, 0],
      [1, far, 4_000_000_000],
    ]);
    expect(replayed[0]?.payload).toEqual(new Uint8Array([9]));
    expect(replayed[1]?.location).toBe(location);
  });

  test("takes one frame of more than 256 MiB, and reads it back", () => {
    const disk = new MemoryDisk();
    const store = open(disk);
    for (let sub = 0; sub < 3; sub++) put(store, 5, 100 * 1024 * 1024, sub);
    const location = put(store, 5, 10, 3);
    commit(store);
    close(store);
    const subs: number[] = [];
    const options = { segmentBytes: 4000, residentBytes: 0, identity: IDENTITY };
    const reopened = LogStore.open(disk, options, (record) => subs.push(record.sub));
    expect(subs).toEqual([0, 1, 2, 3]);
    expect(reopened.read(location)).toEqual(new Uint8Array(10).fill(5));
  });

  test.each([
    ["all in memory", { residentBytes: 1e6 }],
    ["nothing in memory", { residentBytes: 0 }],
    ["slabs smaller than a frame", { slabBytes: 150 }],
    ["a segment a frame", { segmentBytes: 65 }],
  ])("reads and scans the same with %s", (_name, sizes) => {
    const disk = new MemoryDisk();
    const store = open(disk, sizes);
    const locations = new Map<number, Location>();
    for (let main = 1; main <= 300; main++) {
      locations.set(main, put(store, main, (main * 7) % 190));
      if (main % 4 === 0) commit(store);
    }
    const again = (): LogStore => {
      commit(store);
      close(store);
      return open(disk, sizes);
    };
    for (const reader of [store, again()]) {
      for (const [main, location] of locations) {
        expect(reader.read(location)).toEqual(new Uint8Array((main * 7) % 190).fill(main));
      }
      for (const from of [0, 1, 2, 150, 299, 300, 301]) {
        expect(mainsFrom(reader, from)).toEqual(upTo(300).slice(Math.max(0, from - 1)));
      }
    }
  });

  test("a scan finds all records of a main that spreads over frames and segments", () => {
    const store = open(new MemoryDisk(), { segmentBytes: 400, residentBytes: 0 });
    put(store, 1, 10);
    for (let sub = 0; sub < 50; sub++) {
      put(store, 2, 30, sub);
      commit(store);
    }
    expect(mainsFrom(store, 2).length).toBe(50);
  });

  test("a scan stops when its visitor says so", () => {
    const store = open(new MemoryDisk());
    for (let main = 1; main <= 9; main++) put(store, main, 1);
    const seen: number[] = [];
    expect(store.scan(toRevision(3), (record) => seen.push(record.main) < 2)).toBe(false);
    expect(seen).toEqual([3, 4]);
  });

  test("takes a frame larger than a segment, and a record larger than a slab", () => {
    const disk = new MemoryDisk();
    const store = open(disk, { segmentBytes: 1000, slabBytes: 500 });
    for (let main = 1; main <= 30; main++) put(store, main, 700);
    const location = put(store, 31, 50_000);
    commit(store);
    put(store, 32, 5);
    commit(store);
    expect(store.read(location).length).toBe(50_000);
    close(store);
    expect(mainsFrom(open(disk), 0)).toEqual(upTo(32));
  });

  test("keeps no more in memory than it was told to, plus what is being filled", () => {
    const store = open(new MemoryDisk(), { residentBytes: 5000, slabBytes: 1000 });
    for (let main = 1; main <= 200; main++) {
      put(store, main, 100);
      commit(store);
      expect(store.bytesResident).toBeLessThanOrEqual(6000);
    }
  });

  test("payloads that somebody keeps never change", () => {
    const store = open(new MemoryDisk(), { residentBytes: 2000, slabBytes: 300 });
    const kept: Uint8Array[] = [];
    for (let main = 1; main <= 200; main++) {
      const location = put(store, main, 40);
      commit(store);
      kept.push(store.read(location));
    }
    store.scan(toRevision(0), (record) => kept.push(record.payload) > 0);
    kept.forEach((payload, i) => {
      expect(payload).toEqual(new Uint8Array(40).fill((i % 200) + 1));
    });
  });

  test("a commit of nothing is done at once", () => {
    const store = open(new MemoryDisk());
    const { bytesLive } = store;
    commit(store);
    expect(store.bytesLive).toBe(bytesLive);
  });

  test("keeps the identity it was made with", () => {
    const disk = new MemoryDisk();
    close(open(disk));
    const other = { ...IDENTITY, clusterId: 99n };
    const options = { segmentBytes: 4000, residentBytes: 0, identity: other };
    expect(LogStore.open(disk, options, () => {}).identity).toEqual(IDENTITY);
  });

  test("refuses when frames are gone that the manifest knows of", () => {
    const disk = new MemoryDisk();
    const store = open(disk);
    for (let main = 1; main <= 5; main++) {
      put(store, main, 10);
      commit(store);
    }
    close(store);
    // Opened and not closed: from now on the log may only be longer.
    open(disk);
    disk.openNow("log/0000000001.seg").truncateNow(64);
    expect(() => open(disk)).toThrow("frames 1 to 5 are missing");
  });

  test("refuses a folder that something else made", () => {
    const disk = new MemoryDisk();
    disk.createNow("member");
    expect(() => open(disk)).toThrow(StorageError);
    expect(disk.list("")).toEqual(["member"]);
  });

  test("refuses a folder that a newer release made, and says so", () => {
    const disk = new MemoryDisk();
    close(open(disk));
    disk.removeNow("MANIFEST");
    const file = disk.createNow("MANIFEST");
    // The second format's manifest, as far as this release can know it.
    file.writeNow(newerManifest(), 0);
    expect(() => open(disk)).toThrow("format 2 was made by a newer release");
  });
});

describe("rewriting", () => {
  /** Fills segments, releases all but each tenth record, rewrites until nothing is left to do. */
  function fillAndRewrite(disk: MemoryDisk, sizes: Sizes): LogStore {
    const store = open(disk, sizes);
    const places = new Map<number, Location>();
    for (let main = 1; main <= 400; main++) {
      places.set(main, put(store, main, 50));
      if (main % 5 === 0) commit(store);
    }
    const before = store.bytesOnDisk;
    for (const [main, location] of places) {
      if (main % 10 === 0) continue;
      store.release(location);
      places.delete(main);
    }
    for (;;) {
      const rewrite = store.startRewrite({
        keep: (record) => places.get(record.main) === record.location,
        moved: (record, to) => places.set(record.main, to),
        wake: () => {},
      });
      if (rewrite === undefined) break;
      while (rewrite.step(7) !== "done");
      expect(rewrite.failure).toBeUndefined();
    }
    for (const [main, location] of places) {
      expect(store.read(location)).toEqual(new Uint8Array(50).fill(main));
    }
    expect(store.bytesOnDisk).toBeLessThan(before - 20_000);
    return store;
  }

  test.each([
    ["in memory", { residentBytes: 1e6, slabBytes: 1000 }],
    ["on disk", { residentBytes: 0, slabBytes: 1000 }],
  ])("frees the room of released records and keeps the others (%s)", (_name, sizes) => {
    const disk = new MemoryDisk();
    const store = fillAndRewrite(disk, sizes);
    const left = mainsFrom(store, 0);
    for (const main of upTo(40)) expect(left).toContain(main * 10);
    expect(left.length).toBeLessThan(140);
    expect(mainsFrom(store, 200)).toEqual(left.filter((main) => main >= 200));
    const names = disk.list("log").length;
    close(store);
    expect(mainsFrom(open(disk, sizes), 0)).toEqual(left);
    expect(disk.list("log").length).toBe(names);
  });

  test("has nothing to do for a log that is needed", () => {
    const store = open(new MemoryDisk());
    for (let main = 1; main <= 100; main++) put(store, main, 90);
    commit(store);
    const callbacks = { keep: () => true, moved: () => {}, wake: () => {} };
    expect(store.startRewrite(callbacks)).toBeUndefined();
  });
});

function newerManifest(): Uint8Array {
  const disk = new MemoryDisk();
  close(open(disk));
  const bytes = new Uint8Array(400);
  disk.openNow("MANIFEST").read(0, bytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(12, 2, true);
  view.setUint32(4, checksum(bytes.subarray(8, view.getUint32(8, true))), true);
  return bytes;
}

function checksum(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}
