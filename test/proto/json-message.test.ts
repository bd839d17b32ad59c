import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jsonMessage } from "../../src/api/gateway/json-message.ts";
import { JsonDocument, JsonError } from "../../src/api/gateway/json-value.ts";
import { jsonName } from "../../src/api/proto/schema.ts";
import { plainMessage } from "./arbitraries.ts";
import { MESSAGE_NAMES, oracleDecode, oracleEncode } from "./oracle.ts";

/** The bytes of the message that the JSON stands for. */
function bytesOf(name: string, json: string): Uint8Array {
  return jsonMessage(name).toBytes(JsonDocument.parse(Buffer.from(json)));
}

function jsonOf(name: string, bytes: Uint8Array): string {
  const message = jsonMessage(name);
  return message.write(message.decode(bytes));
}

function faultOf(name: string, json: string): string {
  try {
    bytesOf(name, json);
  } catch (error) {
    if (error instanceof JsonError) return error.message;
    throw error;
  }
  return "none";
}

/** The same JSON with each name in lowerCamelCase. */
function inCamelCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inCamelCase);
  if (typeof value !== "object" || value === null) return value;
  const pairs = Object.entries(value).map(([name, inner]) => [jsonName(name), inCamelCase(inner)]);
  return Object.fromEntries(pairs) as unknown;
}

describe("messages as JSON", () => {
  test.each(MESSAGE_NAMES)("%s comes back from its JSON as protobuf would have it", (name) => {
    fc.assert(
      fc.property(plainMessage(name, 3), (plain) => {
        const bytes = oracleEncode(name, plain);
        const json = jsonOf(name, bytes);
        expect(oracleDecode(name, bytesOf(name, json))).toEqual(oracleDecode(name, bytes));
        const camel = JSON.stringify(inCamelCase(JSON.parse(json)));
        expect(bytesOf(name, camel)).toEqual(bytesOf(name, json));
      }),
      { numRuns: 15 },
    );
  });

  test("64-bit integers stand in quotes, others and enums do not (G2)", () => {
    expect(jsonOf("HashResponse", oracleEncode("HashResponse", { hash: "7" }))).toBe('{"hash":7}');
    const lease = oracleEncode("LeaseGrantRequest", { TTL: "5", ID: "9223372036854775807" });
    expect(jsonOf("LeaseGrantRequest", lease)).toBe('{"TTL":"5","ID":"9223372036854775807"}');
    const range = bytesOf("RangeRequest", '{"key":"YQ==","sort_order":1,"sort_target":99}');
    expect(jsonOf("RangeRequest", range)).toBe(
      '{"key":"YQ==","sort_order":"ASCEND","sort_target":99}',
    );
  });

  test("what is empty is left out, but for a member of a union (G2)", () => {
    const compare = bytesOf("Compare", '{"key":"","version":"0"}');
    expect(jsonOf("Compare", compare)).toBe('{"version":"0"}');
    expect(jsonOf("RangeResponse", bytesOf("RangeResponse", '{"header":{},"kvs":[]}'))).toBe(
      '{"header":{}}',
    );
  });

  test.each(["YWI/", "YWI_", "YWI\\n/", "\\u0059WI/"])("bytes may be written %j (G3)", (text) => {
    expect(bytesOf("PutRequest", `{"key":"${text}"}`)).toEqual(Uint8Array.of(10, 3, 97, 98, 63));
  });

  test.each(["YQ==", "YQ"])("bytes may be padded or not: %s (G3)", (text) => {
    expect(bytesOf("PutRequest", `{"key":"${text}"}`)).toEqual(Uint8Array.of(10, 1, 97));
  });

  test.each(["YWI=a", "Y", "YQ=", "YQ===", "+-==", "a b="])("%s are no bytes (G3)", (text) => {
    expect(faultOf("PutRequest", `{"key":"${text}"}`)).toBe(
      `proto: (line 1:8): invalid value for bytes field key: "${text}"`,
    );
  });

  test.each(["3", '"3"', "3.0", "30e-1", '"0.3e1"', "3e0"])("%s is the number 3", (text) => {
    expect(bytesOf("RangeRequest", `{"limit":${text}}`)).toEqual(Uint8Array.of(24, 3));
  });

  test.each(["3.5", '"x"', '""', '" 3"', "1e19", '"9223372036854775808"', "1e999999999", "[]"])(
    "%s is no int64",
    (text) => {
      expect(faultOf("RangeRequest", `{"limit":${text}}`)).toContain("for int64 field limit: ");
    },
  );

  test.each([
    ["TxnRequest", '{"compare":[null]}', "syntax error (line 1:13): unexpected token null"],
    ["TxnRequest", '{"compare":\n {}}', "syntax error (line 2:2): unexpected token {"],
    [
      "PutRequest",
      '{"key":"\u00e9","key":""}',
      '(line 1:8): invalid value for bytes field key: "\u00e9"',
    ],
    [
      "PutRequest",
      '{"\u00e9":"","lease":{}}',
      "(line 1:17): invalid value for int64 field lease: {",
    ],
    ["PutRequest", '{"prev_kv":true,"prevKv":true}', '(line 1:17): duplicate field "prevKv"'],
    [
      "AuthUserAddRequest",
      '{"name":"\\ud800"}',
      '(line 1:9): invalid value for string field name: "\\ud800"',
    ],
    [
      "WatchCreateRequest",
      '{"filters":[true]}',
      "(line 1:13): invalid value for enum field filters: true",
    ],
    [
      "Compare",
      '{"lease":1,"value":""}',
      '(line 1:12): error parsing "value", oneof etcdserverpb.Compare.target_union is already set',
    ],
  ])("a %s of %s is told of its place", (name, json, fault) => {
    expect(faultOf(name, json).replace(/^proto: /, "")).toBe(fault);
  });

  test("unknown names, unknown names of enums and null are passed over (G3)", () => {
    const json = '{"key":null,"what":{"a":[]},"__proto__":{},"sort_order":"SIDEWAYS","limit":"1"}';
    expect(bytesOf("RangeRequest", json)).toEqual(Uint8Array.of(24, 1));
  });
});
