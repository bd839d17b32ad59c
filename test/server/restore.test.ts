import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type KeyValue, keyValueSize, writeKeyValue } from "../../src/mvcc/key-value.ts";
import type { Revision } from "../../src/base/revision.ts";
import { revisionKey, tombstoneKey } from "../../src/mvcc/record-key.ts";
import { restore } from "../../src/restore.ts";
import { parseRestoreArguments, type Restored } from "../../src/restore-arguments.ts";
import { BoltFileWriter } from "../../src/storage/bolt/file-writer.ts";

type Buckets = Readonly<Record<string, readonly (readonly [Uint8Array, Uint8Array])[]>>;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vedette-restore-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));

function keyValue(key: string, revision: number, changes: Partial<KeyValue> = {}): Uint8Array {
  const stored: KeyValue = {
    key: latin1(key),
    createRevision: revision as Revision,
    modRevision: revision as Revision,
    version: 1,
    value: latin1("v"),
    lease: 0n,
    ...changes,
  };
  const bytes = new Uint8Array(keyValueSize(stored));
  writeKeyValue(bytes, stored);
  return bytes;
}

/** A database with these buckets, and its hash behind it. */
function snapshot(buckets: Buckets): Uint8Array {
  const feed = (writer: BoltFileWriter): ReturnType<BoltFileWriter["finish"]> => {
    for (const name of Object.keys(buckets).toSorted()) {
      writer.begin(latin1(name));
      for (const [key, value] of buckets[name] ?? []) writer.add(key, value);
      writer.end();
    }
    return writer.finish();
  };
  const shape = feed(new BoltFileWriter());
  const pieces: Uint8Array[] = [];
  feed(new BoltFileWriter({ shape, emit: (piece) => void pieces.push(piece) }));
  const body = Buffer.concat(pieces);
  return Buffer.concat([body, createHash("sha256").update(body).digest()]);
}

async function run(file: Uint8Array, ...flags: string[]): Promise<Restored> {
  const path = join(folder, "snapshot.db");
  writeFileSync(path, file);
  const options = parseRestoreArguments([path, "--data-dir", join(folder, "data"), ...flags]);
  if (options === undefined) throw new Error("no help was asked for");
  return restore(options);
}

const KEYS: Buckets["key"] = [
  [revisionKey(2, 0), keyValue("a", 2)],
  [revisionKey(2, 1), keyValue("b", 2)],
  [tombstoneKey(5, 0), Uint8Array.of(10, 1, 97)],
];

describe("restore (M42)", () => {
  it("makes a folder with the member that the flags name", async () => {
    const made = await run(snapshot({ key: KEYS, meta: [] }), "--initial-cluster-token", "x");
    expect(made).toMatchObject({ revision: 5, compacted: -1, keys: 1, versions: 3 });
    expect(made.memberId).not.toBe(0x8e9e05c52164694dn);
    expect(readdirSync(folder).toSorted()).toEqual(["data", "snapshot.db"]);
    expect(readdirSync(join(folder, "data"))).toContain("MANIFEST");
  });

  it("takes an empty database, and a compaction above the last record (K63, K65)", async () => {
    const empty = await run(snapshot({ key: [], meta: [] }));
    expect(empty).toMatchObject({ revision: 1, compacted: -1, keys: 0 });
    rmSync(join(folder, "data"), { recursive: true });
    const meta = [
      [latin1("finishedCompactRev"), revisionKey(4, 0)],
      [latin1("scheduledCompactRev"), revisionKey(9, 0)],
    ] as const;
    expect(await run(snapshot({ key: KEYS, meta }))).toMatchObject({ revision: 9, compacted: 9 });
  });

  it("refuses a folder that holds anything, and takes an empty one", async () => {
    mkdirSync(join(folder, "data"));
    writeFileSync(join(folder, "data/x"), "");
    await expect(run(snapshot({ key: KEYS }))).rejects.toThrow("is not empty");
    expect(readdirSync(join(folder, "data"))).toEqual(["x"]);
    rmSync(join(folder, "data/x"));
    expect((await run(snapshot({ key: KEYS }))).revision).toBe(5);
  });

  it("takes a file without its hash only when told to", async () => {
    const body = snapshot({ key: KEYS }).subarray(0, -32);
    await expect(run(body)).rejects.toThrow("--skip-hash-check");
    expect((await run(body, "--skip-hash-check")).revision).toBe(5);
  });

  const of = (...key: NonNullable<Buckets["key"]>): Uint8Array => snapshot({ key });
  const changed = snapshot({ key: KEYS });
  changed[9000] = (changed[9000] ?? 0) ^ 1;
  it.each<[string, Uint8Array, string]>([
    ["a changed byte", changed, "does not have the hash"],
    ["no database", Buffer.alloc(4096 + 32), "does not have the hash"],
    ["nothing", new Uint8Array(0), "does not end with its hash"],
    ["a database of something else", snapshot({ other: [] }), "no keys' bucket"],
    ["a key that is no revision", of([latin1("x"), keyValue("a", 2)]), "is no revision"],
    ["a revision of 0", of([revisionKey(0, 0), keyValue("a", 0)]), "is no revision"],
    ["a value of another revision", of([revisionKey(3, 0), keyValue("a", 2)]), "other revisions"],
    ["a value without a key", of([revisionKey(2, 0), keyValue("", 2)]), "has no key"],
    ["a value that is none", of([revisionKey(2, 0), Uint8Array.of(10, 9)]), "is damaged"],
    [
      "a version of 0",
      of([revisionKey(2, 0), keyValue("a", 2, { version: 0 })]),
      "other revisions",
    ],
    [
      "a lease of an odd name",
      snapshot({ key: [], lease: [[latin1("l"), latin1("")]] }),
      "a lease",
    ],
    ["an unknown alarm", snapshot({ alarm: [[latin1("\x10\x03"), latin1("")]], key: [] }), "alarm"],
    ["a damaged alarm", snapshot({ alarm: [[latin1("\x10"), latin1("")]], key: [] }), "alarm"],
    [
      "a damaged auth",
      snapshot({ auth: [[latin1("authRevision"), latin1("1")]], key: [] }),
      "its authRevision is damaged",
    ],
    [
      "a damaged user",
      snapshot({ authUsers: [[latin1("u"), latin1("\n\x09u")]], key: [] }),
      "are damaged",
    ],
  ])("refuses %s, and leaves nothing behind", async (_, file, message) => {
    await expect(run(file)).rejects.toThrow(message);
    expect(readdirSync(folder)).toEqual(["snapshot.db"]);
    expect(existsSync(join(folder, "data"))).toBe(false);
  });
});
