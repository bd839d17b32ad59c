import fc from "fast-check";
import { expect, test } from "vitest";
import { decode, type Descriptor, DESCRIPTORS } from "../../src/api/proto/codec.ts";
import { decodeTxnRequest } from "../../src/api/proto/decode-requests.ts";
import { WireError } from "../../src/base/wire.ts";
import { plainMessage } from "./arbitraries.ts";
import { MESSAGE_NAMES, oracleEncode } from "./oracle.ts";

const NAMES = fc.constantFrom(...MESSAGE_NAMES);

/** Decodes, and counts the objects, lists and byte strings that came of it; 0 for a WireError. */
function partsOf(name: string, bytes: Uint8Array): number {
  try {
    return countParts(
      decode(DESCRIPTORS[name as keyof typeof DESCRIPTORS] as Descriptor<object>, bytes),
    );
  } catch (error) {
    if (error instanceof WireError) return 0;
    throw error;
  }
}

function countParts(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  if (value instanceof Uint8Array) return value.length === 0 ? 0 : 1;
  let count = 1;
  for (const part of Object.values(value)) count += countParts(part);
  return count;
}

test("random bytes give a message or a WireError, never more parts than bytes", () => {
  fc.assert(
    fc.property(NAMES, fc.uint8Array({ maxLength: 200 }), (name, bytes) => {
      // A byte of input makes at most a few parts: a 2-byte op is an object, a union and its value.
      expect(partsOf(name, bytes)).toBeLessThanOrEqual(8 + 4 * bytes.length);
    }),
    { numRuns: 5000 },
  );
});

test("changed and cut messages give a message or a WireError, never more parts than bytes", () => {
  const changed = NAMES.chain((name) =>
    fc.record({
      name: fc.constant(name),
      plain: plainMessage(name, 3),
      changes: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      cut: fc.nat(),
    }),
  );
  fc.assert(
    fc.property(changed, ({ name, plain, changes, cut }) => {
      const bytes = Uint8Array.from(oracleEncode(name, plain));
      for (const [place, byte] of changes) {
        if (bytes.length > 0) bytes[place % bytes.length] = byte;
      }
      for (const input of [bytes, bytes.subarray(0, cut % (bytes.length + 1))]) {
        expect(partsOf(name, input)).toBeLessThanOrEqual(8 + 4 * input.length);
      }
    }),
    { numRuns: 3000 },
  );
});

test("a length that promises more than there is allocates nothing", () => {
  // key of 2^32 - 1, of 2^56 - 1 and of 2^64 - 1 bytes, with 1 byte there.
  for (const length of [[0xff, 0xff, 0xff, 0xff, 0x0f], Array(7).fill(0xff), Array(9).fill(0xff)]) {
    const last = length.length === 5 ? [] : [length.length === 7 ? 0x7f : 0x01];
    const bytes = Uint8Array.from([0x0a, ...length, ...last, 0x61]);
    for (const name of ["PutRequest", "TxnRequest", "WatchRequest"] as const) {
      expect(() => decode(DESCRIPTORS[name] as Descriptor<object>, bytes)).toThrow(
        new WireError("unexpected EOF"),
      );
    }
  }
});

test("the largest request of empty ops is decoded in one go", () => {
  const bytes = new Uint8Array(2 * 1024 * 1024);
  for (let i = 0; i < bytes.length; i += 2) bytes[i] = 0x12;
  expect(decodeTxnRequest(bytes).success.length).toBe(bytes.length / 2);
});
