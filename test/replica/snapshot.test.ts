import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { EtcdError } from "../../src/base/errors.ts";
import { toRevision } from "../../src/base/revision.ts";
import type { Command } from "../../src/machine/command.ts";
import { MvccStore } from "../../src/mvcc/store.ts";
import { EtcdImport, ImportError } from "../../src/replica/etcd-import.ts";
import type { OpenedReplica } from "../../src/replica/open-replica.ts";
import type { Snapshot } from "../../src/replica/snapshot-runner.ts";
import { BoltError, BoltReader, type ByteSource } from "../../src/storage/bolt/reader.ts";
import { MemoryDisk } from "../../src/storage/memory-disk.ts";
import { MemoryLog } from "../mvcc/memory-log.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { openTestReplica } from "../support/test-replica.ts";
import { latin1 } from "../watch/model-store.ts";
import { putCommand } from "../support/commands.ts";

const MEMBER = {
  memberId: 0xabcn,
  name: "m",
  peerUrls: ["http://localhost:2380"],
  clientUrls: [],
  raftTerm: 2n,
};
/** Large enough that a few of them make a pass of several slices. */
const LARGE = 100_000;

let timers: ManualTimers;
let opened: OpenedReplica;

beforeEach(() => {
  timers = new ManualTimers();
  opened = openTestReplica({
    disk: new MemoryDisk(),
    timers,
    watch: {
      limits: { watchersPerStream: 10, watchersTotal: 10 },
      eventLogBytes: 4096,
      responseBytesMax: 1000,
      fragmentBytes: 1000,
      eventsPerStep: 2,
    },
  });
  timers.settle();
});

function propose(command: Command): void {
  opened.replica.propose(command, (outcome) => {
    if (outcome instanceof EtcdError) throw outcome;
  });
}

function put(key: string, size = 10, lease = 0n): void {
  propose(putCommand(latin1(key), new Uint8Array(size).fill(key.length), lease));
}

function deleteKey(key: string): void {
  propose({
    kind: "delete-range",
    range: { kind: "single", key: latin1(key) },
    prevKv: false,
  });
}

function compact(revision: number): void {
  propose({ kind: "compact", revision, physical: false });
}

/** Takes a snapshot; `meanwhile` runs before each turn that it needs. */
function take(meanwhile: (turn: number) => void = () => {}): Uint8Array {
  const pieces: Uint8Array[] = [];
  let snapshot: Snapshot | undefined;
  let isOver = false;
  const pull = (opened: Snapshot): void =>
    opened.pull((some) => {
      if (some === undefined) isOver = true;
      else {
        pieces.push(...some);
        pull(opened);
      }
    });
  opened.replica.snapshot(MEMBER, (made) => {
    snapshot = made;
    pull(made);
  });
  for (let turn = 0; !isOver; turn++) {
    meanwhile(turn);
    expect(timers.turn()).toBe(true);
  }
  const file = new Uint8Array(Buffer.concat(pieces));
  expect(file.length).toBe(snapshot?.totalBytes);
  snapshot?.close();
  return file;
}

function sourceOf(file: Uint8Array): ByteSource {
  const bytes = Buffer.from(file);
  return {
    size: bytes.length,
    read: (position, target) => bytes.copy(target, 0, position, position + target.length),
  };
}

/** The store that a restore makes of the file. */
function restored(file: Uint8Array): MvccStore {
  const log = new MemoryLog();
  const store = new MvccStore(log, { hashSeed: 1 });
  const work = new EtcdImport(new BoltReader(sourceOf(file)), { log, store });
  while (work.step(1000) === "more");
  const reread = new MvccStore(log, { hashSeed: 2 });
  log.scan(toRevision(0), (record) => {
    reread.replay(record);
    return true;
  });
  reread.replayed();
  while (reread.compactionStep(100) === "more");
  reread.checkInvariants();
  return reread;
}

describe("a snapshot (M40, M41)", () => {
  it("shows one moment, whatever is written and compacted while it is taken", () => {
    for (let i = 0; i < 16; i++) put(`k${i % 3}`, LARGE);
    deleteKey("k1");
    put("k2");
    compact(4);
    timers.settle();
    const quiet = take();
    timers.settle();
    let turns = 0;
    const busy = take((turn) => {
      turns = turn;
      if (turn < 1) return;
      put(`new${turn}`, 20);
      deleteKey("k2");
      put("k0", LARGE / 2);
      if (turn % 2 === 0) compact(opened.store.head - 1);
    });
    expect(turns).toBeGreaterThan(8);
    expect(Buffer.from(busy).equals(quiet)).toBe(true);
    timers.settle();
    expect(opened.store.isCompacting).toBe(false);
    expect(opened.store.compacted).toBeGreaterThan(4);
  });

  it("holds a removal up only until it is closed, read to its end or not", () => {
    for (let i = 0; i < 10; i++) put("k");
    let snapshot: Snapshot | undefined;
    opened.replica.snapshot(MEMBER, (made) => (snapshot = made));
    timers.settle();
    let isAnswered = false;
    opened.replica.propose({ kind: "compact", revision: 9, physical: true }, () => {
      isAnswered = true;
    });
    timers.settle();
    expect(opened.replica.view.compacted).toBe(9);
    expect(opened.store.usage.versions).toBe(10);
    expect(isAnswered).toBe(false);
    snapshot?.close();
    timers.settle();
    expect(opened.store.usage.versions).toBe(3);
    expect(isAnswered).toBe(true);
  });

  it("does not hold up the removal of a compaction that came before it", () => {
    for (let i = 0; i < 10; i++) put("k");
    compact(9);
    opened.replica.snapshot(MEMBER, () => undefined);
    timers.settle();
    expect(opened.store.usage.versions).toBe(3);
  });

  it("leaves out what a compaction drops, though its removal has not begun (K62)", () => {
    for (const key of ["a", "a", "b", "c"]) put(key);
    deleteKey("b");
    deleteKey("c");
    put("d");
    // One that nobody reads: it keeps the removal from beginning.
    opened.replica.snapshot(MEMBER, () => undefined);
    compact(7);
    timers.settle();
    expect(opened.store.usage.versions).toBe(7);
    const file = take();
    const keys = [...new BoltReader(sourceOf(file)).entries(latin1("key"))].map(({ key }) =>
      Buffer.from(key).toString("hex"),
    );
    const name = (main: number): string =>
      `${main.toString(16).padStart(16, "0")}5f${"0".repeat(16)}`;
    // a@3 is the newest put, c's tombstone stands at the very revision; b's is older.
    expect(keys).toEqual([name(3), `${name(7)}74`, name(8)]);
  });
});

describe("a restore (M42)", () => {
  it("makes the same store: history, hash, compaction, revision and state", () => {
    const step = fc.record({
      kind: fc.constantFrom("put", "put", "put", "delete", "compact"),
      key: fc.constantFrom("a", "b", "c", "\xff\0"),
      at: fc.nat({ max: 100 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        for (const { kind, key, at } of steps) {
          if (kind === "put") put(key, at);
          else if (kind === "delete") deleteKey(key);
          else {
            const { compacted, head } = opened.store;
            if (compacted + at <= head && at > 0) compact(compacted + at);
          }
        }
        timers.settle();
        const copy = restored(take());
        timers.settle();
        const { store } = opened;
        expect(copy.head).toBe(store.head);
        expect(copy.compacted).toBe(store.compacted);
        expect(copy.usage).toMatchObject({
          liveKeys: store.usage.liveKeys,
          versions: store.usage.versions,
        });
        expect(copy.hashKv(store.head)).toEqual(store.hashKv(store.head));
      }),
      { numRuns: 40 },
    );
  });

  it("carries leases, alarms, users and roles byte by byte", () => {
    const tables = ["lease", "alarm", "auth", "user", "role"] as const;
    propose({ kind: "lease-grant", id: -5n, ttlSeconds: 60 });
    propose({ kind: "alarm", action: "activate", memberId: 2n, alarm: "corrupt" });
    opened.store.state("user").set("ann", latin1("\n\x03ann"));
    opened.store.state("role").set("r", latin1("\n\x01r"));
    opened.store.state("auth").set("authRevision", latin1("\0\0\0\0\0\0\0\x09"));
    timers.settle();
    const copy = restored(take());
    for (const name of tables) {
      const entries = [...opened.store.state(name).entries()];
      expect(entries.length).toBeGreaterThan(0);
      expect([...copy.state(name).entries()]).toEqual(entries);
    }
  });

  it("of any damaged file is refused in words, or gives a sound store", () => {
    for (let i = 0; i < 60; i++) put(`k${i % 7}`, i);
    deleteKey("k3");
    compact(20);
    timers.settle();
    const whole = take();
    const damage = fc.array(fc.tuple(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    const inContent = damage.map((changes) =>
      changes.map(([at, byte]) => [3 * 4096 + (at % 6000), byte] as const),
    );
    let refused = 0;
    fc.assert(
      fc.property(fc.oneof(damage, inContent), (changes) => {
        const file = whole.slice();
        for (const [at, byte] of changes) file[at] = byte;
        try {
          restored(file);
        } catch (error) {
          const isInWords = error instanceof BoltError || error instanceof ImportError;
          if (!isInWords) throw error;
          refused++;
        }
      }),
      { numRuns: 600 },
    );
    expect(refused).toBeGreaterThan(50);
  });
});
