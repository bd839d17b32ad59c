import fc from "fast-check";
import { expect, test } from "vitest";
import { assert } from "../../src/base/assert.ts";
import { parseKeyRange } from "../../src/base/key-range.ts";
import { toRevision } from "../../src/base/revision.ts";
import type { DeleteReason } from "../../src/mvcc/change.ts";
import { parseKeyValue } from "../../src/mvcc/key-value.ts";
import { MvccStore } from "../../src/mvcc/store.ts";
import { OpeningLog } from "../../src/replica/opening-log.ts";
import { LogStore } from "../../src/storage/log-store.ts";
import { MemoryDisk } from "../../src/storage/memory-disk.ts";
import { copyDisk } from "../support/copy-disk.ts";

const ALL = parseKeyRange(Uint8Array.of(0), Uint8Array.of(0));

/** Segments of a few records, so that a short history already fills many. */
const OPTIONS = {
  segmentBytes: 600,
  residentBytes: 4096,
  slabBytes: 512,
  identity: { clusterId: 1n, memberId: 2n, name: "test", secret: 3n },
};

/** The index over the real log, on a disk in memory that outlives it. */
class StoreOnLog {
  #disk = new MemoryDisk();
  #log: LogStore;
  store: MvccStore;

  constructor() {
    [this.#log, this.store] = this.#open();
  }

  put(key: string, value: string): void {
    const txn = this.store.begin();
    txn.put(Buffer.from(key), Buffer.from(value), 0n);
    txn.end();
    this.#commit();
  }

  delete(key: string, reason: DeleteReason = "request"): void {
    const txn = this.store.begin();
    txn.delete({ kind: "single", key: Buffer.from(key) }, reason);
    txn.end();
    this.#commit();
  }

  /** Sets a key of a state table, or deletes it; durable only once something is committed. */
  setState(key: string, value: string | undefined): void {
    if (value === undefined) this.store.state("lease").delete(key);
    else this.store.state("lease").set(key, Buffer.from(value));
  }

  state(): Readonly<Record<string, string>> {
    const entries = [...this.store.state("lease").entries()];
    return Object.fromEntries(entries.map(([key, value]) => [key, textOf(value)]));
  }

  compact(revision: number): void {
    if (revision <= this.store.compacted) return;
    this.store.compact(toRevision(revision));
    this.#commit();
    this.removeAll();
  }

  removeAll(): void {
    while (this.store.compactionStep(5) === "more");
    this.#commit();
  }

  /** Rewrites files until there is nothing left that is worth it; returns how many rewrites. */
  rewriteAll(): number {
    for (let count = 0; ; count++) {
      assert(count < 1000, "rewriting comes to an end");
      const rewrite = this.#log.startRewrite({
        keep: (record) => this.store.isLive(record),
        moved: (record, to) => this.store.moved(record, to),
        wake: () => {},
      });
      if (rewrite === undefined) return count;
      while (rewrite.step(3) !== "done");
    }
  }

  /** What the next process finds when this one is gone without a word. */
  crash(): void {
    this.#disk = copyDisk(this.#disk);
    [this.#log, this.store] = this.#open();
  }

  get isAllDurable(): boolean {
    return !this.#log.hasUncommitted;
  }

  reopen(): void {
    this.#commit();
    this.#log.close((error) => assert(error === undefined, "the log closes"));
    [this.#log, this.store] = this.#open();
  }

  get bytesOnDisk(): number {
    return this.#log.bytesOnDisk;
  }

  /** What is alive at a revision, as text. */
  alive(at: number = this.store.head): readonly string[] {
    const found: string[] = [];
    this.store.visit(ALL, toRevision(at), (slot) => {
      const { key, value, version } = parseKeyValue(this.store.keyValue(slot));
      found.push(`${textOf(key)}=${textOf(value)} v${version} @${this.store.modRevision(slot)}`);
      return true;
    });
    return found;
  }

  /** The deletes that history still shows, with why they were made. */
  deletes(): ReadonlyMap<number, DeleteReason> {
    const found = new Map<number, DeleteReason>();
    this.store.history(toRevision(Math.max(this.store.compacted, 0)), (event) => {
      if (event.deleteReason !== undefined) found.set(event.revision, event.deleteReason);
      expect(event.deleteReason === undefined).toBe(event.type === "put");
      return true;
    });
    return found;
  }

  #open(): [LogStore, MvccStore] {
    const openingLog = new OpeningLog();
    const store = new MvccStore(openingLog, { hashSeed: 5 });
    const log = LogStore.open(this.#disk, OPTIONS, (record) => store.replay(record));
    openingLog.attach(log);
    store.replayed();
    return [log, store];
  }

  #commit(): void {
    const { stateWrites } = this.store;
    this.#log.commit((error) => assert(error === undefined, "a memory disk does not fail"));
    this.store.stateDurable(stateWrites);
  }
}

test("a deleted key stays deleted when only the file with its tombstone is rewritten", () => {
  const subject = new StoreOnLog();
  // The first file holds the put and much that stays needed, so it is not rewritten.
  subject.put("gone", "x");
  for (let i = 0; i < 8; i++) subject.put(`stays${i}`, "y".repeat(40));
  // The next files hold the tombstone and much that is not needed.
  for (let i = 0; i < 30; i++) subject.put("hot", `${i}`.repeat(20));
  subject.delete("gone");
  for (let i = 0; i < 30; i++) subject.put("hot", `${i}`.repeat(20));
  subject.compact(subject.store.head);
  const alive = subject.alive();
  expect(subject.rewriteAll()).toBeGreaterThan(0);
  expect(subject.alive()).toEqual(alive);
  subject.reopen();
  expect(subject.alive()).toEqual(alive);
  subject.removeAll();
  expect(subject.alive()).toEqual(alive);
  subject.store.checkInvariants();
});

test("puts and deletes of short-lived keys do not fill the disk beside a few that stay", () => {
  const subject = new StoreOnLog();
  const empty = subject.bytesOnDisk;
  for (let round = 0; round < 60; round++) {
    subject.put(`stays${round}`, "y");
    for (let i = 0; i < 20; i++) subject.put(`lease${round}/${i}`, "z".repeat(30));
    for (let i = 0; i < 20; i++) subject.delete(`lease${round}/${i}`);
    subject.compact(subject.store.head);
    subject.rewriteAll();
  }
  expect(subject.alive().length).toBe(60);
  // 60 keys of about 40 bytes with their headers; the 2,400 changes took more than 100 kB.
  expect(subject.bytesOnDisk - empty).toBeLessThan(10_000);
  subject.reopen();
  expect(subject.alive().length).toBe(60);
});

test("a value that replaces another is lost in a crash alone, not with the one before it", () => {
  const subject = new StoreOnLog();
  subject.setState("kept", "old");
  subject.setState("deleted", "old");
  for (let i = 0; i < 30; i++) subject.put("hot", `${i}`.repeat(20));
  subject.compact(subject.store.head);
  subject.setState("kept", "new");
  subject.setState("deleted", undefined);
  expect(subject.rewriteAll()).toBeGreaterThan(0);
  subject.crash();
  expect(subject.state()).toEqual({ kept: "old", deleted: "old" });
});

test("what was deleted of a state table stays so when only the file with the delete is rewritten", () => {
  const subject = new StoreOnLog();
  subject.setState("gone", "x");
  for (let i = 0; i < 8; i++) subject.put(`stays${i}`, "y".repeat(40));
  for (let i = 0; i < 30; i++) subject.put("hot", `${i}`.repeat(20));
  subject.setState("gone", undefined);
  for (let i = 0; i < 30; i++) subject.put("hot", `${i}`.repeat(20));
  subject.compact(subject.store.head);
  expect(subject.rewriteAll()).toBeGreaterThan(0);
  subject.reopen();
  expect(subject.state()).toEqual({});
});

test("values set and deleted do not fill the disk beside a few that stay", () => {
  const subject = new StoreOnLog();
  const empty = subject.bytesOnDisk;
  for (let round = 0; round < 60; round++) {
    subject.setState(`stays${round}`, "y");
    for (let i = 0; i < 20; i++) subject.setState(`lease${i}`, "z".repeat(30));
    for (let i = 0; i < 20; i++) subject.setState(`lease${i}`, undefined);
    subject.put("hot", "x");
    subject.compact(subject.store.head);
    subject.rewriteAll();
  }
  // 60 records of about 40 bytes; the 2,400 changes took more than 100 kB.
  expect(subject.bytesOnDisk - empty).toBeLessThan(10_000);
  subject.reopen();
  expect(Object.keys(subject.state()).length).toBe(60);
});

const KEYS = ["a", "b", "c", "d", "e", "f"];
const action = fc.oneof(
  {
    arbitrary: fc.record({
      kind: fc.constant("put" as const),
      key: fc.constantFrom(...KEYS),
      length: fc.constantFrom(0, 10, 100, 700),
    }),
    weight: 8,
  },
  {
    arbitrary: fc.record({
      kind: fc.constant("delete" as const),
      key: fc.constantFrom(...KEYS),
      reason: fc.constantFrom<DeleteReason[]>("request", "lease-expiry"),
    }),
    weight: 5,
  },
  { arbitrary: fc.constant({ kind: "put-new" as const }), weight: 4 },
  { arbitrary: fc.record({ kind: fc.constant("compact" as const), back: fc.nat(5) }), weight: 2 },
  { arbitrary: fc.constant({ kind: "rewrite" as const }), weight: 2 },
  { arbitrary: fc.constant({ kind: "reopen" as const }), weight: 1 },
  { arbitrary: fc.constant({ kind: "crash" as const }), weight: 1 },
  {
    arbitrary: fc.record({
      kind: fc.constant("state" as const),
      key: fc.constantFrom(...KEYS),
      value: fc.constantFrom("", "short", "v".repeat(200), undefined),
    }),
    weight: 5,
  },
);

test("what is alive at any kept revision, why keys went, and the state tables survive compaction, rewriting, crashes and restarts", () => {
  fc.assert(
    fc.property(fc.array(action, { minLength: 60, maxLength: 200 }), (actions) => {
      const subject = new StoreOnLog();
      const states = new Map<number, readonly string[]>();
      const reasons = new Map<number, DeleteReason>();
      let table: Readonly<Record<string, string>> = {};
      let durableTable = table;
      for (const one of actions) {
        if (one.kind === "put") {
          subject.put(one.key, "v".repeat(one.length));
        } else if (one.kind === "put-new") {
          // Keys that stay keep old files in use, so that not all files are rewritten.
          subject.put(`stays${states.size}`, "v".repeat(40));
        } else if (one.kind === "delete") {
          const { head } = subject.store;
          subject.delete(one.key, one.reason);
          if (subject.store.head > head) reasons.set(subject.store.head, one.reason);
        } else if (one.kind === "compact") {
          subject.compact(Math.max(subject.store.head - one.back, 0));
        } else if (one.kind === "rewrite") {
          if (subject.store.isCompacting) subject.removeAll();
          subject.rewriteAll();
        } else if (one.kind === "state") {
          const { [one.key]: _old, ...others } = table;
          table = one.value === undefined ? others : { ...others, [one.key]: one.value };
          subject.setState(one.key, one.value);
        } else if (one.kind === "crash") {
          subject.crash();
          table = durableTable;
        } else {
          subject.reopen();
        }
        if (subject.isAllDurable) durableTable = table;
        expect(subject.state()).toEqual(table);
        const { head, compacted } = subject.store;
        const isNew = !states.has(head);
        if (isNew) states.set(head, subject.alive());
        // Only what is not a write can have changed anything about the past.
        for (let at = isNew ? head : Math.max(compacted, 1); at <= head; at++) {
          expect(subject.alive(at)).toEqual(states.get(at) ?? []);
        }
        const kept = [...reasons].filter(([at]) => at > compacted);
        const shown = [...subject.deletes()].filter(([at]) => at > compacted);
        expect(shown).toEqual(kept);
      }
      subject.store.checkInvariants();
    }),
    { numRuns: 40 },
  );
}, 30_000);

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
