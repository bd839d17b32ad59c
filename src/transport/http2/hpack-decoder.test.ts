import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConnectionError, ErrorCode } from "./frames.ts";
import { HpackDecoder } from "./hpack-decoder.ts";
import { HEADER_FIELDS_MAX } from "./limits.ts";

function decode(decoder: HpackDecoder, block: Buffer): string[] {
  const { names, values } = decoder.decode(block, 0, block.length);
  return names.map((name, i) => `${name}: ${values[i]}`);
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

function literal(first: number, ...strings: readonly string[]): Buffer {
  const parts = strings.map((text) => Buffer.concat([Buffer.of(text.length), Buffer.from(text)]));
  return Buffer.concat([Buffer.of(first), ...parts]);
}

describe("the examples of RFC 7541 appendix C", () => {
  const requests = [
    [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
    [
      ":method: GET",
      ":scheme: http",
      ":path: /",
      ":authority: www.example.com",
      "cache-control: no-cache",
    ],
    [
      ":method: GET",
      ":scheme: https",
      ":path: /index.html",
      ":authority: www.example.com",
      "custom-key: custom-value",
    ],
  ];

  test.each([
    [
      "C.3, without Huffman",
      [
        "828684410f7777772e6578616d706c652e636f6d",
        "828684be58086e6f2d6361636865",
        "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
      ],
    ],
    [
      "C.4, with Huffman",
      [
        "828684418cf1e3c2e5f23a6ba0ab90f4ff",
        "828684be5886a8eb10649cbf",
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
      ],
    ],
  ])("%s", (_name, blocks) => {
    const decoder = new HpackDecoder();
    const sizes: number[] = [];
    blocks.forEach((block, i) => {
      expect(decode(decoder, hex(block))).toEqual(requests[i]);
      sizes.push(decoder.tableBytes);
    });
    expect(sizes).toEqual([57, 110, 164]);
  });

  test("C.5: a table of 256 bytes evicts the oldest", () => {
    const decoder = new HpackDecoder();
    decode(
      decoder,
      hex(
        `3fe101 4803333032 580770726976617465
        611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54
        6e1768747470733a2f2f7777772e6578616d706c652e636f6d`.replaceAll("\n", ""),
      ),
    );
    expect(decoder.tableBytes).toBe(222);
    expect(decode(decoder, hex("4803333037c1c0bf"))).toEqual([
      ":status: 307",
      "cache-control: private",
      "date: Mon, 21 Oct 2013 20:13:21 GMT",
      "location: https://www.example.com",
    ]);
    expect(decoder.tableBytes).toBe(222);
  });
});

describe("faults of a block are COMPRESSION_ERROR", () => {
  test.each([
    ["index 0", "80"],
    ["an index above the tables", "be"],
    ["a name index above the tables", "7f0001 61"],
    ["an integer cut short", "ff"],
    ["an integer that is too large", "ffffffffffff0f"],
    ["a string cut short", "400261"],
    ["a literal without a value", "400161"],
    ["a table size update after a field", "8220"],
    ["a table size above 4096", "3fe21f"],
    ["a wrong Huffman code", "4081000161"],
  ])("%s", (_name, block) => {
    let thrown: unknown;
    try {
      decode(new HpackDecoder(), hex(block));
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ConnectionError);
    expect(thrown).toMatchObject({ code: ErrorCode.compressionError });
  });

  test("random bytes are decoded or refused, never anything else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const decoder = new HpackDecoder();
        try {
          decode(decoder, Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(ConnectionError);
        }
        expect(decoder.tableBytes).toBeLessThanOrEqual(4096);
      }),
      { numRuns: 1000 },
    );
  });
});

test("a field larger than the table empties it", () => {
  const decoder = new HpackDecoder();
  decode(decoder, literal(0x40, "a", "b"));
  expect(decoder.tableBytes).toBe(34);
  const value = Buffer.alloc(4096, "x");
  const block = Buffer.concat([hex("400161 7f811f"), value]);
  expect(decode(decoder, block)).toEqual([`a: ${value.toString()}`]);
  expect(decoder.tableBytes).toBe(0);
});

test("a table as small as its content keeps it, one byte less evicts", () => {
  const decoder = new HpackDecoder();
  decode(decoder, literal(0x40, "a", "b"));
  decode(decoder, Buffer.of(0x3f, 34 - 31));
  expect(decoder.tableBytes).toBe(34);
  decode(decoder, Buffer.of(0x3f, 33 - 31));
  expect(decoder.tableBytes).toBe(0);
});

test("a list that is too large keeps no more than the limit, and the table stays right", () => {
  const decoder = new HpackDecoder();
  const many = Buffer.concat(Array<Buffer>(HEADER_FIELDS_MAX + 50).fill(hex("82")));
  const block = Buffer.concat([many, literal(0x40, "late", "1")]);
  const fields = decoder.decode(block, 0, block.length);
  expect(fields.isTooLarge).toBe(true);
  expect(fields.names).toHaveLength(HEADER_FIELDS_MAX);
  expect(decode(decoder, hex("be"))).toEqual(["late: 1"]);
});

/** The dynamic table as the RFC draws it: an array, newest first. */
test("a random use of the table equals the naive table", () => {
  const text = fc.string({ maxLength: 40, unit: fc.constantFrom("a", "b", "c") });
  const operation = fc.oneof(
    fc.record({ kind: fc.constant("insert" as const), name: text, value: text }),
    fc.record({ kind: fc.constant("look" as const), age: fc.nat(130) }),
    fc.record({ kind: fc.constant("resize" as const), bytes: fc.nat(31 + 127) }),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 300 }), (operations) => {
      const decoder = new HpackDecoder();
      const naive: { name: string; value: string }[] = [];
      let max = 4096;
      const bytes = (): number =>
        naive.reduce((sum, { name, value }) => sum + name.length + value.length + 32, 0);
      const evict = (): void => {
        while (bytes() > max) naive.pop();
      };
      for (const each of operations) {
        if (each.kind === "insert") {
          const seen = decode(decoder, literal(0x40, each.name, each.value));
          expect(seen).toEqual([`${each.name}: ${each.value}`]);
          naive.unshift(each);
          evict();
        } else if (each.kind === "resize") {
          max = each.bytes;
          const block = max < 31 ? Buffer.of(0x20 | max) : Buffer.of(0x3f, max - 31);
          decode(decoder, block);
          evict();
        } else if (each.age < naive.length) {
          const index = 62 + each.age;
          const block = index < 127 ? Buffer.of(0x80 | index) : Buffer.of(0xff, index - 127);
          const { name, value } = naive[each.age]!;
          expect(decode(decoder, block)).toEqual([`${name}: ${value}`]);
        }
        expect(decoder.tableBytes).toBe(bytes());
      }
    }),
  );
});
