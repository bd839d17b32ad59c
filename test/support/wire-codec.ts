import { ENUM_FACTS, MESSAGE_FACTS } from "./wire-facts.ts";

/**
 * Encodes and decodes any message of `wire-facts.ts`, plainly and strictly. It is the tests' own
 * reader, so it shares nothing with the server's codecs. int64, uint32 and enums are numbers while
 * they are exact and bigint beyond; uint64 ids are bigint.
 */
export type FieldValue = bigint | number | boolean | string | Uint8Array | Message | FieldValue[];
/** Only the fields that stand on the wire are there. */
export interface Message {
  [field: string]: FieldValue;
}

export interface FieldFact {
  readonly name: string;
  readonly number: number;
  /** A scalar's name, or that of a message or enum. */
  readonly type: string;
  readonly repeated: boolean;
}

interface MessageFact {
  readonly byName: ReadonlyMap<string, FieldFact>;
  readonly byNumber: ReadonlyMap<number, FieldFact>;
}

export const messageFacts: ReadonlyMap<string, MessageFact> = new Map(
  factLines(MESSAGE_FACTS).map(([name, body]) => {
    const fields = body
      .split(", ")
      .filter((field) => field !== "")
      .map(parseField);
    return [
      name,
      {
        byName: new Map(fields.map((field) => [field.name, field])),
        byNumber: new Map(fields.map((field) => [field.number, field])),
      },
    ];
  }),
);

export const enumFacts: ReadonlyMap<string, ReadonlyMap<string, number>> = new Map(
  factLines(ENUM_FACTS).map(([name, body]) => [
    name,
    new Map(
      body.split(", ").map((entry) => {
        const [label = "", value = ""] = entry.split("=");
        return [label, Number(value)];
      }),
    ),
  ]),
);

export function messageFact(type: string): MessageFact {
  const fact = messageFacts.get(type);
  if (fact === undefined) throw new Error(`no message is called ${type}`);
  return fact;
}

function factLines(text: string): [string, string][] {
  return text
    .replaceAll(/\n +/g, " ")
    .trim()
    .split("\n")
    .map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
}

function parseField(text: string): FieldFact {
  const match = /^(\w+)=(\d+) (\[\])?(\w+)$/.exec(text);
  if (match === null) throw new Error(`not a field: ${text}`);
  const [, name = "", number = "", repeated, type = ""] = match;
  return { name, number: Number(number), type, repeated: repeated !== undefined };
}

export function encodeMessage(type: string, message: Message): Buffer {
  const parts: Uint8Array[] = [];
  const fact = messageFact(type);
  for (const [name, value] of Object.entries(message)) {
    const field = fact.byName.get(name);
    if (field === undefined) throw new Error(`${type} has no field ${name}`);
    for (const one of Array.isArray(value) ? value : [value]) encodeField(field, one, parts);
  }
  return Buffer.concat(parts);
}

function encodeField(field: FieldFact, value: FieldValue, parts: Uint8Array[]): void {
  if (wireTypeOf(field.type) === 0) {
    parts.push(varint(BigInt(field.number * 8)), varint(BigInt(value as bigint)));
    return;
  }
  const bytes = messageFacts.has(field.type)
    ? encodeMessage(field.type, value as Message)
    : Buffer.from(value as string);
  parts.push(varint(BigInt(field.number * 8 + 2)), varint(BigInt(bytes.length)), bytes);
}

function wireTypeOf(type: string): 0 | 2 {
  return type === "bytes" || type === "string" || messageFacts.has(type) ? 2 : 0;
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

/**
 * Decodes strictly: throws on an unknown field, a wrong wire type, bytes left over, and on a scalar
 * that stands on the wire with its default value, which etcd's encoder never writes (K70).
 */
export function decodeMessage(type: string, bytes: Uint8Array): Message {
  return decode(type, bytes, true);
}

/** Decodes what any client may send: leaves out unknown fields, and defaults that are written. */
export function decodeRequest(type: string, bytes: Uint8Array): Message {
  return decode(type, bytes, false);
}

function decode(type: string, bytes: Uint8Array, isStrict: boolean): Message {
  const cursor = { bytes, at: 0 };
  const message: Message = {};
  const fact = messageFact(type);
  while (cursor.at < bytes.length) {
    const tag = Number(readVarint(cursor));
    const field = fact.byNumber.get(tag >>> 3);
    if (field === undefined && !isStrict) {
      skip(cursor, tag & 7);
      continue;
    }
    if (field === undefined) throw new Error(`${type} holds an unknown field ${tag >>> 3}`);
    if ((tag & 7) !== wireTypeOf(field.type)) throw new Error(`${type}.${field.name}: wire type`);
    const value = readValue(field, cursor, isStrict);
    if (field.repeated) {
      message[field.name] = [...((message[field.name] as FieldValue[] | undefined) ?? []), value];
    } else if (!isStrict) {
      if (isDefault(value)) delete message[field.name];
      else message[field.name] = value;
    } else {
      if (isDefault(value)) throw new Error(`${type}.${field.name}: a default on the wire`);
      if (field.name in message) throw new Error(`${type}.${field.name} stands there twice`);
      message[field.name] = value;
    }
  }
  return message;
}

function isDefault(value: FieldValue): boolean {
  if (value instanceof Uint8Array) return value.length === 0;
  return value === 0 || value === 0n || value === false || value === "";
}

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

function readVarint(cursor: Cursor): bigint {
  let small = 0;
  for (let i = 0; i < 4; i++) {
    const byte = nextByte(cursor);
    small += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return BigInt(small);
  }
  let value = BigInt(small);
  for (let shift = 28n; shift < 70n; shift += 7n) {
    const byte = nextByte(cursor);
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  throw new Error("a varint is longer than ten bytes");
}

function nextByte(cursor: Cursor): number {
  const byte = cursor.bytes[cursor.at++];
  if (byte === undefined) throw new Error("a message ends too early");
  return byte;
}

function skip(cursor: Cursor, wireType: number): void {
  const fixedBytes: Record<number, number> = { 1: 8, 5: 4 };
  const length = fixedBytes[wireType] ?? Number(readVarint(cursor));
  if (wireType !== 0) cursor.at += length;
}

function readValue(field: FieldFact, cursor: Cursor, isStrict: boolean): FieldValue {
  if (wireTypeOf(field.type) === 0) return scalar(field.type, readVarint(cursor));
  const length = Number(readVarint(cursor));
  const bytes = cursor.bytes.subarray(cursor.at, cursor.at + length);
  if (bytes.length < length) throw new Error("a message ends too early");
  cursor.at += length;
  if (field.type === "bytes") return bytes;
  if (field.type === "string") return Buffer.from(bytes).toString("utf8");
  return decode(field.type, bytes, isStrict);
}

function scalar(type: string, raw: bigint): FieldValue {
  if (type === "bool") return raw !== 0n;
  if (type === "uint64") return raw;
  const signed = BigInt.asIntN(64, raw);
  const exact = Number(signed);
  return Number.isSafeInteger(exact) ? exact : signed;
}
