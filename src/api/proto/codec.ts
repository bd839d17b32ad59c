import { assert } from "../../base/assert.ts";
import { WireReader, type WireWriter } from "../../base/wire.ts";
import type { MessageTypes } from "./message-types.ts";
import { type Fields, MessageCodec } from "./message-codec.ts";
import { SCHEMA_PARTS } from "./schema-parts.ts";
import type { FieldTable } from "./schema.ts";

declare const messageType: unique symbol;

/** One message of the schema, with its codec. `T` is what it decodes to. */
export interface Descriptor<T> {
  readonly name: string;
  readonly packageName: string;
  readonly fields: FieldTable;
  readonly codec: MessageCodec;
  /** Only in the types, so that `decode` knows what it returns. */
  readonly [messageType]?: T;
}

/** What `encode` takes for a message: what is not said is at its default. */
export type Draft<T> = T extends string | number | bigint | boolean | Uint8Array | undefined
  ? T
  : T extends readonly (infer Element)[]
    ? readonly Draft<Element>[]
    : T extends { readonly kind: infer Kind; readonly value: infer Value }
      ? { readonly kind: Kind; readonly value: Draft<Value> }
      : { readonly [Key in keyof T]?: Draft<T[Key]> | undefined };

export type Descriptors = {
  readonly [Name in keyof MessageTypes]: Descriptor<MessageTypes[Name]>;
};

/**
 * Every message of etcd's interface by its name, for example `DESCRIPTORS.MemberListRequest`. The
 * requests and responses of the key-value hot path have hand-written codecs beside this one, which
 * give the same objects: `decode-requests.ts` and `write-responses.ts`.
 */
export const DESCRIPTORS: Descriptors = compile();

/**
 * Reads a whole message. Absent fields come at their defaults (an absent message as undefined),
 * unknown fields are passed over, a union is `{kind, value}` of the member set last, or undefined.
 * Bytes are borrowed from `bytes`.
 * @throws WireError when `bytes` are no such message (E82).
 */
export function decode<T>(descriptor: Descriptor<T>, bytes: Uint8Array): T {
  return descriptor.codec.decode(new WireReader(bytes)) as T;
}

/** Writes a message behind what the writer holds; fields at their defaults are left out. */
export function encode<T>(descriptor: Descriptor<T>, message: Draft<T>, writer: WireWriter): void {
  descriptor.codec.encode(message as Fields, writer);
}

function compile(): Descriptors {
  const descriptors = new Map<string, Descriptor<unknown>>();
  const codecs = new Map<string, MessageCodec>();
  for (const part of Object.values(SCHEMA_PARTS)) {
    for (const [packageName, messages] of Object.entries(part.messages)) {
      for (const [name, fields] of Object.entries(messages)) {
        assert(!descriptors.has(name), "a message's name is unique over all packages");
        const codec = new MessageCodec();
        codecs.set(name, codec);
        descriptors.set(name, { name, packageName, fields, codec });
      }
    }
  }
  for (const { fields, codec } of descriptors.values()) codec.link(fields, codecs);
  return Object.fromEntries(descriptors) as unknown as Descriptors;
}
