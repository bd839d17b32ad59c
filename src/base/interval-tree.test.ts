import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Heap } from "./heap.ts";
import { type Interval, IntervalTree } from "./interval-tree.ts";

const key = fc.string({ unit: fc.constantFrom("\0", "a", "b", "\xff"), maxLength: 3 });
const interval = fc
  .tuple(key, fc.option(key))
  .filter(([start, end]) => end === null || start < end);

interface Named extends Interval {
  readonly name: string;
}

function names(values: readonly Named[]): string[] {
  return values.map(({ name }) => name).sort();
}

describe("interval tree", () => {
  it("answers like a list of intervals after any inserts and deletes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), interval), { maxLength: 200, size: "max" }),
        fc.array(key, { minLength: 1, maxLength: 20 }),
        (steps, points) => {
          const tree = new IntervalTree<Named>();
          const list = new Map<string, Named>();
          for (const [add, [start, end]] of steps) {
            const name = JSON.stringify([start, end]);
            const value = { start, end, name };
            if (add) {
              if (list.has(name)) tree.replace(value);
              else tree.add(value);
              list.set(name, value);
            } else if (list.delete(name)) tree.delete(value);
            expect(tree.get({ start, end })).toBe(list.get(name));
            tree.checkInvariants();
          }
          expect(tree.size).toBe(list.size);
          expect(names(tree.values())).toEqual([...list.keys()].sort());
          for (const point of points) {
            const found: Named[] = [];
            tree.stab(point, found);
            const expected = [...list.values()].filter(
              ({ start, end }) => start <= point && (end === null || point < end),
            );
            expect(names(found)).toEqual(names(expected));
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
