import { describe, expect, test } from "vitest";
import { LogStore } from "../../src/storage/log-store.ts";
import { MANIFEST_SLOT_BYTES } from "../../src/storage/manifest.ts";
import { StorageError } from "../../src/storage/storage-error.ts";
import { copyOf, type Found } from "./log-contents.ts";
import { LogScript, openAndRead, SCRIPT_OPTIONS } from "./log-script.ts";
import { SimCrash, SimDisk } from "./sim-disk.ts";
import { SimRandom } from "./sim-random.ts";

interface Image {
  readonly disk: SimDisk;
  readonly records: readonly Found[];
}

/** The files of a store that the script left, closed or simply gone. */
function makeImage(end: "close" | "stop"): Image {
  const disk = new SimDisk(1, { preallocates: true });
  const script = new LogScript(disk);
  script.run(end);
  expect(script.hasRewritten).toBe(true);
  const image = disk.crash("process").copy(2);
  expect(image.paths().some((path) => path.endsWith(".cseg"))).toBe(true);
  return { disk: image, records: openAndRead(image.copy(3)) };
}

type Verdict = "refused" | "same" | "cut";

/** Opens a damaged copy: refused with a place, the same data, or the last frames gone. */
function judge(image: Image, damage: (disk: SimDisk) => void): Verdict {
  const disk = image.disk.copy(4);
  damage(disk);
  const before = contentsOf(disk);
  let found: readonly Found[];
  try {
    found = openAndRead(disk);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    expect(error.message).toContain(error.file);
    expect(isUntouched(disk, before)).toBe(true);
    return "refused";
  }
  expect(found).toEqual(image.records.slice(0, found.length));
  return found.length === image.records.length ? "same" : "cut";
}

function contentsOf(disk: SimDisk): ReadonlyMap<string, Uint8Array> {
  return new Map(disk.paths().map((path) => [path, disk.file(path).content()]));
}

function isUntouched(disk: SimDisk, before: ReadonlyMap<string, Uint8Array>): boolean {
  const paths = disk.paths();
  return (
    paths.length === before.size &&
    paths.every((path) => {
      const content = before.get(path);
      return content !== undefined && Buffer.compare(content, disk.file(path).content()) === 0;
    })
  );
}

/** Every offset of the files; of the manifest's empty parts only a few. */
function* places(disk: SimDisk): Generator<{ readonly path: string; readonly offset: number }> {
  for (const path of disk.paths()) {
    const { size } = disk.file(path);
    for (let offset = 0; offset < size; offset++) {
      const inSlot = offset % MANIFEST_SLOT_BYTES;
      if (path === "MANIFEST" && inSlot > 400 && inSlot % 8009 !== 0) continue;
      yield { path, offset };
    }
  }
}

describe("a damaged data folder", () => {
  test("is refused or gives the same data, whichever byte of a closed store was changed", () => {
    const image = makeImage("close");
    const random = new SimRandom(5);
    const verdicts = { refused: 0, same: 0, cut: 0 };
    for (const { path, offset } of places(image.disk)) {
      const mask = 1 << random.below(8);
      const verdict = judge(image, (disk) => disk.file(path).flip(offset, mask));
      verdicts[verdict]++;
    }
    expect(verdicts.cut).toBe(0);
    expect(verdicts.refused).toBeGreaterThan(1000);
    expect(verdicts.same).toBeGreaterThan(0);
  });

  test("loses at most the frame that was written last, if the store was not closed", () => {
    const image = makeImage("stop");
    const random = new SimRandom(6);
    // The script's last frame holds two records.
    const fewest = image.records.length - 2;
    let cuts = 0;
    for (const { path, offset } of places(image.disk)) {
      const disk = image.disk.copy(4);
      disk.file(path).flip(offset, 1 << random.below(8));
      try {
        const found = openAndRead(disk);
        expect(found).toEqual(image.records.slice(0, found.length));
        expect([fewest, image.records.length]).toContain(found.length);
        if (found.length === fewest) cuts++;
      } catch (error) {
        expect(error).toBeInstanceOf(StorageError);
      }
    }
    expect(cuts).toBeGreaterThan(50);
  });

  test("is refused when any file of a closed store is cut anywhere", () => {
    const image = makeImage("close");
    for (const { path, offset } of places(image.disk)) {
      const verdict = judge(image, (disk) => disk.file(path).truncate(offset));
      expect(verdict, `${path} cut at ${offset}`).not.toBe("cut");
    }
  });

  test("is refused when any file of a closed store is missing", () => {
    const image = makeImage("close");
    for (const path of image.disk.paths()) {
      const verdict = judge(image, (disk) => disk.forget(path));
      expect(verdict, path).toBe("refused");
    }
  });

  test("is refused when 512 bytes of a closed store read as zeros", () => {
    const image = makeImage("close");
    for (const path of image.disk.paths()) {
      const content = image.disk.file(path).content();
      for (let start = 0; start < content.length; start += 512) {
        const zeroed = content.slice();
        zeroed.fill(0, start, start + 512);
        const verdict = judge(image, (disk) => disk.put(path, zeroed));
        expect(verdict, `${path} at ${start}`).not.toBe("cut");
      }
    }
  });

  test("is refused when two segments of a closed store change places", () => {
    const image = makeImage("close");
    const segments = image.disk.paths().filter((path) => path.startsWith("log/"));
    for (const one of segments) {
      for (const other of segments) {
        if (one === other) continue;
        const verdict = judge(image, (disk) => {
          const content = disk.file(one).content();
          disk.put(one, disk.file(other).content());
          disk.put(other, content);
        });
        expect(verdict, `${one} and ${other}`).toBe("refused");
      }
    }
  });

  test("is refused when a file of a closed store is an older copy of itself", () => {
    const older = makeImage("close");
    const disk = older.disk.copy(7);
    const store = LogStore.open(disk, SCRIPT_OPTIONS, () => {});
    const main = older.records[older.records.length - 1]?.main ?? 0;
    store.append(1, (main + 1) as never, 0, 10).fill(1);
    store.commit(() => {});
    disk.settle();
    store.close(() => {});
    disk.settle();
    const newer = { disk: disk.copy(8), records: openAndRead(disk.copy(9)) };
    const changed = older.disk.paths().filter((path) => {
      const before = Buffer.from(older.disk.file(path).content());
      return !before.equals(newer.disk.file(path).content());
    });
    expect(changed).toContain("MANIFEST");
    expect(changed.length).toBeGreaterThan(1);
    for (const path of changed) {
      const content = older.disk.file(path).content();
      expect(
        judge(newer, (copy) => copy.put(path, content)),
        path,
      ).toBe("refused");
    }
  });

  test("never gives other bytes when it is damaged after the store was opened", () => {
    const image = makeImage("close");
    let refused = 0;
    for (const { path, offset } of places(image.disk)) {
      if (!path.startsWith("log/") || offset % 5 !== 0) continue;
      const disk = image.disk.copy(10);
      const seen: Found[] = [];
      const store = LogStore.open(disk, SCRIPT_OPTIONS, (record) => seen.push(copyOf(record)));
      disk.file(path).flip(offset, 0x10);
      for (const record of seen) {
        try {
          expect(store.read(record.location)).toEqual(record.payload);
        } catch (error) {
          expect(error).toBeInstanceOf(StorageError);
          refused++;
        }
      }
      const scanned: Found[] = [];
      try {
        store.scan(0 as never, (record) => scanned.push(copyOf(record)) > 0);
        expect(scanned).toEqual(seen);
      } catch (error) {
        expect(error).toBeInstanceOf(StorageError);
        expect(scanned).toEqual(seen.slice(0, scanned.length));
      }
    }
    expect(refused).toBeGreaterThan(100);
  });
});

describe("a machine that stops", () => {
  test.each(["power", "process"] as const)(
    "at any call to the disk loses nothing (%s lost)",
    (kind) => {
      const whole = new SimDisk(11);
      new LogScript(whole).run("close");
      expect(whole.calls).toBeGreaterThan(70);
      for (let turn = 0; turn < 10 * whole.calls; turn++) {
        const call = 1 + (turn % whole.calls);
        const disk = new SimDisk(1000 + turn);
        const script = new LogScript(disk);
        disk.crashAtCall(call);
        try {
          script.run("close");
        } catch (error) {
          if (!(error instanceof SimCrash)) throw error;
        }
        const found = disk.crash(kind);
        const present = script.check(found);
        // What was found once stays: the power may go right after the start.
        script.durable = present;
        script.inFlight = [];
        script.check(found.crash("power"));
      }
    },
  );
});
