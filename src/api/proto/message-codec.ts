import { assert } from "../../base/assert.ts";
import { varintSize, type WireReader, type WireWriter } from "../../base/wire.ts";
import { type FieldSchema, type FieldTable, jsonName } from "./schema.ts";
import {
  scalarCodec,
  SizePlan,
  type ValueCodec,
  WIRE_LENGTH_DELIMITED,
  WIRE_VARINT,
} from "./value-codec.ts";

/** A message as a plain object, by JSON names, before its type is known. */
export type Fields = Record<string, unknown>;

/** A member of a union, as it stands in the message under the union's name. */
interface UnionMember {
  readonly kind: string;
  readonly value: unknown;
}

type ReadField = (reader: WireReader, message: Fields) => void;

/** What the two passes of encoding do with one field; each leaves out what proto3 leaves out. */
interface WriteField {
  size(message: Readonly<Fields>, plan: SizePlan): number;
  write(writer: WireWriter, message: Readonly<Fields>, plan: SizePlan): void;
}

/** Shared by all messages: a list is made when its first element is read. */
const EMPTY_LIST: readonly unknown[] = Object.freeze([]);

/**
 * One message's codec, made of closures over its fields. Messages refer to each other, so all of
 * them are made first and then linked.
 */
export class MessageCodec {
  /** Every field at its initial value, in order: copied for each message, so all have one shape. */
  readonly #initial: Fields = {};
  /** By tag. A known field with another wire type is not here, so it is skipped as unknown. */
  readonly #readers: (ReadField | undefined)[] = [];
  /** In order of field numbers. */
  readonly #writers: WriteField[] = [];

  link(fields: FieldTable, codecs: ReadonlyMap<string, MessageCodec>): void {
    assert(this.#writers.length === 0, "a message is linked once");
    for (const [name, schema] of Object.entries(fields)) {
      const codec = valueCodec(schema, codecs);
      const tag = schema.number * 8 + codec.wireType;
      const key = jsonName(schema.oneof === "" ? name : schema.oneof);
      if (schema.oneof !== "") {
        this.#add(key, undefined, tag, readUnion(key, jsonName(name), codec));
        this.#writers.push(writeUnion(key, jsonName(name), tag, codec));
      } else if (schema.isRepeated) {
        this.#addRepeated(key, schema.number, codec);
      } else {
        this.#add(key, codec.initial, tag, readSingle(key, codec));
        this.#writers.push(writeSingle(key, tag, codec));
      }
    }
  }

  /** @throws WireError when the bytes are no such message. */
  decode(reader: WireReader): Fields {
    const message = { ...this.#initial };
    this.readInto(reader, message);
    return message;
  }

  /** Reads to the reader's end; what the message holds already is merged as protobuf says. */
  readInto(reader: WireReader, message: Fields): void {
    const readers = this.#readers;
    while (!reader.done) {
      const tag = reader.tag();
      const read = tag < readers.length ? readers[tag] : undefined;
      if (read === undefined) reader.skip(tag);
      else read(reader, message);
    }
  }

  encode(message: Readonly<Fields>, writer: WireWriter): void {
    const plan = new SizePlan();
    const end = writer.length + this.size(message, plan);
    this.write(writer, message, plan);
    assert(writer.length === end && plan.isUsedUp, "a message is as long as it was measured");
  }

  size(message: Readonly<Fields>, plan: SizePlan): number {
    let size = 0;
    for (const field of this.#writers) size += field.size(message, plan);
    return size;
  }

  write(writer: WireWriter, message: Readonly<Fields>, plan: SizePlan): void {
    for (const field of this.#writers) field.write(writer, message, plan);
  }

  #add(key: string, initial: unknown, tag: number, read: ReadField): void {
    this.#initial[key] = initial;
    this.#readers[tag] = read;
  }

  #addRepeated(key: string, number: number, codec: ValueCodec): void {
    const tag = number * 8 + codec.wireType;
    this.#add(key, EMPTY_LIST, tag, readElement(key, codec));
    if (codec.wireType !== WIRE_VARINT) {
      this.#writers.push(writeList(key, tag, codec));
      return;
    }
    const packedTag = number * 8 + WIRE_LENGTH_DELIMITED;
    this.#readers[packedTag] = readPacked(key, codec);
    this.#writers.push(writePacked(key, packedTag, codec));
  }
}

function valueCodec(schema: FieldSchema, codecs: ReadonlyMap<string, MessageCodec>): ValueCodec {
  if (schema.type !== "message") return scalarCodec(schema);
  const codec = codecs.get(schema.typeName);
  assert(codec !== undefined, "a field's message is in the schema");
  return embeddedCodec(codec);
}

function embeddedCodec(codec: MessageCodec): ValueCodec {
  return {
    wireType: WIRE_LENGTH_DELIMITED,
    initial: undefined,
    isInitial: (value) => value === undefined,
    read: (reader, previous) => {
      const outerEnd = reader.enter();
      let message = previous as Fields | undefined;
      if (message === undefined) message = codec.decode(reader);
      else codec.readInto(reader, message);
      reader.leave(outerEnd);
      return message;
    },
    size: (value, plan) => {
      const place = plan.open();
      const size = codec.size(value as Fields, plan);
      plan.close(place, size);
      return varintSize(size) + size;
    },
    write: (writer, value, plan) => {
      writer.varint(plan.take());
      codec.write(writer, value as Fields, plan);
    },
  };
}

function readSingle(key: string, codec: ValueCodec): ReadField {
  return (reader, message) => {
    message[key] = codec.read(reader, message[key]);
  };
}

function writeSingle(key: string, tag: number, codec: ValueCodec): WriteField {
  const tagSize = varintSize(tag);
  return {
    size: (message, plan) => {
      const value = message[key];
      if (value === undefined || codec.isInitial(value)) return 0;
      return tagSize + codec.size(value, plan);
    },
    write: (writer, message, plan) => {
      const value = message[key];
      if (value === undefined || codec.isInitial(value)) return;
      writer.varint(tag);
      codec.write(writer, value, plan);
    },
  };
}

/** The last member that is set wins; the same message member again is merged into. */
function readUnion(key: string, kind: string, codec: ValueCodec): ReadField {
  return (reader, message) => {
    const present = message[key] as UnionMember | undefined;
    const previous = present?.kind === kind ? present.value : undefined;
    const member: UnionMember = { kind, value: codec.read(reader, previous) };
    message[key] = member;
  };
}

/** A member of a union is written also when it is 0 or empty: it says which member is set. */
function writeUnion(key: string, kind: string, tag: number, codec: ValueCodec): WriteField {
  const tagSize = varintSize(tag);
  return {
    size: (message, plan) => {
      const member = message[key] as UnionMember | undefined;
      return member?.kind === kind ? tagSize + codec.size(member.value, plan) : 0;
    },
    write: (writer, message, plan) => {
      const member = message[key] as UnionMember | undefined;
      if (member?.kind !== kind) return;
      writer.varint(tag);
      codec.write(writer, member.value, plan);
    },
  };
}

function listOf(message: Fields, key: string): unknown[] {
  const list = message[key];
  if (list !== EMPTY_LIST) return list as unknown[];
  const fresh: unknown[] = [];
  message[key] = fresh;
  return fresh;
}

function readElement(key: string, codec: ValueCodec): ReadField {
  return (reader, message) => {
    listOf(message, key).push(codec.read(reader, undefined));
  };
}

function readPacked(key: string, codec: ValueCodec): ReadField {
  return (reader, message) => {
    const outerEnd = reader.enter();
    const list = listOf(message, key);
    while (!reader.done) list.push(codec.read(reader, undefined));
    reader.leave(outerEnd);
  };
}

function writeList(key: string, tag: number, codec: ValueCodec): WriteField {
  const tagSize = varintSize(tag);
  return {
    size: (message, plan) => {
      let size = 0;
      for (const value of (message[key] ?? EMPTY_LIST) as readonly unknown[]) {
        size += tagSize + codec.size(value, plan);
      }
      return size;
    },
    write: (writer, message, plan) => {
      for (const value of (message[key] ?? EMPTY_LIST) as readonly unknown[]) {
        writer.varint(tag);
        codec.write(writer, value, plan);
      }
    },
  };
}

function writePacked(key: string, tag: number, codec: ValueCodec): WriteField {
  const tagSize = varintSize(tag);
  return {
    size: (message, plan) => {
      const list = (message[key] ?? EMPTY_LIST) as readonly unknown[];
      if (list.length === 0) return 0;
      const place = plan.open();
      let size = 0;
      for (const value of list) size += codec.size(value, plan);
      plan.close(place, size);
      return tagSize + varintSize(size) + size;
    },
    write: (writer, message, plan) => {
      const list = (message[key] ?? EMPTY_LIST) as readonly unknown[];
      if (list.length === 0) return;
      writer.varint(tag);
      writer.varint(plan.take());
      for (const value of list) codec.write(writer, value, plan);
    },
  };
}
