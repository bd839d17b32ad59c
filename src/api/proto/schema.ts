/**
 * The language in which the schema files of this folder write down etcd's messages and methods:
 * field numbers, types and names are the wire contract of etcd 3.7, the rest of this folder is made
 * from them. Names are written as in etcd's interface (`range_end`), because the JSON gateway shows
 * them so (G2); in TypeScript a field goes by its JSON name (`rangeEnd`).
 */
export type FieldType =
  | "bytes"
  | "string"
  | "bool"
  | "uint32"
  | "int64"
  | "uint64"
  | "enum"
  | "message";

export interface FieldSchema {
  readonly number: number;
  readonly type: FieldType;
  /**
   * For int64 and uint64: whether all 64 bits count. True for ids, which are bigint; false for
   * revisions, counts, sizes and times, which are numbers, clamped to +-(2^53 - 1) when read.
   */
  readonly isExact: boolean;
  /** The enum or message that the type means, by its name in this schema; otherwise empty. */
  readonly typeName: string;
  readonly isRepeated: boolean;
  /** The union that the field is a member of; empty when none. */
  readonly oneof: string;
  /** The etcd version that brought the field; empty when it was there from the start. */
  readonly since: string;
}

/** Fields by name, in the order of their numbers. */
export type FieldTable = Readonly<Record<string, FieldSchema>>;

export interface EnumSchema {
  readonly fullName: string;
  /** Numbers by name; the first is 0, the default. */
  readonly values: Readonly<Record<string, number>>;
}

/** One file of the schema. Names of messages and enums are unique over all packages. */
export interface SchemaPart {
  readonly enums: Readonly<Record<string, EnumSchema>>;
  /** Messages by package and name. */
  readonly messages: Readonly<Record<string, Readonly<Record<string, FieldTable>>>>;
}

export interface MethodSchema {
  readonly name: string;
  /** As in a gRPC request: `/etcdserverpb.KV/Put`. */
  readonly path: string;
  readonly request: string;
  readonly response: string;
  readonly isRequestStream: boolean;
  readonly isResponseStream: boolean;
  /** Paths in the JSON gateway, the usual one first; none when the method is gRPC only. */
  readonly httpPaths: readonly string[];
}

export interface ServiceSchema {
  readonly name: string;
  readonly methods: readonly MethodSchema[];
}

export function bytes(number: number): FieldSchema {
  return field(number, "bytes");
}

export function string(number: number): FieldSchema {
  return field(number, "string");
}

export function bool(number: number): FieldSchema {
  return field(number, "bool");
}

export function uint32(number: number): FieldSchema {
  return field(number, "uint32");
}

export function int64(number: number): FieldSchema {
  return field(number, "int64");
}

export function uint64(number: number): FieldSchema {
  return field(number, "uint64");
}

export function exactInt64(number: number): FieldSchema {
  return { ...field(number, "int64"), isExact: true };
}

export function exactUint64(number: number): FieldSchema {
  return { ...field(number, "uint64"), isExact: true };
}

export function enumeration(number: number, typeName: string): FieldSchema {
  return { ...field(number, "enum"), typeName };
}

export function message(number: number, typeName: string): FieldSchema {
  return { ...field(number, "message"), typeName };
}

export function repeated(schema: FieldSchema): FieldSchema {
  return { ...schema, isRepeated: true };
}

export function oneof(name: string, schema: FieldSchema): FieldSchema {
  return { ...schema, oneof: name };
}

export function since(version: string, schema: FieldSchema): FieldSchema {
  return { ...schema, since: version };
}

/** A method before it is known which service it belongs to. */
export type MethodRow = Omit<MethodSchema, "path">;

export function unary(
  name: string,
  request: string,
  response: string,
  httpPaths: readonly string[],
): MethodRow {
  return { name, request, response, httpPaths, isRequestStream: false, isResponseStream: false };
}

export function serverStream(
  name: string,
  request: string,
  response: string,
  httpPaths: readonly string[],
): MethodRow {
  return { ...unary(name, request, response, httpPaths), isResponseStream: true };
}

export function bidirectional(
  name: string,
  request: string,
  response: string,
  httpPaths: readonly string[],
): MethodRow {
  return { ...serverStream(name, request, response, httpPaths), isRequestStream: true };
}

export function service(name: string, rows: readonly MethodRow[]): ServiceSchema {
  return { name, methods: rows.map((row) => ({ ...row, path: `/${name}/${row.name}` })) };
}

/** protobuf's JSON name: `range_end` is `rangeEnd`, `remaining_TTL` is `remainingTTL`. */
export function jsonName(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

function field(number: number, type: FieldType): FieldSchema {
  return { number, type, isExact: false, typeName: "", isRepeated: false, oneof: "", since: "" };
}
