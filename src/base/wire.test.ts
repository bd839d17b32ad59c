import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  utf8Size,
  varint64Size,
  varintSize,
  WireError,
  WireReader,
  WireWriter,
  writeVarint,
  writeVarint64,
} from "./wire.ts";

/** The naive model: seven bits at a time, by bigint. */
function naiveVarint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

const EDGES: readonly bigint[] = [0n, 7n, 14n, 21n, 28n, 31n, 32n, 35n, 42n, 49n, 53n, 56n, 63n]
  .flatMap((bits) => [2n ** bits - 1n, 2n ** bits, -(2n ** bits)])
  .filter((value) => value >= -(2n ** 63n) && value < 2n ** 63n);

const int64 = fc.oneof(
  fc.constantFrom(...EDGES),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  // Every length of varint as likely as any other.
  fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), fc.nat(63)).map(([v, n]) => v >> BigInt(n)),
);
const safeNumber = int64.map((value) => Number(BigInt.asUintN(53, value)));

const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);

function clamped(value: bigint): number {
  if (value > SAFE_MAX) return Number.MAX_SAFE_INTEGER;
  return value < -SAFE_MAX ? Number.MIN_SAFE_INTEGER : Number(value);
}

function reader(...bytes: number[]): WireReader {
  return new WireReader(Uint8Array.from(bytes));
}

describe("varints", () => {
  test("of numbers are written as the model writes them, in the size foretold", () => {
    fc.assert(
      fc.property(safeNumber, (value) => {
        const target = new Uint8Array(12);
        const end = writeVarint(target, 1, value);
        expect(target.subarray(1, end)).toEqual(naiveVarint(BigInt(value)));
        expect(varintSize(value)).toBe(end - 1);
      }),
      { numRuns: 2000 },
    );
  });

  test("of bigints are written as the model writes them, in the size foretold", () => {
    fc.assert(
      fc.property(int64, (value) => {
        const target = new Uint8Array(12);
        const end = writeVarint64(target, 1, value);
        expect(target.subarray(1, end)).toEqual(naiveVarint(value));
        expect(varint64Size(value)).toBe(end - 1);
      }),
      { numRuns: 2000 },
    );
  });

  test("are read by every method as its type says", () => {
    fc.assert(
      fc.property(int64, (value) => {
        const bytes = naiveVarint(value);
        const unsigned = BigInt.asUintN(64, value);
        expect(new WireReader(bytes).bigint64()).toBe(value);
        expect(new WireReader(bytes).biguint64()).toBe(unsigned);
        expect(new WireReader(bytes).int64()).toBe(clamped(value));
        expect(new WireReader(bytes).uint64()).toBe(clamped(unsigned));
        expect(new WireReader(bytes).uint()).toBe(Number(unsigned));
        expect(new WireReader(bytes).int32()).toBe(Number(BigInt.asIntN(32, value)));
        expect(new WireReader(bytes).uint32()).toBe(Number(BigInt.asUintN(32, value)));
        expect(new WireReader(bytes).bool()).toBe(value !== 0n);
        const skipping = new WireReader(bytes);
        skipping.skip(8);
        expect(skipping.offset).toBe(bytes.length);
      }),
      { numRuns: 2000 },
    );
  });

  test("cut short are an unexpected end, whatever comes behind the reader's bytes", () => {
    fc.assert(
      fc.property(int64, fc.nat(), (value, cut) => {
        const bytes = naiveVarint(value);
        const end = cut % bytes.length;
        for (const read of ["uint", "int64", "bigint64", "biguint64", "int32", "bool"] as const) {
          expect(() => new WireReader(bytes, 0, end)[read]()).toThrow(
            new WireError("unexpected EOF"),
          );
        }
      }),
    );
  });

  test("may be longer than needed, but not than 64 bits", () => {
    expect(reader(0x81, 0x80, 0x80, 0x00).uint()).toBe(1);
    expect(reader(0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00).int64()).toBe(1);
    const full: number[] = Array(9).fill(0xff);
    expect(reader(...full, 0x01).biguint64()).toBe(2n ** 64n - 1n);
    const overflow = new WireError("proto: integer overflow");
    expect(() => reader(...full, 0x02).biguint64()).toThrow(overflow);
    expect(() => reader(...full, 0x80, 0x01).uint()).toThrow(overflow);
    expect(() => reader(...Array(20).fill(0x80)).skip(8)).toThrow(overflow);
  });
});

describe("a reader", () => {
  test("refuses tags that no field can have", () => {
    for (const bytes of [[0x00], [0x07], [0x80, 0x80, 0x80, 0x80, 0x10]]) {
      expect(() => reader(...bytes).tag()).toThrow(new WireError("proto: illegal tag"));
    }
    expect(reader(0xf8, 0xff, 0xff, 0xff, 0x0f).tag()).toBe(0xfffffff8);
  });

  test("borrows bytes of its own window, also from a Buffer in a shared pool", () => {
    const pool = Buffer.from("xx\x03keyyy", "latin1");
    const bytes = new WireReader(pool.subarray(2)).bytes();
    expect(bytes).toEqual(Uint8Array.from(Buffer.from("key")));
    pool[3] = 0x4b;
    expect(bytes[0]).toBe(0x4b);
  });

  test("refuses a length that goes beyond the message it is in", () => {
    const eof = new WireError("unexpected EOF");
    expect(() => reader(2, 0x61).bytes()).toThrow(eof);
    const inner = reader(2, 3, 1, 2, 3);
    inner.enter();
    expect(() => inner.bytes()).toThrow(eof);
    expect(() => reader(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1).enter()).toThrow(
      eof,
    );
    for (const tag of [0x09, 0x0a, 0x0d]) expect(() => reader(4, 0, 0).skip(tag)).toThrow(eof);
  });

  test("enters messages in messages and is back behind them", () => {
    const nested = reader(3, 1, 9, 7, 5);
    const outer = nested.enter();
    const inner = nested.enter();
    expect(nested.uint()).toBe(9);
    expect(nested.done).toBe(true);
    nested.leave(inner);
    expect(nested.done).toBe(false);
    expect(nested.uint()).toBe(7);
    nested.leave(outer);
    expect(nested.uint()).toBe(5);
    expect(nested.done).toBe(true);
  });

  test("gives a reader over an embedded message and passes over it", () => {
    const outer = reader(2, 8, 1, 5);
    const inner = outer.message();
    expect([inner.tag(), inner.uint(), inner.done]).toEqual([8, 1, true]);
    expect(outer.uint()).toBe(5);
  });

  test("goes 100 messages deep and no deeper, by `message` too", () => {
    const bytes = new Uint8Array(120).map((_, i) => 119 - i);
    let deep = new WireReader(bytes);
    for (let i = 0; i < 100; i++) deep = deep.message();
    const refusal = new WireError("proto: exceeded maximum recursion depth");
    expect(() => deep.message()).toThrow(refusal);
    expect(() => new WireReader(new Uint8Array(101).fill(0x0b)).skip(0x0b)).toThrow(refusal);
  });

  test("passes over groups, and refuses one that ends as another or stands open", () => {
    const group = reader(0x08, 0x01, 0x12, 0x01, 0xff, 0x1b, 0x1c, 0x0c, 0x2a);
    group.skip(0x0b);
    expect(group.offset).toBe(8);
    expect(() => reader(0x14).skip(0x0b)).toThrow(
      new WireError("proto: mismatching end group marker"),
    );
    expect(() => reader(0x08, 0x01).skip(0x0b)).toThrow(new WireError("unexpected EOF"));
    for (const tag of [0x0c, 0x0e, 0x0f]) {
      expect(() => reader(1, 1).skip(tag)).toThrow(
        new WireError(`proto: illegal wireType ${tag & 7}`),
      );
    }
  });

  test("counts depth, not number: a thousand groups or messages in a row are passed", () => {
    const groups = new WireReader(Uint8Array.from({ length: 2000 }, (_, i) => 0x0b + (i & 1)));
    while (!groups.done) groups.skip(groups.tag());
    const messages = new WireReader(new Uint8Array(1000));
    while (!messages.done) messages.leave(messages.enter());
    expect([groups.offset, messages.offset]).toEqual([2000, 1000]);
  });

  test("reads strings with their BOM, and refuses bytes that are not UTF-8", () => {
    const text = "\ufeffé€😀";
    const bytes = Buffer.from(text);
    expect(reader(bytes.length, ...bytes).string()).toBe(text);
    for (const broken of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]]) {
      expect(() => reader(broken.length, ...broken).string()).toThrow(
        new WireError("string field contains invalid UTF-8"),
      );
    }
  });
});

describe("a writer", () => {
  test("grows by need and keeps what it holds", () => {
    const writer = new WireWriter(1);
    writer.uintField(1, 150);
    writer.bytesField(2, new Uint8Array(5000).fill(7));
    expect(writer.length).toBe(3 + 3 + 5000);
    expect(writer.bytes().subarray(0, 6)).toEqual(Uint8Array.of(8, 0x96, 1, 0x12, 0x88, 0x27));
    writer.reset();
    expect(writer.bytes().length).toBe(0);
  });

  test("lets go of the buffer that a huge message made", () => {
    const writer = new WireWriter(16);
    writer.raw(new Uint8Array(20 * 1024 * 1024));
    writer.reset();
    expect(writer.reserve(1).length).toBeLessThanOrEqual(4 * 1024 * 1024);
  });

  test("leaves out defaults and writes negative numbers in ten bytes", () => {
    const writer = new WireWriter();
    writer.uintField(1, 0);
    writer.intField(1, 0);
    writer.int64Field(1, 0n);
    writer.boolField(1, false);
    writer.bytesField(1, new Uint8Array(0));
    writer.stringField(1, "");
    expect(writer.length).toBe(0);
    writer.intField(1, -1);
    expect(writer.bytes()).toEqual(Uint8Array.of(8, ...naiveVarint(-1n)));
  });

  test("writes strings as Buffer does, in the size foretold", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 50 }),
      // Lone surrogates, which no well-formed string has.
      fc.array(fc.constantFrom("\ud800", "\udc00", "a", "é", "€"), { maxLength: 8 }),
    );
    fc.assert(
      fc.property(text, (value) => {
        const string = Array.isArray(value) ? value.join("") : value;
        const expected = Buffer.from(string);
        expect(utf8Size(string)).toBe(expected.length);
        const writer = new WireWriter(1);
        writer.text(string);
        expect(writer.bytes()).toEqual(Uint8Array.from(expected));
      }),
      { numRuns: 500 },
    );
  });
});
