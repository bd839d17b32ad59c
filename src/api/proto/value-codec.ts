import { assert, unreachable } from "../../base/assert.ts";
import { EMPTY_BYTES } from "../../base/bytes.ts";
import {
  utf8Size,
  varint64Size,
  varintSize,
  type WireReader,
  type WireWriter,
} from "../../base/wire.ts";
import type { FieldSchema } from "./schema.ts";

export const WIRE_VARINT = 0;
export const WIRE_LENGTH_DELIMITED = 2;

/**
 * Sizes of the messages inside a message, in the order in which they are written: the sizing pass
 * adds them, the writing pass takes them, so that no message is measured twice.
 */
export class SizePlan {
  readonly #sizes: number[] = [];
  #next = 0;

  /** Keeps the place of a message whose insides are measured next. */
  open(): number {
    return this.#sizes.push(0) - 1;
  }

  close(place: number, size: number): void {
    this.#sizes[place] = size;
  }

  take(): number {
    const size = this.#sizes[this.#next++];
    assert(size !== undefined, "the writing pass takes what the sizing pass left");
    return size;
  }

  get isUsedUp(): boolean {
    return this.#next === this.#sizes.length;
  }
}

/** How one value of a type stands on the wire, without the field's tag. */
export interface ValueCodec {
  readonly wireType: typeof WIRE_VARINT | typeof WIRE_LENGTH_DELIMITED;
  /** What an absent field reads as. */
  readonly initial: unknown;
  /** Whether the value is left out when the field is not a member of a union. */
  isInitial(value: unknown): boolean;
  /** The value at the reader; a message is read into `previous`, if there is one. */
  read(reader: WireReader, previous: unknown): unknown;
  size(value: unknown, plan: SizePlan): number;
  write(writer: WireWriter, value: unknown, plan: SizePlan): void;
}

/** The codec of a type that is no message. */
export function scalarCodec(schema: FieldSchema): ValueCodec {
  switch (schema.type) {
    case "bytes":
      return BYTES;
    case "string":
      return STRING;
    case "bool":
      return BOOL;
    case "enum":
      return ENUM;
    case "uint32":
      return UINT32;
    case "int64":
      return schema.isExact ? EXACT_INT64 : INT64;
    case "uint64":
      return schema.isExact ? EXACT_UINT64 : UINT64;
    case "message":
      return unreachable(schema.type as never);
    default:
      return unreachable(schema.type);
  }
}

const BYTES: ValueCodec = {
  wireType: WIRE_LENGTH_DELIMITED,
  initial: EMPTY_BYTES,
  isInitial: (value) => (value as Uint8Array).length === 0,
  read: (reader) => reader.bytes(),
  size: (value) => {
    const length = (value as Uint8Array).length;
    return varintSize(length) + length;
  },
  write: (writer, value) => {
    writer.varint((value as Uint8Array).length);
    writer.raw(value as Uint8Array);
  },
};

const STRING: ValueCodec = {
  wireType: WIRE_LENGTH_DELIMITED,
  initial: "",
  isInitial: (value) => value === "",
  read: (reader) => reader.string(),
  size: (value) => {
    const length = utf8Size(value as string);
    return varintSize(length) + length;
  },
  write: (writer, value) => {
    writer.varint(utf8Size(value as string));
    writer.text(value as string);
  },
};

const BOOL: ValueCodec = {
  wireType: WIRE_VARINT,
  initial: false,
  isInitial: (value) => value === false,
  read: (reader) => reader.bool(),
  size: () => 1,
  write: (writer, value) => writer.varint(value === true ? 1 : 0),
};

/** The three number types differ in how they read; a negative int64 or enum takes ten bytes. */
function numberCodec(read: (reader: WireReader) => number): ValueCodec {
  return {
    wireType: WIRE_VARINT,
    initial: 0,
    isInitial: (value) => value === 0,
    read,
    size: (value) => {
      const number = value as number;
      return number < 0 ? 10 : varintSize(number);
    },
    write: (writer, value) => {
      const number = value as number;
      assert(Number.isSafeInteger(number), "an integer field holds a safe integer");
      if (number < 0) writer.varint64(BigInt(number));
      else writer.varint(number);
    },
  };
}

const ENUM: ValueCodec = numberCodec((reader) => reader.int32());
const UINT32: ValueCodec = numberCodec((reader) => reader.uint32());
const INT64: ValueCodec = numberCodec((reader) => reader.int64());
const UINT64: ValueCodec = numberCodec((reader) => reader.uint64());

function exactCodec(read: (reader: WireReader) => bigint): ValueCodec {
  return {
    wireType: WIRE_VARINT,
    initial: 0n,
    isInitial: (value) => value === 0n,
    read,
    size: (value) => varint64Size(value as bigint),
    write: (writer, value) => writer.varint64(value as bigint),
  };
}

const EXACT_INT64: ValueCodec = exactCodec((reader) => reader.bigint64());
const EXACT_UINT64: ValueCodec = exactCodec((reader) => reader.biguint64());
