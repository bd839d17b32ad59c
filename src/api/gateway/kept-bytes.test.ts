import { expect, test } from "vitest";
import { KeptBytes } from "./kept-bytes.ts";

test("bytes come out as they were put in, and are the taker's", () => {
  const kept = new KeptBytes();
  const all: number[] = [];
  for (let i = 0; i < 3000; i++) {
    kept.add(Uint8Array.of(i % 256));
    all.push(i % 256);
  }
  expect([...kept.view()]).toEqual(all);
  const taken = kept.take();
  expect([kept.length, kept.heldBytes]).toEqual([0, 0]);
  kept.add(Uint8Array.of(7));
  expect([...taken]).toEqual(all);
});

test("a million single bytes make room a few times, not a million", () => {
  const kept = new KeptBytes();
  const rooms = new Set<number>();
  for (let i = 0; i < 1_000_000; i++) {
    kept.add(Uint8Array.of(1));
    rooms.add(kept.heldBytes);
  }
  expect(rooms.size).toBeLessThan(12);
});
