import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Heap } from "./heap.ts";
import { IntervalTree } from "./interval-tree.ts";

const key = fc.string({ unit: fc.constantFrom("\0", "a", "b", "\xff"), maxLength: 3 });
const interval = fc
  .tuple(key, fc.option(key))
  .filter(([start, end]) => end === null || start < end);

describe("interval tree", () => {
  it("answers like a list of intervals after any inserts and deletes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), interval), { maxLength: 60 }),
        fc.array(key, { minLength: 1, maxLength: 20 }),
        (steps, points) => {
          const tree = new IntervalTree<string>();
          const list = new Map<string, readonly [string, string | null]>();
          for (const [add, [start, end]] of steps) {
            const name = JSON.stringify([start, end]);
            if (add) {
              tree.set(start, end, name);
              list.set(name, [start, end]);
            } else if (list.delete(name)) tree.delete(start, end);
            expect(tree.get(start, end)).toBe(list.has(name) ? name : undefined);
            tree.checkInvariants();
          }
          expect(tree.size).toBe(list.size);
          expect(tree.values().sort()).toEqual([...list.keys()].sort());
          for (const point of points) {
            const found: string[] = [];
            tree.stab(point, found);
            const expected = [...list].filter(
              ([, [start, end]]) => start <= point && (end === null || point < end),
            );
            expect(found.sort()).toEqual(expected.map(([name]) => name).sort());
          }
        },
      ),
    );
  });
});

describe("heap", () => {
  it("gives values in ascending order", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), (orders) => {
        const heap = new Heap<number>();
        for (const order of orders) heap.push(order, order);
        expect(heap.least).toBe(orders.length === 0 ? Infinity : Math.min(...orders));
        const out: number[] = [];
        for (let value = heap.pop(); value !== undefined; value = heap.pop()) out.push(value);
        expect(out).toEqual([...orders].sort((a, b) => a - b));
      }),
    );
  });
});
