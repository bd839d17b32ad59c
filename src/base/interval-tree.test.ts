import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareBytes } from "./bytes.ts";
import { Heap } from "./heap.ts";
import { IntervalTree } from "./interval-tree.ts";

const key = fc.uint8Array({ maxLength: 3 }).map((bytes) => bytes.map((byte) => byte % 4));
const interval = fc
  .tuple(key, fc.option(key))
  .filter(([start, end]) => end === null || compareBytes(start, end) < 0);

describe("interval tree", () => {
  it("answers like a list of intervals after any inserts and deletes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), interval), { maxLength: 60 }),
        fc.array(key, { minLength: 1, maxLength: 20 }),
        (steps, points) => {
          const tree = new IntervalTree<string>();
          const list = new Map<string, readonly [Uint8Array, Uint8Array | null]>();
          for (const [add, [start, end]] of steps) {
            const name = `${start} ${end}`;
            if (add) {
              expect(tree.ensure(start, end, () => name)).toBe(name);
              list.set(name, [start, end]);
            } else if (list.delete(name)) tree.delete(start, end);
            expect(tree.get(start, end)).toBe(list.has(name) ? name : undefined);
            tree.checkInvariants();
          }
          expect(tree.size).toBe(list.size);
          for (const point of points) {
            const found: string[] = [];
            tree.stab(Uint8Array.of(9, ...point, 9), 1, 1 + point.length, found);
            const expected = [...list].filter(
              ([, [start, end]]) =>
                compareBytes(start, point) <= 0 && (end === null || compareBytes(point, end) < 0),
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
