import protobuf from "protobufjs";
import { type FieldSchema, type FieldTable, jsonName } from "../../src/api/proto/schema.ts";
import { SCHEMA_PARTS } from "../../src/api/proto/schema-parts.ts";

/**
 * The same messages in another codec, protobufjs, built by reflection from our schema: what the two
 * disagree about, one of them has wrong. Values cross over in a plain form that both can give:
 * integers as decimal strings, bytes as hex, unions as their one set member.
 */
export type PlainMessage = { [name: string]: PlainValue };
export type PlainValue = string | boolean | undefined | PlainMessage | readonly PlainValue[];

export const FIELD_TABLES: ReadonlyMap<string, FieldTable> = new Map(
  Object.values(SCHEMA_PARTS)
    .flatMap((part) => Object.values(part.messages))
    .flatMap((messages) => Object.entries(messages)),
);

export const MESSAGE_NAMES: readonly string[] = [...FIELD_TABLES.keys()];

const ROOT = buildRoot();

/** A plain message in the oracle's bytes. */
export function oracleEncode(name: string, message: PlainMessage): Uint8Array {
  const type = ROOT.lookupType(name);
  return type.encode(type.fromObject(toOracle(name, message))).finish();
}

/** Bytes as a plain message, by the oracle. */
export function oracleDecode(name: string, bytes: Uint8Array): PlainMessage {
  const type = ROOT.lookupType(name);
  const object = type.toObject(type.decode(bytes), {
    longs: String,
    defaults: true,
    bytes: Buffer,
  });
  return fromOracle(name, object);
}

/** One of our decoded messages as a plain message. */
export function toPlain(name: string, message: object): PlainMessage {
  const fields = message as Readonly<Record<string, unknown>>;
  const plain: PlainMessage = {};
  for (const [fieldName, schema] of Object.entries(fieldsOf(name))) {
    const key = jsonName(fieldName);
    if (schema.oneof === "") {
      plain[key] = plainField(schema, fields[key]);
      continue;
    }
    const member = fields[jsonName(schema.oneof)] as { kind: string; value: unknown } | undefined;
    plain[key] = member?.kind === key ? plainField(schema, member.value) : undefined;
  }
  return plain;
}

/** A plain message as `encode` takes it. */
export function fromPlain(name: string, plain: PlainMessage): object {
  const message: Record<string, unknown> = {};
  for (const [fieldName, schema] of Object.entries(fieldsOf(name))) {
    const key = jsonName(fieldName);
    const value = plain[key];
    if (value === undefined) continue;
    const own = ownField(schema, value);
    if (schema.oneof === "") message[key] = own;
    else message[jsonName(schema.oneof)] = { kind: key, value: own };
  }
  return message;
}

export function fieldsOf(name: string): FieldTable {
  const fields = FIELD_TABLES.get(name);
  if (fields === undefined) throw new Error(`no message ${name} in the schema`);
  return fields;
}

function buildRoot(): protobuf.Root {
  const root = new protobuf.Root();
  for (const [name, fields] of FIELD_TABLES) {
    const type = new protobuf.Type(name);
    const unions = new Map<string, string[]>();
    for (const [fieldName, schema] of Object.entries(fields)) {
      const key = jsonName(fieldName);
      type.add(oracleField(key, schema));
      if (schema.oneof !== "") unions.set(schema.oneof, [...(unions.get(schema.oneof) ?? []), key]);
    }
    for (const [union, members] of unions) type.add(new protobuf.OneOf(union, members));
    root.add(type);
  }
  root.resolveAll();
  return root;
}

function oracleField(key: string, schema: FieldSchema): protobuf.Field {
  const named = schema.type === "message" ? schema.typeName : schema.type;
  // An open enum is an int32 on the wire, and protobufjs would refuse numbers it has no name for.
  const type = schema.type === "enum" ? "int32" : named;
  return schema.isRepeated
    ? new protobuf.Field(key, schema.number, type, "repeated")
    : new protobuf.Field(key, schema.number, type);
}

function toOracle(name: string, plain: PlainMessage): { [key: string]: unknown } {
  const object: { [key: string]: unknown } = {};
  for (const [fieldName, schema] of Object.entries(fieldsOf(name))) {
    const key = jsonName(fieldName);
    const value = plain[key];
    if (value === undefined) continue;
    const convert = (single: PlainValue): unknown => {
      if (schema.type === "message") return toOracle(schema.typeName, single as PlainMessage);
      if (schema.type === "bytes") return Buffer.from(single as string, "hex");
      if (schema.type === "enum" || schema.type === "uint32") return Number(single);
      return single;
    };
    object[key] = Array.isArray(value) ? value.map(convert) : convert(value);
  }
  return object;
}

function fromOracle(name: string, object: { [key: string]: unknown }): PlainMessage {
  const plain: PlainMessage = {};
  for (const [fieldName, schema] of Object.entries(fieldsOf(name))) {
    const key = jsonName(fieldName);
    const value = object[key];
    const convert = (single: unknown): PlainValue => {
      if (single === undefined || single === null) return undefined;
      if (schema.type === "message") return fromOracle(schema.typeName, single as PlainMessage);
      if (schema.type === "bytes") return Buffer.from(single as Uint8Array).toString("hex");
      if (schema.type === "string" || schema.type === "bool") return single as string | boolean;
      return String(single);
    };
    plain[key] = Array.isArray(value) && schema.isRepeated ? value.map(convert) : convert(value);
  }
  return plain;
}

function plainField(schema: FieldSchema, value: unknown): PlainValue {
  if (schema.isRepeated) return (value as readonly unknown[]).map((one) => plainOne(schema, one));
  return plainOne(schema, value);
}

function plainOne(schema: FieldSchema, value: unknown): PlainValue {
  if (value === undefined) return undefined;
  if (schema.type === "message") return toPlain(schema.typeName, value as object);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  return typeof value === "bigint" || typeof value === "number"
    ? String(value)
    : (value as string | boolean);
}

function ownField(schema: FieldSchema, value: PlainValue): unknown {
  if (Array.isArray(value)) return value.map((one: PlainValue) => ownField(schema, one));
  switch (schema.type) {
    case "message":
      return fromPlain(schema.typeName, value as PlainMessage);
    case "bytes":
      return Uint8Array.from(Buffer.from(value as string, "hex"));
    case "string":
    case "bool":
      return value;
    default:
      return schema.isExact ? BigInt(value as string) : Number(value);
  }
}
