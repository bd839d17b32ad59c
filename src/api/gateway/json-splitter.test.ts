import fc from "fast-check";
import { expect, test } from "vitest";
import { JsonSplitter } from "./json-splitter.ts";

/** The pieces of a body that comes in these parts, and what is left. */
function split(parts: readonly Buffer[], bytesMax = 1000): { pieces: string[]; rest: string } {
  const splitter = new JsonSplitter(bytesMax);
  const pieces: string[] = [];
  for (const part of parts) {
    splitter.push(part, {
      piece: (bytes) => pieces.push(Buffer.from(bytes).toString()) > 0,
      tooLong: () => pieces.push("too long"),
    });
  }
  return { pieces, rest: Buffer.from(splitter.rest()).toString() };
}

test("a body is cut into its values however it is cut into parts", () => {
  const values = fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 5 });
  const gaps = fc.constantFrom("", "\n", " \t\r\n");
  fc.assert(
    fc.property(values, gaps, fc.array(fc.nat(), { maxLength: 6 }), (objects, gap, cuts) => {
      const texts = objects.map((object) => JSON.stringify(object));
      const body = Buffer.from(texts.join(gap) + gap);
      const places = [0, ...cuts.map((cut) => cut % (body.length + 1)), body.length];
      places.sort((left, right) => left - right);
      const parts = places.slice(1).map((end, i) => body.subarray(places[i], end));
      expect(split(parts, 100_000)).toEqual({ pieces: texts, rest: "" });
    }),
  );
});

test("what is not whole is left over", () => {
  expect(split([Buffer.from('{"a":1} {"b":"}')])).toEqual({ pieces: ['{"a":1}'], rest: '{"b":"}' });
});

test("what cannot be a message is a piece up to the next white space", () => {
  expect(split([Buffer.from("nu"), Buffer.from("ll {}")]).pieces).toEqual(["null ", "{}"]);
});

test("a value longer than allowed is told of before it is whole", () => {
  expect(split([Buffer.from("[1,2"), Buffer.from(",3,4,5")], 8).pieces).toEqual(["too long"]);
  expect(split([Buffer.from("[1,2,3,4,5]")], 8).pieces).toEqual(["too long"]);
});

test("splitting stops where the sink has enough, and says where", () => {
  const splitter = new JsonSplitter(100);
  const at = splitter.push(Buffer.from("{}  {}"), {
    piece: () => false,
    tooLong: () => undefined,
  });
  expect([at, splitter.heldBytes]).toEqual([2, 0]);
});
