import fc from "fast-check";
import { expect, test } from "vitest";
import { toRevision } from "../base/revision.ts";
import {
  createRevisionOf,
  deletedKeyValue,
  keyOf,
  keysOnly,
  keyValueSize,
  leaseOf,
  modRevisionOf,
  parseKeyValue,
  valueOf,
  versionOf,
  writeKeyValue,
  type KeyValue,
} from "./key-value.ts";

const revision = fc
  .oneof(fc.nat(300), fc.maxSafeInteger().map(Math.abs))
  .map((value) => toRevision(value));
const keyValue: fc.Arbitrary<KeyValue> = fc.record({
  key: fc.uint8Array({ maxLength: 200 }),
  createRevision: revision,
  modRevision: revision,
  version: fc.nat(),
  value: fc.uint8Array({ maxLength: 200 }),
  lease: fc.oneof(fc.constant(0n), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
});

test("a KeyValue has its fields in order and leaves defaults out (K70)", () => {
  expect(encoded({ ...EMPTY, key: Buffer.from("foo"), version: 1 })).toEqual(
    Buffer.from("0a03666f6f2001", "hex"),
  );
  const whole = {
    key: Buffer.from("foo"),
    createRevision: toRevision(2),
    modRevision: toRevision(300),
    version: 3,
    value: Buffer.from("bar"),
    lease: -1n,
  };
  const expected = "0a03666f6f100218ac0220032a0362617230ffffffffffffffffff01";
  expect(encoded(whole)).toEqual(Buffer.from(expected, "hex"));
});

test("a DELETE event's KeyValue has only key and mod_revision (W23)", () => {
  const bytes = deletedKeyValue(Buffer.from("foo"), toRevision(300));
  expect(Buffer.from(bytes).toString("hex")).toBe("0a03666f6f18ac02");
});

test("every field is read back, by itself and with all others", () => {
  fc.assert(
    fc.property(keyValue, (original) => {
      const bytes = encoded(original);
      const parsed = parseKeyValue(bytes);
      expect(plain(parsed)).toEqual(plain(original));
      const single = {
        key: keyOf(bytes),
        createRevision: createRevisionOf(bytes),
        modRevision: modRevisionOf(bytes),
        version: versionOf(bytes),
        value: valueOf(bytes),
        lease: leaseOf(bytes),
      };
      expect(plain(single)).toEqual(plain(original));
    }),
  );
});

test("keys only drops the value and keeps everything else, the lease too (K17, D5)", () => {
  fc.assert(
    fc.property(keyValue, (original) => {
      const stripped = keysOnly(encoded(original));
      expect(Buffer.from(stripped)).toEqual(encoded({ ...original, value: new Uint8Array(0) }));
    }),
  );
});

const EMPTY: KeyValue = {
  key: new Uint8Array(0),
  createRevision: toRevision(0),
  modRevision: toRevision(0),
  version: 0,
  value: new Uint8Array(0),
  lease: 0n,
};

function encoded(original: KeyValue): Buffer {
  const bytes = Buffer.alloc(keyValueSize(original));
  writeKeyValue(bytes, original);
  return bytes;
}

function plain(one: KeyValue): unknown {
  return { ...one, key: [...one.key], value: [...one.value] };
}
