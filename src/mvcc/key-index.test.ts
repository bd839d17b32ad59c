import fc from "fast-check";
import { expect, test } from "vitest";
import { KeyHash } from "./key-hash.ts";
import { KeyIndex } from "./key-index.ts";
import { KeyTable, NO_KEY, type KeyId } from "./key-table.ts";

const LATIN1 = "latin1";

test("keys are found and ordered as in a sorted list, whatever is added and removed", () => {
  const name = fc.oneof(
    { arbitrary: fc.nat(900).map((number) => `/registry/pods/default/pod-${number}`), weight: 10 },
    { arbitrary: fc.string({ minLength: 1, maxLength: 3, unit: "binary-ascii" }), weight: 1 },
  );
  const run = fc.record({ names: fc.array(name, { maxLength: 400 }), isAdding: fc.boolean() });
  fc.assert(
    fc.property(fc.array(run, { minLength: 1, maxLength: 8 }), (runs) => {
      const index = new KeyIndex(3);
      const model = new Set<string>();
      for (const { names, isAdding } of runs) {
        for (const text of names) {
          if (isAdding && !model.has(text)) addKey(index, text);
          if (!isAdding && model.has(text)) index.remove(index.find(bytes(text)));
          if (isAdding) model.add(text);
          else model.delete(text);
        }
        index.checkInvariants();
      }
      const sorted = [...model].sort();
      expect(keysFrom(index, index.order.start)).toEqual(sorted);
      for (const text of ["", "/", "/registry/pods/default/pod-5", "~"]) {
        const from = sorted.filter((key) => key >= text);
        expect(keysFrom(index, index.order.seek(bytes(text)))).toEqual(from);
        const isThere = index.find(bytes(text)) !== NO_KEY;
        expect(isThere).toBe(model.has(text));
      }
    }),
    { numRuns: 60 },
  );
});

test("many keys, in ascending and in scattered order, are all found again", () => {
  for (const step of [1, 7919]) {
    const index = new KeyIndex(9);
    const count = 30_000;
    for (let i = 0; i < count; i++) addKey(index, nameOf((i * step) % count));
    index.checkInvariants();
    for (let i = 0; i < count; i += 2) index.remove(index.find(bytes(nameOf(i))));
    index.checkInvariants();
    for (let i = 0; i < count; i += 97) {
      expect(index.find(bytes(nameOf(i))) === NO_KEY).toBe(i % 2 === 0);
    }
    for (let i = 1; i < count; i += 2) index.remove(index.find(bytes(nameOf(i))));
    index.checkInvariants();
    expect(index.table.count).toBe(0);
    expect(index.order.end).toBe(0);
  }
});

test("keys in ascending order fill their leaves", () => {
  const index = new KeyIndex(9);
  for (let i = 0; i < 12_800; i++) addKey(index, nameOf(i));
  expect(index.order.end).toBe(12_800);
});

test("keys whose hashes are all equal are found all the same", () => {
  const table = new KeyTable();
  const hash = new KeyHash(table);
  const ids: KeyId[] = [];
  // One segment's load is 3,277 keys, and no split helps against equal hashes.
  for (let i = 0; i < 3_400; i++) {
    const id = table.add(bytes(nameOf(i)));
    hash.insert(-5, id);
    ids.push(id);
  }
  for (let i = 0; i < ids.length; i += 100) {
    expect(hash.find(bytes(nameOf(i)), -5)).toBe(ids[i]);
    if (i % 200 === 0) hash.remove(-5, ids[i] as KeyId);
  }
  for (let i = 0; i < ids.length; i += 100) {
    expect(hash.find(bytes(nameOf(i)), -5)).toBe(i % 200 === 0 ? NO_KEY : ids[i]);
  }
});

function addKey(index: KeyIndex, text: string): void {
  const key = bytes(text);
  index.add(key, index.hashOf(key));
}

function keysFrom(index: KeyIndex, start: number): readonly string[] {
  const found: string[] = [];
  const { order, table } = index;
  for (let position = start; position < order.end; position = order.next(position)) {
    found.push(Buffer.from(table.key(order.idAt(position))).toString(LATIN1));
  }
  return found;
}

function nameOf(number: number): string {
  return `key/${String(number).padStart(6, "0")}`;
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text, LATIN1);
}
