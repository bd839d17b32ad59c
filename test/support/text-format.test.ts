import { expect, test } from "vitest";
import { parseText, printMessage } from "./text-format.ts";
import { decodeMessage, encodeMessage } from "./wire-codec.ts";

test("text, message and bytes say the same", () => {
  const text =
    'compare:{result:NOT_EQUAL target:VALUE key:a value:"x\\x00y"} ' +
    "success:{request_put:{key:a lease:-5 prev_kv:true}} success:{request_txn:{}}";
  const message = parseText("TxnRequest", text);
  const decoded = decodeMessage("TxnRequest", encodeMessage("TxnRequest", message));
  expect(printMessage("TxnRequest", decoded)).toBe(text);
});

test("repetition and long values have a short form", () => {
  const message = parseText("TxnRequest", "success*3:{request_put:{key:k%i value:x*100}}");
  expect(message["success"]).toHaveLength(3);
  expect(printMessage("TxnRequest", message)).toContain("key:k2 value:x*100");
});

test("ids keep all their 64 bits", () => {
  const bytes = encodeMessage("MemberRemoveRequest", { ID: 2n ** 64n - 1n });
  expect(decodeMessage("MemberRemoveRequest", bytes)).toEqual({ ID: 2n ** 64n - 1n });
});

test.each([
  ["a default on the wire", "PutResponse", [0x12, 0x02, 0x18, 0x00], /default on the wire/],
  ["an unknown field", "PutResponse", [0x7a, 0x00], /unknown field 15/],
  ["another wire type", "PutResponse", [0x10, 0x01], /wire type/],
  ["a message cut short", "PutResponse", [0x12, 0x05], /too early/],
  ["a field given twice", "CompactionRequest", [0x08, 0x01, 0x08, 0x02], /twice/],
])("the reader refuses %s", (_, type, bytes, found) => {
  expect(() => decodeMessage(type, Uint8Array.from(bytes))).toThrow(found);
});

test.each([
  ["an unknown field", "nobody:1", /no field nobody/],
  ["an open brace", "success:{request_put:{key:a}", /not closed/],
  ["text left over", "success:{} and more", /left over/],
])("the text with %s is refused", (_, text, found) => {
  expect(() => parseText("TxnRequest", text)).toThrow(found);
});
