import fc from "fast-check";
import { type FieldSchema, jsonName } from "../../src/api/proto/schema.ts";
import { fieldsOf, type PlainMessage, type PlainValue } from "./oracle.ts";

/** Messages inside messages in what is made by chance: a txn in a txn in a txn. */
const DEPTH_MAX = 6;

const SAFE_INTEGER: fc.Arbitrary<string> = fc
  .oneof(
    {
      weight: 3,
      arbitrary: fc.constantFrom(0, 1, 127, 128, 2 ** 28 - 1, 2 ** 28, 2 ** 31, 2 ** 32),
    },
    { weight: 3, arbitrary: fc.maxSafeNat() },
    { weight: 2, arbitrary: fc.maxSafeInteger() },
    {
      weight: 1,
      arbitrary: fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, -1),
    },
  )
  .map(String);

const EXACT_INT64: fc.Arbitrary<string> = exact(-(2n ** 63n), 2n ** 63n - 1n);
const EXACT_UINT64: fc.Arbitrary<string> = exact(0n, 2n ** 64n - 1n);
const UINT64: fc.Arbitrary<string> = SAFE_INTEGER.map((text) => text.replace("-", ""));

/** A whole message by chance; fields are often absent, numbers often at the edge of their type. */
export function plainMessage(name: string, depth: number = DEPTH_MAX): fc.Arbitrary<PlainMessage> {
  const fields = Object.entries(fieldsOf(name));
  const columns: Record<string, fc.Arbitrary<PlainValue>> = {};
  for (const [fieldName, schema] of fields)
    columns[jsonName(fieldName)] = plainField(schema, depth);
  return fc.tuple(fc.record(columns), fc.nat()).map(([record, choice]) => {
    const message: PlainMessage = {};
    const chosen = chosenMembers(fields, choice);
    for (const [fieldName, schema] of fields) {
      const key = jsonName(fieldName);
      const isSet = schema.oneof === "" || chosen.get(schema.oneof) === fieldName;
      message[key] = isSet ? record[key] : undefined;
    }
    return message;
  });
}

/** Which member of each union is set; sometimes none. */
function chosenMembers(
  fields: readonly (readonly [string, FieldSchema])[],
  choice: number,
): ReadonlyMap<string, string> {
  const members = new Map<string, string[]>();
  for (const [name, { oneof }] of fields) {
    if (oneof !== "") members.set(oneof, [...(members.get(oneof) ?? []), name]);
  }
  const chosen = new Map<string, string>();
  for (const [union, names] of members) {
    const name = names[choice % (names.length + 1)];
    if (name !== undefined) chosen.set(union, name);
  }
  return chosen;
}

function plainField(schema: FieldSchema, depth: number): fc.Arbitrary<PlainValue> {
  if (schema.type === "message" && depth === 0) {
    return fc.constant(schema.isRepeated ? [] : undefined);
  }
  const single = plainSingle(schema, depth);
  if (schema.isRepeated) return fc.array(single, { maxLength: 3 });
  return schema.type === "message" ? fc.option(single, { nil: undefined }) : single;
}

function plainSingle(schema: FieldSchema, depth: number): fc.Arbitrary<PlainValue> {
  switch (schema.type) {
    case "message":
      return plainMessage(schema.typeName, schema.isRepeated ? Math.min(depth - 1, 3) : depth - 1);
    case "bytes":
      return fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("hex"));
    case "string":
      return fc.oneof(fc.string({ maxLength: 12 }), fc.string({ unit: "binary", maxLength: 12 }));
    case "bool":
      return fc.boolean();
    case "enum":
      return fc.oneof(fc.nat(5), fc.integer()).map(String);
    case "uint32":
      return fc.oneof(fc.constantFrom(0, 2 ** 31, 2 ** 32 - 1), fc.nat()).map(String);
    case "int64":
      return schema.isExact ? EXACT_INT64 : SAFE_INTEGER;
    case "uint64":
      return schema.isExact ? EXACT_UINT64 : UINT64;
  }
}

function exact(min: bigint, max: bigint): fc.Arbitrary<string> {
  const edges = [0n, 1n, min, max, 2n ** 28n, 2n ** 53n, 2n ** 56n, 2n ** 62n];
  return fc.oneof(fc.constantFrom(...edges), fc.bigInt({ min, max })).map(String);
}
