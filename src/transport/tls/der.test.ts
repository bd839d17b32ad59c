import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  contextTag,
  decodeDer,
  encodeDer,
  encodeObjectId,
  encodeTime,
  encodeUnsigned,
  Tag,
} from "./der.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("writing DER", () => {
  it.each([
    ["an empty sequence", encodeDer(Tag.sequence), "3000"],
    ["a value in two parts", encodeDer(Tag.octetString, Buffer.of(1), Buffer.of(2)), "04020102"],
    ["a constructed context tag", encodeDer(contextTag(3, true)), "a300"],
    ["a primitive context tag", encodeDer(contextTag(7, false)), "8700"],
    ["zero", encodeUnsigned(Buffer.of(0)), "020100"],
    ["a number whose topmost bit is set", encodeUnsigned(Buffer.of(0x80)), "02020080"],
    ["a number with zeros in front", encodeUnsigned(Buffer.of(0, 0, 0x7f)), "02017f"],
    ["an object identifier", encodeObjectId("1.2.840.10045.4.3.2"), "06082a8648ce3d040302"],
    ["an arc below 128", encodeObjectId("2.5.29.17"), "0603551d11"],
  ])("%s", (_, bytes, expected) => {
    expect(hex(bytes)).toBe(expected);
  });

  it("times have two digits for the year until 2049, and four from then on", () => {
    const text = (ms: number): string => encodeTime(ms).toString("latin1", 2);
    expect(text(Date.UTC(2049, 11, 31, 23, 59, 59, 999))).toBe("491231235959Z");
    expect(text(Date.UTC(2050, 0, 1))).toBe("20500101000000Z");
    expect(encodeTime(Date.UTC(2050, 0, 1))[0]).toBe(Tag.generalizedTime);
  });
});

describe("reading DER", () => {
  it("gives back what was written, of any length", () => {
    const value = fc.record({
      tag: fc.constantFrom(...Object.values(Tag)),
      contents: fc.uint8Array({ maxLength: 70_000, size: "max" }),
    });
    fc.assert(
      fc.property(fc.array(value, { maxLength: 3 }), (values) => {
        const bytes = Buffer.concat(values.map(({ tag, contents }) => encodeDer(tag, contents)));
        const read = decodeDer(bytes).map(({ tag, contents }) => [tag, hex(contents)]);
        expect(read).toEqual(values.map(({ tag, contents }) => [tag, hex(contents)]));
      }),
      { numRuns: 30 },
    );
  });

  it.each(["30", "3001", "3080", "3081", "308201", "3085000000000101", "30840fffffff"])(
    "refuses %s, which is cut short or has no length",
    (text) => {
      expect(() => decodeDer(Buffer.from(text, "hex"))).toThrow("malformed DER");
    },
  );

  it("never fails otherwise, and never reads beyond", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          const total = decodeDer(bytes).reduce((sum, { contents }) => sum + contents.length, 0);
          expect(total).toBeLessThanOrEqual(bytes.length);
        } catch (error) {
          expect(String(error)).toBe("Error: malformed DER");
        }
      }),
    );
  });
});
