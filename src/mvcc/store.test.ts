import { describe, expect, test } from "vitest";
import { MemoryLog } from "../../test/mvcc/memory-log.ts";
import { toRevision, type Revision } from "../base/revision.ts";
import type { KeyRange } from "../base/key-range.ts";
import { parseKeyValue } from "./key-value.ts";
import { MvccStore, NO_SLOT } from "./store.ts";

const ALL: KeyRange = { kind: "from", start: Uint8Array.of(0) };

describe("revisions", () => {
  test("a new store is at revision 1 with nothing compacted (O1, K60)", () => {
    const { store } = newStore();
    expect(store.head).toBe(1);
    expect(store.compacted).toBe(-1);
    expect(store.compactionStep(1)).toBe("done");
  });

  test("a txn that changes nothing makes no revision (K31)", () => {
    const { store } = newStore();
    const txn = store.begin();
    expect(txn.delete(ALL)).toBe(0);
    expect(txn.end()).toBe(1);
    expect(store.head).toBe(1);
  });

  test("an equal put makes a revision, and lease 0 detaches the key (K23)", () => {
    const { store } = newStore();
    put(store, "a", "1", 7n);
    put(store, "a", "1");
    const slot = store.find(bytes("a"), store.head);
    const { version, lease, createRevision } = parseKeyValue(store.keyValue(slot));
    expect([version, lease, createRevision]).toEqual([2, 0n, 2]);
  });

  test("a put after a delete of its key in one txn begins a generation (K58, D6, O4)", () => {
    const { store } = newStore();
    put(store, "b", "old");
    const txn = store.begin();
    txn.delete(ALL);
    txn.put(bytes("b"), bytes("new"), 0n);
    txn.end();
    expect(txn.changes.map((change) => [change.type, change.isCreate])).toEqual([
      ["delete", false],
      ["put", true],
    ]);
    const { version, createRevision } = parseKeyValue(
      store.keyValue(store.find(bytes("b"), store.head)),
    );
    expect([version, createRevision]).toEqual([1, 3]);
  });

  test("deletes carry why they were made, and a restart knows it", () => {
    const { store, log } = newStore();
    put(store, "a", "1");
    put(store, "b", "1");
    remove(store, "a");
    const txn = store.begin();
    txn.delete(ALL, "lease-expiry");
    txn.put(bytes("b"), bytes("2"), 0n);
    txn.end();
    expect(txn.changes.map((change) => change.deleteReason)).toEqual(["lease-expiry", undefined]);
    for (const one of [store, reopen(log)]) {
      const reasons: unknown[] = [];
      one.history(toRevision(2), (event) => reasons.push(event.deleteReason) > 0);
      expect(reasons).toEqual([undefined, undefined, "request", "lease-expiry", undefined]);
      expect(one.find(bytes("a"), one.head)).toBe(NO_SLOT);
    }
  });

  test("why a key went is not in HashKV, which is etcd's (K70)", () => {
    const hashes = (["request", "lease-expiry"] as const).map((reason) => {
      const { store } = newStore();
      put(store, "a", "1");
      const txn = store.begin();
      txn.delete(ALL, reason);
      txn.end();
      return store.hashKv(store.head).hash;
    });
    expect(hashes[0]).toBe(hashes[1]);
  });

  test("a slice of the state counts dead keys too", () => {
    const { store } = newStore();
    for (const key of ["a", "b", "c", "d"]) put(store, key, "1");
    for (const key of ["a", "b", "c"]) remove(store, key);
    const slice = { at: store.head, keysLeft: 2 };
    const next = store.visitAlive(ALL, slice, () => true);
    expect(next).toEqual(bytes("c"));
    expect(store.visitAlive({ kind: "single", key: bytes("d") }, slice, () => true)).toEqual(
      bytes("d"),
    );
  });

  test("changes carry no previous KeyValue when nobody wants it", () => {
    const { store } = newStore();
    put(store, "a", "1");
    const txn = store.begin({ capturePrevious: false });
    txn.put(bytes("a"), bytes("2"), 0n);
    txn.delete(ALL);
    txn.end();
    expect(txn.changes.map((change) => change.previous)).toEqual([undefined, undefined]);
  });

  test("two txns at a time are our own fault", () => {
    const { store } = newStore();
    store.begin();
    expect(() => store.begin()).toThrow("one txn writes at a time");
  });
});

describe("compaction", () => {
  test("keeps a tombstone exactly at its revision until the next one (K62)", () => {
    const { store } = newStore();
    put(store, "a", "1");
    remove(store, "a");
    compact(store, 3);
    expect(changesFrom(store, toRevision(3))).toEqual(["delete a@3"]);
    put(store, "b", "1");
    compact(store, 4);
    expect(changesFrom(store, toRevision(4))).toEqual(["put b@4"]);
    expect(store.usage).toMatchObject({ keys: 1, versions: 1, liveKeys: 1 });
  });

  test("of a put and its delete that compaction cuts apart, the delete stays (K62)", () => {
    const { store } = newStore();
    put(store, "a", "1");
    put(store, "b", "1");
    remove(store, "a");
    compact(store, 2);
    expect(changesFrom(store, toRevision(2))).toEqual(["put a@2", "put b@3", "delete a@4"]);
    compact(store, 3);
    expect(changesFrom(store, toRevision(3))).toEqual(["put b@3", "delete a@4"]);
    expect(store.find(bytes("a"), toRevision(3))).not.toBe(NO_SLOT);
  });

  test("hides nothing from readers below it before its removal begins", () => {
    const { store } = newStore();
    for (let i = 0; i < 4; i++) put(store, "a", String(i));
    store.compact(toRevision(5));
    expect(changesFrom(store, toRevision(3))).toEqual(["put a@3", "put a@4", "put a@5"]);
    expect(changesFrom(store, toRevision(5))).toEqual(["put a@5"]);
    store.compactionStep(1);
    expect(() => changesFrom(store, toRevision(3))).toThrow(
      "history is not read below a removal that has begun",
    );
  });

  test("lets go of a key with very many versions in slices", () => {
    const { store, log } = newStore();
    for (let i = 0; i < 3_000; i++) put(store, "hot", String(i));
    store.compact(store.head);
    let slices = 0;
    let versions = store.usage.versions;
    while (store.compactionStep(100) === "more") {
      slices++;
      expect(versions - store.usage.versions).toBeLessThanOrEqual(100);
      versions = store.usage.versions;
      put(store, "hot", "meanwhile");
      versions++;
    }
    expect(slices).toBeGreaterThanOrEqual(29);
    store.checkInvariants();
    // What is left of the key at the compacted revision, what came since, and two marks.
    expect(log.liveCount).toBe(1 + slices + 2);
  });

  test("reaches every key although newer compactions keep coming", () => {
    const { store } = newStore();
    for (let i = 0; i < 100; i++) put(store, `key${i}`, "1");
    for (let i = 0; i < 100; i++) put(store, `key${i}`, "2");
    const before = store.usage.versions;
    for (let i = 0; i < 100; i++) {
      put(store, `new${i}`, "1");
      store.compact(store.head);
      for (let j = 0; j < 4; j++) store.compactionStep(1);
    }
    // Four steps a round visit two keys and free their two old versions, so all have had a turn.
    expect(store.usage.versions).toBeLessThanOrEqual(before);
    while (store.compactionStep(1) === "more");
    expect(store.usage.versions).toBe(200);
    store.checkInvariants();
  });

  test("reaches every key although keys are added while it goes round", () => {
    const { store } = newStore();
    for (let i = 0; i < 100; i++) put(store, `key${i}`, "1");
    store.compact(store.head);
    store.compactionStep(50);
    for (let i = 0; i < 100; i++) put(store, `key${i}`, "2");
    store.compact(store.head);
    for (let i = 0; i < 200; i++) put(store, `new${i}`, "1");
    while (store.compactionStep(10) === "more");
    expect(store.usage.versions).toBe(300);
  });

  test("an empty compaction of a new store is finished by one step (K60)", () => {
    const { store, log } = newStore();
    store.compact(toRevision(0));
    expect(store.compactionStep(1)).toBe("done");
    expect(store.compactionFinished).toBe(0);
    expect(log.liveCount).toBe(2);
  });
});

describe("a restart", () => {
  test("resumes a compaction that was scheduled and not finished (K63)", () => {
    const { store, log } = newStore();
    for (let i = 0; i < 5; i++) put(store, "a", String(i));
    store.compact(toRevision(5));
    const again = reopen(log);
    expect([again.compacted, again.compactionFinished, again.isCompacting]).toEqual([5, -1, true]);
    while (again.compactionStep(1) === "more");
    expect(again.compactionFinished).toBe(5);
    expect(again.usage.versions).toBe(2);
    expect(again.head).toBe(store.head);
  });

  test("keeps the head when the last record is gone (K65)", () => {
    const { store, log } = newStore();
    put(store, "a", "1");
    put(store, "a", "2");
    remove(store, "a");
    compact(store, 4);
    const marksOnly = new MemoryLog();
    log.scan(toRevision(0), (record) => {
      if (record.kind < 3) return true;
      marksOnly
        .append(record.kind, record.main, record.sub, record.payload.length)
        .set(record.payload);
      return true;
    });
    expect(reopen(marksOnly).head).toBe(4);
  });

  test("goes on with version and create revision although older records are gone", () => {
    const { store, log } = newStore();
    for (let i = 0; i < 3; i++) put(store, "a", String(i));
    compact(store, 4);
    log.rewrite(store, log.length);
    const again = reopen(log);
    const txn = again.begin();
    txn.put(bytes("a"), bytes("4"), 0n);
    txn.end();
    const { version, createRevision } = parseKeyValue(
      again.keyValue(again.find(bytes("a"), again.head)),
    );
    expect([version, createRevision]).toEqual([4, 2]);
  });
});

test("keys of 10 KB, of one byte and of 0xff bytes live beside each other", () => {
  const { store } = newStore();
  const names = ["\0", "a", "\xff".repeat(3), "k".repeat(10_000), `${"k".repeat(10_000)}\0`];
  for (const name of names) put(store, name, name);
  const seen: string[] = [];
  store.visit(ALL, store.head, (slot) => {
    seen.push(Buffer.from(store.key(slot)).toString("latin1"));
    return true;
  });
  expect(seen).toEqual([...names].sort());
  for (const name of names) remove(store, name);
  compact(store, store.head - 1);
  put(store, "end", "");
  compact(store, store.head);
  expect(store.usage).toMatchObject({ keys: 1, versions: 1 });
  store.checkInvariants();
});

test("a visitor that says false stops the visit", () => {
  const { store } = newStore();
  for (const name of ["a", "b", "c"]) put(store, name, "");
  let visited = 0;
  const complete = store.visit(ALL, store.head, () => ++visited < 2);
  expect([complete, visited]).toEqual([false, 2]);
  expect(store.count({ kind: "empty" }, store.head)).toBe(0);
  expect(store.count({ kind: "single", key: bytes("b") }, toRevision(2))).toBe(0);
});

function newStore(): { readonly store: MvccStore; readonly log: MemoryLog } {
  const log = new MemoryLog();
  return { log, store: new MvccStore(log, { hashSeed: 1 }) };
}

function reopen(log: MemoryLog): MvccStore {
  const copy = log.reopened();
  const store = new MvccStore(copy, { hashSeed: 2 });
  copy.scan(toRevision(0), (record) => {
    store.replay(record);
    return true;
  });
  store.replayed();
  store.checkInvariants();
  return store;
}

function put(store: MvccStore, key: string, value: string, lease = 0n): void {
  const txn = store.begin();
  txn.put(bytes(key), bytes(value), lease);
  txn.end();
}

function remove(store: MvccStore, key: string): void {
  const txn = store.begin();
  expect(txn.delete({ kind: "single", key: bytes(key) })).toBe(1);
  txn.end();
}

function compact(store: MvccStore, revision: number): void {
  store.compact(toRevision(revision));
  while (store.compactionStep(2) === "more");
  store.checkInvariants();
}

function changesFrom(store: MvccStore, from: Revision): readonly string[] {
  const seen: string[] = [];
  store.history(from, ({ type, key, revision }) => {
    seen.push(`${type} ${Buffer.from(key).toString()}@${revision}`);
    return true;
  });
  return seen;
}

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}
