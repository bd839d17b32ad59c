import { assert } from "../../base/assert.ts";
import { EMPTY_BYTES } from "../../base/bytes.ts";
import type { FieldSchema } from "../proto/schema.ts";
import { JsonNumber, type JsonValue } from "./json-value.ts";

/** How one value of a type stands in JSON, by proto3's mapping. */
export interface JsonScalar {
  /** As protobuf calls the type. */
  readonly typeName: string;
  /** The value as messages hold it; undefined when the JSON is none of this type. */
  read(value: JsonValue): unknown;
  /** Whether the value is left out when the field is not a member of a union. */
  isInitial(value: unknown): boolean;
  write(value: unknown): string;
}

/** The codec of a type that is neither a message nor an enum. */
export function jsonScalar(schema: FieldSchema): JsonScalar {
  switch (schema.type) {
    case "bytes":
      return BYTES;
    case "string":
      return STRING;
    case "bool":
      return BOOL;
    case "uint32":
      return UINT32;
    case "int64":
      return schema.isExact ? EXACT_INT64 : INT64;
    default:
      assert(schema.type === "uint64", "messages and enums have codecs of their own");
      return schema.isExact ? EXACT_UINT64 : UINT64;
  }
}

const BYTES: JsonScalar = {
  typeName: "bytes",
  read: (value) => (typeof value === "string" ? parseBase64(value) : undefined),
  isInitial: (value) => (value as Uint8Array).length === 0,
  write: (value) => {
    const bytes = value as Uint8Array;
    return `"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64")}"`;
  },
};

const STRING: JsonScalar = {
  typeName: "string",
  // A lone surrogate is no text in any encoding of Unicode.
  read: (value) => (typeof value === "string" && !/\p{Surrogate}/u.test(value) ? value : undefined),
  isInitial: (value) => value === "",
  write: (value) => JSON.stringify(value),
};

const BOOL: JsonScalar = {
  typeName: "bool",
  read: (value) => (typeof value === "boolean" ? value : undefined),
  isInitial: (value) => value === false,
  write: String,
};

interface IntegerType {
  readonly typeName: string;
  readonly least: bigint;
  readonly most: bigint;
}

const INT64_TYPE: IntegerType = { typeName: "int64", least: -(2n ** 63n), most: 2n ** 63n - 1n };
const UINT64_TYPE: IntegerType = { typeName: "uint64", least: 0n, most: 2n ** 64n - 1n };
const UINT32_TYPE: IntegerType = { typeName: "uint32", least: 0n, most: 2n ** 32n - 1n };
export const ENUM_TYPE: IntegerType = {
  typeName: "enum",
  least: -(2n ** 31n),
  most: 2n ** 31n - 1n,
};

const EXACT_INT64: JsonScalar = exact(INT64_TYPE);
const EXACT_UINT64: JsonScalar = exact(UINT64_TYPE);
const INT64: JsonScalar = inexact(INT64_TYPE);
const UINT64: JsonScalar = inexact(UINT64_TYPE);
const UINT32: JsonScalar = {
  typeName: UINT32_TYPE.typeName,
  read: (value) => {
    const whole = parseInteger(value, UINT32_TYPE);
    return whole === undefined ? undefined : Number(whole);
  },
  isInitial: (value) => value === 0,
  write: String,
};

/** Ids: 64 bits, in quotes because many readers of JSON would round them. */
function exact(type: IntegerType): JsonScalar {
  return {
    typeName: type.typeName,
    read: (value) => parseInteger(value, type),
    isInitial: (value) => value === 0n,
    write: (value) => `"${String(value)}"`,
  };
}

/** Revisions, counts and sizes: beyond 2^53 - 1 they are clamped, as when they come by gRPC. */
function inexact(type: IntegerType): JsonScalar {
  return {
    typeName: type.typeName,
    read: (value) => {
      const whole = parseInteger(value, type);
      return whole === undefined ? undefined : clamped(whole);
    },
    isInitial: (value) => value === 0,
    write: (value) => `"${String(value)}"`,
  };
}

function clamped(value: bigint): number {
  if (value > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
  if (value < Number.MIN_SAFE_INTEGER) return Number.MIN_SAFE_INTEGER;
  return Number(value);
}

/**
 * A whole number, with or without quotes; `1.0` and `1e3` are whole (protobuf's JSON mapping).
 * Undefined when it is none, or beyond the type.
 */
export function parseInteger(value: JsonValue, type: IntegerType): bigint | undefined {
  const isNumber = value instanceof JsonNumber;
  if (!isNumber && typeof value !== "string") return undefined;
  const whole = wholeOf(isNumber ? value.text : value);
  return whole === undefined || whole < type.least || whole > type.most ? undefined : whole;
}

/** More digits than any type here has, so that no exponent makes us write them all. */
const EXPONENT_MAX = 40;

function wholeOf(text: string): bigint | undefined {
  const match = /^(-?)(0|[1-9]\d{0,63})(?:\.(\d{1,64}))?(?:[eE]([+-]?\d{1,4}))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign = "", before = "", after = "", exponent = "0"] = match;
  const shift = Number(exponent) - after.length;
  if (Math.abs(shift) > 2 * EXPONENT_MAX) return undefined;
  const digits = BigInt(before + after);
  const divisor = shift < 0 ? 10n ** BigInt(-shift) : 1n;
  if (digits % divisor !== 0n) return undefined;
  const whole = shift < 0 ? digits / divisor : digits * 10n ** BigInt(shift);
  return sign === "-" ? -whole : whole;
}

/**
 * The standard or the URL-safe alphabet, with padding or without; line ends do not count. Undefined
 * when it is neither.
 */
function parseBase64(text: string): Uint8Array | undefined {
  const solid = /[\r\n]/.test(text) ? text.replaceAll(/[\r\n]/g, "") : text;
  const isPlain = /^[A-Za-z0-9+/]*={0,2}$/.test(solid) || /^[A-Za-z0-9_-]*={0,2}$/.test(solid);
  const isPadded = solid.endsWith("=");
  if (!isPlain || (isPadded ? solid.length % 4 !== 0 : solid.length % 4 === 1)) return undefined;
  if (solid.length === 0) return EMPTY_BYTES;
  const bytes = Buffer.from(solid, "base64");
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
