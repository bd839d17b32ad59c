import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GrpcCode } from "../base/errors.ts";
import { encodeHeaderBlock, grpcTrailersOnly, percentEncode } from "./header-block.ts";
import { HpackDecoder } from "./http2/hpack-decoder.ts";

function decode(block: Buffer): string[] {
  const decoder = new HpackDecoder();
  const { names, values } = decoder.decode(block, 0, block.length);
  expect(decoder.tableBytes).toBe(0);
  return names.map((name, i) => `${name}: ${values[i]}`);
}

describe("header blocks", () => {
  test("any fields are read back by any decoder, whose table they leave alone", () => {
    const text = fc.string({ maxLength: 400, unit: fc.constantFrom("a", "b", " ", "~") });
    const field = fc.tuple(text, text);
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 599 }),
        fc.array(field, { maxLength: 10 }),
        (status, fields) => {
          expect(decode(encodeHeaderBlock(status, fields))).toEqual([
            `:status: ${status}`,
            ...fields.map(([name, value]) => `${name}: ${value}`),
          ]);
        },
      ),
    );
  });

  test("a failure is status, content-type, code and text", () => {
    expect(decode(grpcTrailersOnly(GrpcCode.notFound, "no such key"))).toEqual([
      ":status: 200",
      "content-type: application/grpc",
      "grpc-status: 5",
      "grpc-message: no such key",
    ]);
  });
});

test("grpc-message is printable ASCII that decodes to the text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      const encoded = percentEncode(text);
      expect(encoded).toMatch(/^[ -~]*$/);
      expect(decodeURIComponent(encoded)).toBe(text);
    }),
  );
});
