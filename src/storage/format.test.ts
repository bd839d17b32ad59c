import { expect, test } from "vitest";
import { toRevision } from "../base/revision.ts";
import { LogStore } from "./log-store.ts";
import { MANIFEST_SLOT_BYTES } from "./manifest.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { RecordKind } from "./record.ts";

/**
 * The bytes of a small closed store, frozen: what this release writes, every later one must read.
 * A change here is a new format version, with a way to open the old one.
 */
const GOLDEN: Readonly<Record<string, string>> = {
  MANIFEST: [
    "564d414e0c460c8892000000010000000400000000000000887766554433221100ffeeddccbbaa99",
    "efcdab896745230103000000010000000300000000000000020000007c000000ddf969b902000000",
    "020000000000000006000000676f6c64656e0100000001000100b2010000851c5d91010000000000",
    "000002000000010000007c000000ddf969b903",
  ].join(""),
  "log/0000000001.seg": [
    "5653454706480b650100000001000000887766554433221100ffeeddccbbaa99efcdab8967452301",
    "0100000000000000000000000000000000000000000000005646524db31866f64600000002000000",
    "a82837db01000000010000000000000002000000000000001ae458a01b0000000200000000000001",
    "000000007061796c6f6164206f6620746865206669727374207265636f726465b100df0300000002",
    "00000000000002010000000102035646524d0e0ca953dc00000001000000851c5d91010000000200",
    "000000000000ffffffffffff1f00950be371c8000000ffffffffffff1f0300000000",
    "07".repeat(200),
  ].join(""),
  "log/0000000002.seg": [
    "56534547657937ae0100000001000000887766554433221100ffeeddccbbaa99efcdab8967452301",
    "0200000000000000000000000000000000000000000000005646524d0f2f2c531400000001000000",
    "ddf969b9010000000300000000000000ffffffffffff1f00bad2215d00000000ffffffffffff1f01",
    "ffffffff",
  ].join(""),
};

const OPTIONS = {
  segmentBytes: 300,
  residentBytes: 1000,
  identity: {
    clusterId: 0x1122334455667788n,
    memberId: 0x99aabbccddeeff00n,
    name: "golden",
    secret: 0x0123456789abcdefn,
  },
};

function write(): MemoryDisk {
  const disk = new MemoryDisk();
  const store = LogStore.open(disk, OPTIONS, () => {});
  const text = new TextEncoder().encode("payload of the first record");
  store.append(RecordKind.put, toRevision(2), 0, text.length).set(text);
  store.append(RecordKind.tombstone, toRevision(2), 1, 3).set([1, 2, 3]);
  store.commit(() => {});
  store.append(RecordKind.compactionScheduled, toRevision(2 ** 53 - 1), 0, 200).fill(7);
  store.commit(() => {});
  store.append(RecordKind.put, toRevision(2 ** 53 - 1), 4_294_967_295, 0);
  store.commit(() => {});
  store.close(() => {});
  return disk;
}

/** A file as hex, without the zeros at its end. */
function hexOf(disk: MemoryDisk, path: string): string {
  const file = disk.openNow(path);
  const bytes = Buffer.alloc(file.size());
  file.read(0, bytes);
  let end = path === "MANIFEST" ? bytes.length / 2 : bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return bytes.toString("hex", 0, end);
}

test("the bytes of a store are those of format 1", () => {
  const disk = write();
  const paths = ["MANIFEST", ...disk.list("log").map((name) => `log/${name}`)];
  expect(Object.fromEntries(paths.map((path) => [path, hexOf(disk, path)]))).toEqual(GOLDEN);
});

test("a store of format 1 is read", () => {
  const disk = new MemoryDisk();
  disk.makeFolder("log");
  for (const [path, hex] of Object.entries(GOLDEN)) {
    const file = disk.createNow(path);
    file.writeNow(new Uint8Array(path === "MANIFEST" ? 2 * MANIFEST_SLOT_BYTES : 0), 0);
    file.writeNow(Buffer.from(hex, "hex"), 0);
  }
  const seen: string[] = [];
  const store = LogStore.open(disk, OPTIONS, ({ kind, main, sub, payload }) => {
    seen.push(`${kind} ${main}/${sub} ${Buffer.from(payload).toString("latin1").slice(0, 27)}`);
  });
  expect(seen).toEqual([
    "1 2/0 payload of the first record",
    "2 2/1 \x01\x02\x03",
    `3 9007199254740991/0 ${"\x07".repeat(27)}`,
    "1 9007199254740991/4294967295 ",
  ]);
  expect(store.identity).toEqual(OPTIONS.identity);
});
