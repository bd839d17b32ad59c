import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { WatchId } from "./response-head.ts";
import { SYNCED, type Watcher } from "./watcher.ts";
import { WatcherTable } from "./watcher-table.ts";

const FAR: readonly WatchId[] = [Number.MAX_SAFE_INTEGER, 2 ** 40, -3n, 2n ** 62n];
const id: fc.Arbitrary<WatchId> = fc.oneof(fc.nat(60), fc.constantFrom(...FAR));
const step = fc.oneof(
  fc.record({ kind: fc.constant("next" as const), count: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ kind: fc.constant("chosen" as const), id }),
  fc.record({ kind: fc.constant("leave" as const), picks: fc.array(fc.nat(), { maxLength: 30 }) }),
);
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;

/** The table, and the same as a map. */
class Pair {
  readonly table = new WatcherTable();
  readonly map = new Map<WatchId, Watcher>();
  #next = 0;

  run(step: Step): void {
    switch (step.kind) {
      case "next":
        for (let i = 0; i < step.count; i++) this.#add(this.#next++);
        break;
      case "chosen":
        this.#add(step.id);
        break;
      case "leave":
        for (const pick of step.picks) this.#leave(pick);
        break;
    }
  }

  #add(id: WatchId): void {
    expect(this.table.has(id)).toBe(this.map.has(id));
    if (this.map.has(id)) return;
    const watcher = { id, position: SYNCED } as Watcher;
    this.table.add(watcher);
    this.map.set(id, watcher);
  }

  #leave(pick: number): void {
    const watcher = [...this.map.values()][pick % Math.max(this.map.size, 1)];
    if (watcher === undefined) return;
    watcher.position = { kind: "cancelled", reason: "client" };
    this.table.delete(watcher.id);
    this.map.delete(watcher.id);
  }
}

describe("watcher table", () => {
  it("holds what a map would, whoever comes and leaves", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: "max" }), (steps) => {
        const pair = new Pair();
        for (const next of steps) {
          pair.run(next);
          expect(pair.table.size).toBe(pair.map.size);
          expect(new Set(pair.table.values())).toEqual(new Set(pair.map.values()));
          for (const [one, watcher] of pair.map) expect(pair.table.get(one)).toBe(watcher);
          for (const one of [...FAR, 0, 7, 61]) {
            expect(pair.table.get(one)).toBe(pair.map.get(one));
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it("is walked while others come and go: who stays is met once, who left is not met", () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 20 }),
        fc.array(step, { maxLength: 20 }),
        (before, during) => {
          const pair = new Pair();
          for (const next of before) pair.run(next);
          const atFirst = [...pair.map.values()];
          const met: Watcher[] = [];
          for (const watcher of pair.table.values()) {
            expect(pair.map.get(watcher.id)).toBe(watcher);
            met.push(watcher);
            const next = during[met.length - 1];
            if (next !== undefined) pair.run(next);
          }
          expect(new Set(met).size).toBe(met.length);
          const stayed = atFirst.filter((watcher) => pair.map.get(watcher.id) === watcher);
          expect(met).toEqual(expect.arrayContaining(stayed));
        },
      ),
      { numRuns: 300 },
    );
  });
});
