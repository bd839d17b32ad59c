import fc from "fast-check";
import { expect, test } from "vitest";
import { MemoryLog } from "../../test/mvcc/memory-log.ts";
import {
  ModelStore,
  type ModelEvent,
  type ModelKeyValue,
  type ModelOp,
} from "../../test/mvcc/model-store.ts";
import { parseKeyRange, type KeyRange } from "../base/key-range.ts";
import { toRevision } from "../base/revision.ts";
import type { Change } from "./change.ts";
import { modRevisionOf, parseKeyValue } from "./key-value.ts";
import type { StateTableName } from "./state-tables.ts";
import { MvccStore, NO_SLOT, type Slot } from "./store.ts";

type Step =
  | { readonly kind: "txn"; readonly ops: readonly ModelOp[] }
  | { readonly kind: "compact"; readonly back: number }
  | { readonly kind: "step"; readonly budget: number }
  | { readonly kind: "restart" }
  | { readonly kind: "rewrite"; readonly share: number }
  | { readonly kind: "hash"; readonly back: number; readonly budget: number }
  | {
      readonly kind: "set";
      readonly table: StateTableName;
      readonly key: string;
      readonly value: string;
    }
  | { readonly kind: "unset"; readonly table: StateTableName; readonly key: string }
  /** Changes of state become durable, but for the newest few. */
  | { readonly kind: "durable"; readonly but: number };

/** Few keys, so that they meet again and again; 0xff and a NUL are among them. */
const KEYS = ["a", "a\0", "ab", "abc", "b", "b\xff", "\xff", "\xff\xff", "\0", "k".repeat(300)];

const key = fc.constantFrom(...KEYS);
const put = fc
  .tuple(key, fc.string({ maxLength: 5, unit: "binary-ascii" }), fc.constantFrom(0n, 1n, -1n))
  .map(([name, value, lease]): ModelOp => ({ kind: "put", key: name, value, lease }));
const deletion = fc
  .tuple(key, fc.option(key, { nil: undefined }))
  .map(([start, end]): ModelOp => ({ kind: "delete", start, end: end === "\0" ? undefined : end }));
const op = fc.oneof({ arbitrary: put, weight: 3 }, { arbitrary: deletion, weight: 1 });
const txn = fc.array(op, { minLength: 1, maxLength: 4 }).map((ops): Step => ({ kind: "txn", ops }));
const hash = fc
  .tuple(fc.nat(4), fc.nat(5))
  .map(([back, budget]): Step => ({ kind: "hash", back, budget: budget + 1 }));
const TABLES: readonly StateTableName[] = ["lease", "alarm", "auth", "user", "role"];
const place = {
  table: fc.constantFrom(...TABLES),
  key: fc.constantFrom("", "a", "\xff\0", "k".repeat(200)),
};
const set = fc
  .record({ ...place, value: fc.string({ maxLength: 4, unit: "binary-ascii" }) })
  .map((one): Step => ({ kind: "set", ...one }));
const unset = fc.record(place).map((one): Step => ({ kind: "unset", ...one }));
const step = fc.oneof(
  { arbitrary: txn, weight: 12 },
  { arbitrary: fc.nat(6).map((back): Step => ({ kind: "compact", back })), weight: 2 },
  { arbitrary: fc.nat(8).map((budget): Step => ({ kind: "step", budget })), weight: 4 },
  { arbitrary: fc.constant<Step>({ kind: "restart" }), weight: 1 },
  { arbitrary: fc.nat(100).map((share): Step => ({ kind: "rewrite", share })), weight: 1 },
  { arbitrary: hash, weight: 1 },
  { arbitrary: set, weight: 4 },
  { arbitrary: unset, weight: 2 },
  { arbitrary: fc.nat(3).map((but): Step => ({ kind: "durable", but })), weight: 2 },
);

/** Drives a store and its model together, and compares all that can be asked of them. */
class Harness {
  readonly model = new ModelStore();
  log = new MemoryLog();
  store = new MvccStore(this.log, { hashSeed: 7 });
  /** What the state tables hold, by table and key. */
  readonly #state = new Map<string, string>();

  run(action: Step): void {
    switch (action.kind) {
      case "txn":
        return this.#txn(action.ops);
      case "compact":
        return this.#compact(this.model.head - action.back);
      case "step":
        this.store.compactionStep(action.budget);
        return;
      case "restart":
        return this.restart();
      case "rewrite":
        if (this.store.isCompacting) return;
        return this.log.rewrite(this.store, Math.ceil((this.log.length * action.share) / 100));
      case "hash":
        return this.#hash(action.back, action.budget);
      case "set":
        return this.#set(action);
      case "unset":
        this.store.state(action.table).delete(action.key);
        this.#state.delete(`${action.table}/${action.key}`);
        return;
      case "durable":
        this.store.stateDurable(Math.max(this.store.stateWrites - action.but, 0));
        return;
    }
  }

  restart(): void {
    this.log = this.log.reopened();
    this.store = new MvccStore(this.log, { hashSeed: 8 });
    this.log.scan(toRevision(0), (record) => {
      this.store.replay(record);
      return true;
    });
    this.store.replayed();
  }

  get stateCount(): number {
    return this.#state.size;
  }

  compareState(): void {
    const found = TABLES.flatMap((name) => {
      const table = this.store.state(name);
      const entries = [...table.entries()];
      expect(table.size).toBe(entries.length);
      for (const [entryKey, value] of entries) expect(table.get(entryKey)).toBe(value);
      return entries.map(([entryKey, value]) => [`${name}/${entryKey}`, text(value)] as const);
    });
    expect(new Map(found)).toEqual(this.#state);
  }

  finishCompaction(): void {
    while (this.store.compactionStep(3) === "more");
  }

  compare(at: number): void {
    const revision = toRevision(at);
    for (const name of KEYS) {
      const slot = this.store.find(bytes(name), revision);
      const expected = this.model.state(at).get(name);
      expect(slot === NO_SLOT ? undefined : plain(this.store.keyValue(slot))).toEqual(expected);
      const newest = this.store.newestRevision(bytes(name), revision);
      // Of a key that was deleted, the compaction forgets even that.
      const isForgotten = newest === 0 && expected === undefined;
      const known = this.model.newestRevision(name, at);
      expect(newest).toBe(isForgotten && known <= this.model.compacted ? 0 : known);
    }
    for (const start of KEYS) {
      for (const end of [undefined, "b", "\xff\xff"]) {
        const expected = this.model.range(start, end, at);
        const range = rangeOf(start, end);
        expect(this.#visited(range, at)).toEqual(expected);
        expect(this.store.count(range, revision)).toBe(expected.length);
        expect(this.#stateInSlices(range, at, 1 + (at % 4))).toEqual(expected);
      }
    }
  }

  compareHistory(from: number): void {
    const seen: ModelEvent[] = [];
    const complete = this.store.history(toRevision(from), (event) => {
      seen.push(plainEvent(event));
      const previous = this.store.previousOf(event.key, event.revision);
      const expected = this.model.previousOf(text(event.key), event.revision);
      expect(previous && plain(previous)).toEqual(expected);
      return true;
    });
    expect(complete).toBe(true);
    const expected = this.model.history(from).map((event) => {
      if (event.revision - 1 >= this.model.compacted) return event;
      return { ...event, previous: undefined };
    });
    expect(seen).toEqual(expected);
  }

  #txn(ops: readonly ModelOp[]): void {
    const begin = this.store.head;
    const events: ModelEvent[] = [];
    const txn = this.store.begin();
    expect(txn.beginRevision).toBe(begin);
    for (const one of ops) {
      if (one.kind === "put") {
        const borrowed = bytes(one.key);
        const value = bytes(one.value);
        txn.put(borrowed, value, one.lease);
        borrowed.fill(0xee);
        value.fill(0xee);
      } else {
        const before = txn.changes.length;
        const deleted = txn.delete(rangeOf(one.start, one.end));
        expect(deleted).toBe(txn.changes.length - before);
      }
      expect(txn.changed).toBe(txn.changes.length > 0);
      expect(txn.visibleRevision).toBe(txn.changed ? begin + 1 : begin);
    }
    const head = txn.end();
    for (const change of txn.changes) events.push(plainEvent(change));
    expect(events).toEqual(this.model.apply(ops));
    expect(head).toBe(this.model.head);
    expect(this.store.head).toBe(this.model.head);
    expect(this.store.keyCount).toBe(this.model.state(this.model.head).size);
  }

  #set({ table, key: name, value }: Extract<Step, { kind: "set" }>): void {
    const borrowed = bytes(value);
    this.store.state(table).set(name, borrowed);
    borrowed.fill(0xee);
    this.#state.set(`${table}/${name}`, value);
  }

  #compact(revision: number): void {
    if (revision <= this.model.compacted || revision < 0) return;
    this.store.compact(toRevision(revision));
    this.model.compacted = revision;
  }

  /** A hash taken in slices, with a compaction in the middle, equals one taken at once. */
  #hash(back: number, budget: number): void {
    const at = toRevision(Math.max(this.model.head - back, this.model.compacted, 0));
    const job = this.store.hashJob(at);
    let progress = job.step(budget);
    this.#compact(at - 2);
    while (progress === "more") progress = job.step(budget);
    expect(progress).toBe("done");
    if (job.result.compactRevision === this.store.compacted) {
      expect(job.result).toEqual(this.store.hashKv(at));
    }
  }

  /** Read a few keys at a time, the visitor stopping by itself now and then. */
  #stateInSlices(range: KeyRange, at: number, keysLeft: number): readonly ModelKeyValue[] {
    const found: ModelKeyValue[] = [];
    let next: Uint8Array | undefined = bytes("");
    for (let round = 0; next !== undefined; round++) {
      const slice = { at: toRevision(at), keysLeft };
      let taken = 0;
      const from: KeyRange = round === 0 ? range : startingAt(range, next);
      next = this.store.visitAlive(from, slice, (keyValue) => {
        if (taken === 1 && round % 2 === 0) return false;
        taken++;
        found.push(plain(keyValue));
        return true;
      });
      expect(taken).toBeLessThanOrEqual(keysLeft);
      expect(round).toBeLessThan(3 * KEYS.length);
    }
    return found;
  }

  #visited(range: KeyRange, at: number): readonly ModelKeyValue[] {
    const slots: Slot[] = [];
    const complete = this.store.visit(range, toRevision(at), (slot) => {
      slots.push(slot);
      return true;
    });
    expect(complete).toBe(true);
    return slots.map((slot) => {
      const keyValue = plain(this.store.keyValue(slot));
      expect(text(this.store.key(slot))).toBe(keyValue.key);
      expect(this.store.modRevision(slot)).toBe(keyValue.mod);
      return keyValue;
    });
  }
}

function startingAt(range: KeyRange, start: Uint8Array): KeyRange {
  return range.kind === "range" || range.kind === "from" ? { ...range, start } : range;
}

test("the store answers as a map per revision does, whatever is compacted meanwhile", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), fc.nat(), (steps, choice) => {
      const harness = new Harness();
      for (const action of steps) {
        harness.run(action);
        harness.store.checkInvariants();
        expect(harness.store.compacted).toBe(harness.model.compacted);
        harness.compareState();
      }
      compareAll(harness, choice);
      harness.finishCompaction();
      harness.store.checkInvariants();
      const { model, store } = harness;
      expect(store.compactionFinished).toBe(model.compacted);
      expect(store.usage.versions).toBe(model.keptRecords());
      store.stateDurable(store.stateWrites);
      const kept = model.keptRecords() + (model.compacted < 0 ? 0 : 2) + harness.stateCount;
      expect(harness.log.liveCount).toBe(kept);
      compareAll(harness, choice);

      const hash = store.hashKv(store.head);
      harness.log.rewrite(store, harness.log.length);
      expect(harness.log.length).toBe(kept);
      expect(store.hashKv(store.head)).toEqual(hash);
      harness.restart();
      harness.compareState();
      expect(harness.store.head).toBe(model.head);
      expect(harness.store.compacted).toBe(model.compacted);
      expect(harness.store.hashKv(harness.store.head)).toEqual(hash);
      compareAll(harness, choice);
    }),
    { numRuns: 120 },
  );
}, 30_000);

function compareAll(harness: Harness, choice: number): void {
  const { model } = harness;
  const first = Math.max(model.compacted, 0);
  const middle = first + (choice % (model.head - first + 1));
  for (const at of new Set([first, middle, model.head])) {
    harness.compare(at);
    harness.compareHistory(at);
  }
}

function rangeOf(start: string, end: string | undefined): KeyRange {
  if (end === undefined) return { kind: "from", start: bytes(start) };
  return parseKeyRange(bytes(start), bytes(end));
}

function plain(keyValue: Uint8Array): ModelKeyValue {
  const parsed = parseKeyValue(keyValue);
  return {
    key: text(parsed.key),
    value: text(parsed.value),
    lease: parsed.lease,
    create: parsed.createRevision,
    mod: parsed.modRevision,
    version: parsed.version,
  };
}

function plainEvent(change: Change): ModelEvent {
  const { type, revision, previous } = change;
  const { key: keyBytes } = parseKeyValue(change.keyValue);
  const key = text(keyBytes);
  const keyValue = type === "put" ? plain(change.keyValue) : undefined;
  expect(modRevisionOf(change.keyValue)).toBe(revision);
  if (type === "delete") expect(change.keyValue.length).toBeLessThan(keyBytes.length + 8);
  expect(change.isCreate).toBe(keyValue !== undefined && keyValue.create === revision);
  return { type, revision, key, keyValue, previous: previous && plain(previous) };
}

function bytes(latin1: string): Uint8Array {
  return new Uint8Array(Buffer.from(latin1, "latin1"));
}

function text(bytesOfText: Uint8Array): string {
  return Buffer.from(bytesOfText).toString("latin1");
}
