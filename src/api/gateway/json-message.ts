import { assert } from "../../base/assert.ts";
import { WireReader, WireWriter } from "../../base/wire.ts";
import { DESCRIPTORS } from "../proto/codec.ts";
import type { Fields, MessageCodec } from "../proto/message-codec.ts";
import { SCHEMA_PARTS } from "../proto/schema-parts.ts";
import { type EnumSchema, type FieldSchema, type FieldTable, jsonName } from "../proto/schema.ts";
import { ENUM_TYPE, type JsonScalar, jsonScalar, parseInteger } from "./json-scalar.ts";
import {
  type JsonDocument,
  JsonList,
  type JsonNode,
  JsonNumber,
  JsonObject,
} from "./json-value.ts";

/** A member of a union, as it stands in the message under the union's name. */
interface UnionMember {
  readonly kind: string;
  readonly value: unknown;
}

/** What a field holds: another message, or a value. */
type Content = JsonMessage | JsonScalar;

interface Field {
  /** As in etcd's interface (G2). */
  readonly name: string;
  /** Its other name: lowerCamelCase. */
  readonly camelName: string;
  /** Where the message holds the value, or the union that it is a member of. */
  readonly key: string;
  readonly isUnion: boolean;
  readonly isRepeated: boolean;
  readonly unionName: string;
  readonly content: Content;
}

/**
 * One message between its bytes and its JSON, by the schema (G2, G3): names as in etcd's interface,
 * lowerCamelCase too when read; unknown names passed over; 64-bit integers in quotes; what is at
 * its default left out.
 */
export class JsonMessage {
  readonly name: string;
  readonly #codec: MessageCodec;
  readonly #packageName: string;
  readonly #fields: Field[] = [];
  /** By both names. */
  readonly #byName: Map<string, Field> = new Map();

  constructor(packageName: string, name: string, codec: MessageCodec) {
    this.name = name;
    this.#packageName = packageName;
    this.#codec = codec;
  }

  /** Messages refer to each other, so all are made first and then linked. */
  link(table: FieldTable, contentOf: (schema: FieldSchema) => Content): void {
    for (const [name, schema] of Object.entries(table)) {
      const camelName = jsonName(name);
      const isUnion = schema.oneof !== "";
      const field: Field = {
        name,
        camelName,
        key: isUnion ? jsonName(schema.oneof) : camelName,
        isUnion,
        isRepeated: schema.isRepeated,
        unionName: schema.oneof,
        content: contentOf(schema),
      };
      this.#fields.push(field);
      this.#byName.set(name, field);
      this.#byName.set(camelName, field);
    }
  }

  /**
   * The bytes of the message that the JSON stands for; of the empty one when there is none.
   * @throws JsonError
   */
  toBytes(document: JsonDocument | undefined): Uint8Array {
    const writer = new WireWriter(256);
    const message = document === undefined ? {} : this.read(document.root, document);
    this.#codec.encode(message, writer);
    return writer.bytes();
  }

  /** A message that we encoded ourselves. */
  decode(bytes: Uint8Array): Readonly<Fields> {
    return this.#codec.decode(new WireReader(bytes));
  }

  read(node: JsonNode, document: JsonDocument): Fields {
    if (!(node.value instanceof JsonObject)) throw document.unexpected(node);
    const message: Fields = {};
    const seen = new Set<Field>();
    for (const { name, nameAt, node: given } of node.value.fields) {
      const field = this.#byName.get(name);
      if (field === undefined) continue;
      if (seen.has(field)) throw document.fault(nameAt, `duplicate field ${JSON.stringify(name)}`);
      seen.add(field);
      if (given.value === null) continue;
      if (field.isUnion && message[field.key] !== undefined) {
        const union = `${this.#packageName}.${this.name}.${field.unionName}`;
        const text = `error parsing ${JSON.stringify(name)}, oneof ${union} is already set`;
        throw document.fault(nameAt, text);
      }
      const read = field.isRepeated
        ? readList(field, given, document)
        : readOne(field, given, document);
      if (read === IGNORED) continue;
      const member: UnionMember = { kind: field.camelName, value: read };
      message[field.key] = field.isUnion ? member : read;
    }
    return message;
  }

  write(message: Readonly<Fields>): string {
    let text = "{";
    for (const field of this.#fields) {
      const written = writeField(field, message[field.key]);
      if (written === undefined) continue;
      text += `${text.length === 1 ? "" : ","}"${field.name}":${written}`;
    }
    return `${text}}`;
  }
}

const JSON_MESSAGES: ReadonlyMap<string, JsonMessage> = compile();

/** The message of this name, which the schema has. */
export function jsonMessage(name: string): JsonMessage {
  const message = JSON_MESSAGES.get(name);
  assert(message !== undefined, "a method's messages are in the schema");
  return message;
}

/** Stands for a value that is passed over. */
const IGNORED: unique symbol = Symbol("ignored");

function readOne(field: Field, node: JsonNode, document: JsonDocument): unknown {
  const { content, camelName } = field;
  if (content instanceof JsonMessage) return content.read(node, document);
  const value = content.read(node.value);
  if (value === undefined) throw document.invalid(node, content.typeName, camelName);
  return value;
}

function readList(field: Field, node: JsonNode, document: JsonDocument): readonly unknown[] {
  if (!(node.value instanceof JsonList)) throw document.unexpected(node);
  return node.value.items
    .map((item) => readOne(field, item, document))
    .filter((value) => value !== IGNORED);
}

function writeField(field: Field, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const { content } = field;
  if (field.isUnion) {
    const member = value as UnionMember;
    return member.kind === field.camelName ? writeOne(content, member.value) : undefined;
  }
  if (field.isRepeated) {
    const list = value as readonly unknown[];
    if (list.length === 0) return undefined;
    return `[${list.map((item) => writeOne(content, item)).join(",")}]`;
  }
  const isLeftOut = !(content instanceof JsonMessage) && content.isInitial(value);
  return isLeftOut ? undefined : writeOne(content, value);
}

function writeOne(content: Content, value: unknown): string {
  return content.write(value as Fields);
}

function compile(): ReadonlyMap<string, JsonMessage> {
  const messages = new Map<string, JsonMessage>();
  const enums = new Map<string, JsonScalar>();
  for (const part of Object.values(SCHEMA_PARTS)) {
    for (const [name, schema] of Object.entries(part.enums)) enums.set(name, enumScalar(schema));
  }
  for (const { packageName, name, codec } of Object.values(DESCRIPTORS)) {
    messages.set(name, new JsonMessage(packageName, name, codec));
  }
  const contentOf = (schema: FieldSchema): Content => {
    const isScalar = schema.type !== "message" && schema.type !== "enum";
    if (isScalar) return jsonScalar(schema);
    const content = (schema.type === "enum" ? enums : messages).get(schema.typeName);
    assert(content !== undefined, "a field's enum or message is in the schema");
    return content;
  };
  for (const { name, fields } of Object.values(DESCRIPTORS)) {
    messages.get(name)?.link(fields, contentOf);
  }
  return messages;
}

/** A name that nobody knows is passed over like an unknown field. */
function enumScalar({ values }: EnumSchema): JsonScalar {
  const numbers: ReadonlyMap<string, number> = new Map(Object.entries(values));
  const names = new Map([...numbers].map(([name, number]) => [number, name]));
  return {
    typeName: ENUM_TYPE.typeName,
    read: (value) => {
      if (typeof value === "string") return numbers.get(value) ?? IGNORED;
      if (!(value instanceof JsonNumber)) return undefined;
      const number = parseInteger(value, ENUM_TYPE);
      return number === undefined ? undefined : Number(number);
    },
    isInitial: (value) => value === 0,
    write: (value) => {
      const name = names.get(value as number);
      return name === undefined ? String(value) : `"${name}"`;
    },
  };
}
