import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteQueue } from "./byte-queue.ts";

test("bytes come out as they went in, whatever the parts", () => {
  const step = fc.oneof(
    fc.record({ push: fc.uint8Array({ maxLength: 3000 }) }),
    fc.record({ drop: fc.nat(4000) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queue = new ByteQueue();
      let naive = Buffer.alloc(0);
      for (const each of steps) {
        if ("push" in each) {
          const padded = Buffer.concat([Buffer.of(9), each.push, Buffer.of(9)]);
          queue.push(padded, 1, padded.length - 1);
          naive = Buffer.concat([naive, each.push]);
        } else {
          const count = Math.min(each.drop, naive.length);
          queue.drop(count);
          naive = naive.subarray(count);
        }
        expect(queue.length).toBe(naive.length);
        expect(queue.view().equals(naive)).toBe(true);
      }
    }),
  );
});

test("a queue that is never long does not grow", () => {
  const queue = new ByteQueue();
  const bytes = Buffer.alloc(600);
  queue.push(bytes, 0, 600);
  const room = queue.view().buffer.byteLength;
  for (let i = 0; i < 1000; i++) {
    queue.push(bytes, 0, 300);
    queue.drop(300);
  }
  expect(queue.length).toBe(600);
  expect(queue.view().buffer.byteLength).toBeLessThanOrEqual(Math.max(room, 4096));
});
