import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crc32c, crc32cWord } from "./crc32c.ts";

function crcBitByBit(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe("crc32c", () => {
  // RFC 3720 appendix B.4, and the check value of the catalogue of CRCs.
  test.each([
    ["123456789", new TextEncoder().encode("123456789"), 0xe3069283],
    ["nothing", new Uint8Array(0), 0],
    ["32 zeros", new Uint8Array(32), 0x8a9136aa],
    ["32 times 0xff", new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ["0 to 31", Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ["31 to 0", Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  ])("knows the published checksum of %s", (_name, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });

  test("equals the bitwise definition, at any offset and split at any point", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), fc.nat(20), (bytes, cut, shift) => {
        const moved = new Uint8Array(bytes.length + shift);
        moved.set(bytes, shift);
        const expected = crcBitByBit(bytes);
        const middle = shift + (cut % (bytes.length + 1));
        const left = crc32c(moved, 0, shift, middle);
        expect(crc32c(bytes)).toBe(expected);
        expect(crc32c(moved, left, middle)).toBe(expected);
      }),
    );
  });

  test("a word counts as its four bytes, lowest first", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.nat(), (bytes, seed) => {
        const word = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
        expect(crc32cWord(word, seed)).toBe(crc32c(bytes, seed));
      }),
    );
  });
});
