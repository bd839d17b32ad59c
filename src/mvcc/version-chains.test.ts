import fc from "fast-check";
import { expect, test } from "vitest";
import { toRevision } from "../base/revision.ts";
import type { Location } from "../storage/record.ts";
import { KeyTable, type KeyId } from "./key-table.ts";
import { NO_SLOT, type Slot } from "./slot.ts";
import { stampOf, VersionChains } from "./version-chains.ts";

test("the newest version at any revision is that of a list, through cuts and reused slots", () => {
  const action = fc.oneof(
    { arbitrary: fc.record({ key: fc.nat(2), gap: fc.nat(3) }), weight: 8 },
    { arbitrary: fc.record({ key: fc.nat(2), cutAt: fc.double({ min: 0, max: 1 }) }), weight: 1 },
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 300 }), (actions) => {
      const table = new KeyTable();
      const chains = new VersionChains(table);
      const ids = [0, 1, 2].map((number) => table.add(Uint8Array.of(number)));
      const mains: number[][] = [[], [], []];
      let main = 1;
      for (const one of actions) {
        const id = ids[one.key] as KeyId;
        const list = mains[one.key] as number[];
        if ("gap" in one) {
          main += one.gap + 1;
          addVersion(chains, id, main);
          list.push(main);
        } else if (list.length > 1) {
          const kept = Math.floor(one.cutAt * (list.length - 1));
          freeBelow(chains, chains.newestAt(id, list[kept] as number));
          list.splice(0, kept);
        }
      }
      for (const [number, list] of mains.entries()) {
        if (list.length === 0) continue;
        for (let at = 0; at <= main + 1; at++) {
          const expected = list.filter((one) => one <= at).at(-1);
          const slot = chains.newestAt(ids[number] as KeyId, at);
          expect(slot === NO_SLOT ? undefined : chains.main(slot)).toBe(expected);
        }
      }
      expect(chains.count).toBe(mains.flat().length);
    }),
    { numRuns: 100 },
  );
});

test("a key with 100,000 versions is found at any of them in few steps", () => {
  const table = new KeyTable();
  const chains = new VersionChains(table);
  const id = table.add(Uint8Array.of(1));
  for (let main = 1; main <= 100_000; main++) addVersion(chains, id, main);
  expect(chains.checkInvariants()).toBe(100_000);
  let steps = 0;
  const readMain = chains.main.bind(chains);
  chains.main = (slot: Slot) => {
    steps++;
    return readMain(slot);
  };
  for (let at = 1; at <= 100_000; at += 997) {
    steps = 0;
    expect(readMain(chains.newestAt(id, at))).toBe(at);
    // Skew-binary jumps take at most about three looks a bit.
    expect(steps).toBeLessThan(60);
  }
});

test("several changes of one key in one revision are told apart by their place", () => {
  const table = new KeyTable();
  const chains = new VersionChains(table);
  const id = table.add(Uint8Array.of(1));
  const first = chains.add(id, toRevision(5), stampOf(0, true), 1 as Location);
  const second = chains.add(id, toRevision(5), stampOf(3, false), 2 as Location);
  expect(chains.newestAt(id, 5)).toBe(second);
  expect(chains.exact(id, 5, 0)).toBe(first);
  expect(chains.exact(id, 5, 3)).toBe(second);
  expect(chains.exact(id, 5, 1)).toBe(NO_SLOT);
  expect(chains.exact(id, 4, 0)).toBe(NO_SLOT);
  expect(chains.isTombstone(first)).toBe(true);
  expect(chains.isTombstone(second)).toBe(false);
});

test("a version that does not come after the one before it is our own fault", () => {
  const table = new KeyTable();
  const chains = new VersionChains(table);
  const id = table.add(Uint8Array.of(1));
  addVersion(chains, id, 5);
  expect(() => addVersion(chains, id, 5)).toThrow("the versions of a key come in order");
});

function addVersion(chains: VersionChains, id: KeyId, main: number): void {
  chains.add(id, toRevision(main), stampOf(0, false), main as Location);
}

function freeBelow(chains: VersionChains, kept: Slot): void {
  let slot = chains.older(kept);
  const count = chains.olderCount(kept);
  chains.cut(kept, true);
  for (let i = 0; i < count; i++) slot = chains.freeCut(slot);
}
