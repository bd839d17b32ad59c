import fc from "fast-check";
import { expect, test } from "vitest";
import { KeyArena } from "./key-arena.ts";

const length = fc.oneof(
  { arbitrary: fc.nat(40), weight: 8 },
  { arbitrary: fc.nat(3_000), weight: 3 },
  { arbitrary: fc.constantFrom(256, 257, 511, 512, 513, 1024, 1025), weight: 2 },
  { arbitrary: fc.constantFrom(300_000, 524_288, 524_289), weight: 1 },
);
const action = fc.oneof(
  { arbitrary: length.map((bytes) => ({ add: bytes })), weight: 3 },
  { arbitrary: fc.nat().map((choice) => ({ free: choice })), weight: 2 },
);

test("keys keep their bytes whatever is added and freed beside them", () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
      const arena = new KeyArena();
      const held: { readonly ref: number; readonly key: Uint8Array }[] = [];
      for (const [i, one] of actions.entries()) {
        if ("add" in one) {
          const key = new Uint8Array(one.add).fill(i);
          held.push({ ref: arena.add(key), key });
        } else if (held.length > 0) {
          const [gone] = held.splice(one.free % held.length, 1);
          if (gone !== undefined) arena.free(gone.ref, gone.key.length);
        }
      }
      arena.checkInvariants();
      for (const { ref, key } of held) {
        expect(arena.equals(ref, key.length, key)).toBe(true);
        expect(arena.compare(ref, key.length, key)).toBe(0);
        expect(Buffer.compare(arena.view(ref, key.length), key)).toBe(0);
      }
      for (const { ref, key } of held) arena.free(ref, key.length);
      expect(arena.usage.usedUnits).toBe(0);
      arena.checkInvariants();
    }),
    { numRuns: 40 },
  );
});

test("freed keys make room for keys of about their size", () => {
  const arena = new KeyArena();
  const key = new Uint8Array(100).fill(1);
  const refs = Array.from({ length: 50_000 }, () => arena.add(key));
  const { bytes } = arena;
  for (const ref of refs) arena.free(ref, 100);
  for (let i = 0; i < 50_000; i++) arena.add(new Uint8Array(97 + (i % 8)));
  expect(arena.bytes).toBe(bytes);
});

test("a very long key gives its memory back", () => {
  const arena = new KeyArena();
  const long = new Uint8Array(10_000_000).fill(1);
  const ref = arena.add(long);
  expect(arena.bytes).toBeGreaterThanOrEqual(long.length);
  arena.free(ref, long.length);
  expect(arena.bytes).toBe(0);
  expect(arena.add(long)).toBe(ref);
});

test("keys are ordered by bytes, a prefix before what it begins", () => {
  const arena = new KeyArena();
  const keys = ["", "\0", "a", "a\0", "ab", "b", "\xff", "\xff\xff"].map((text) =>
    Buffer.from(text, "latin1"),
  );
  for (const [i, left] of keys.entries()) {
    const ref = arena.add(left);
    for (const [j, right] of keys.entries()) {
      expect(Math.sign(arena.compare(ref, left.length, right))).toBe(Math.sign(i - j));
    }
  }
});
