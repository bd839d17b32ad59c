import { expect } from "vitest";
import { answered, type Case, conformance, connectionError, ended, GET } from "./conformance.ts";
import { ErrorCode, headersFrame } from "./frames.ts";
import {
  block,
  END_OF_STRING,
  FIRST_DYNAMIC,
  huffman,
  indexed,
  integer,
  literal,
  tableSizeUpdate,
  text,
} from "./hpack.ts";

/** A block that must end the connection, because both sides' tables are no longer the same. */
function undecodable(name: string, ...parts: readonly Uint8Array[]): Case {
  return {
    name,
    run: async (client) => {
      client.send(headersFrame(1, Buffer.concat(parts), { end: true }));
      await connectionError(client, ErrorCode.compressionError);
    },
  };
}

const request = block(GET);
const TEST = Buffer.from("test");

/** A literal without indexing whose Huffman-coded value is these bytes. */
function codedValue(bytes: Buffer): Buffer {
  return Buffer.concat([
    integer(0, 4, 0),
    text("x-test", true),
    integer(bytes.length, 7, 0x80),
    bytes,
  ]);
}

conformance("RFC 7541 section 2.3.3: index address space", [
  undecodable("an indexed field beyond both tables", request, indexed(FIRST_DYNAMIC + 8)),
  undecodable(
    "a literal whose name is beyond both tables",
    request,
    literal("incremental", FIRST_DYNAMIC + 8, ""),
  ),
]);

conformance("RFC 7541 section 4.2: maximum table size", [
  undecodable("a size update behind the fields of a block", request, tableSizeUpdate(1)),
]);

conformance("RFC 7541 section 5.1: integers", [
  undecodable("an integer that never ends", request, Buffer.alloc(20, 0xff)),
  undecodable(
    "an integer far beyond any length",
    request,
    Buffer.from([0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
  ),
  undecodable(
    "a string longer than its block",
    request,
    Buffer.concat([integer(0, 4, 0), integer(30, 7, 0), TEST]),
  ),
  undecodable("a block that ends inside a literal", request, Buffer.of(0x40)),
]);

conformance("RFC 7541 section 5.2: Huffman strings", [
  undecodable(
    "padding longer than seven bits",
    request,
    codedValue(Buffer.concat([huffman(TEST), Buffer.of(0xff)])),
  ),
  undecodable("padding of zeros", request, codedValue(zeroPadded())),
  undecodable(
    "the end-of-string symbol inside",
    request,
    codedValue(huffman([...TEST, END_OF_STRING, ...TEST])),
  ),
]);

/** "tes" takes 15 bits: one bit of padding is left to get wrong. */
function zeroPadded(): Buffer {
  const bytes = huffman(Buffer.from("tes"));
  bytes[bytes.length - 1]! &= 0xfe;
  return bytes;
}

conformance("RFC 7541 section 6.1: indexed fields", [
  undecodable("index 0 means nothing", request, indexed(0)),
]);

conformance("RFC 7541 section 6.3: size updates", [
  undecodable("a size above the one allowed", tableSizeUpdate(4097), request),
]);

const NO_PATH = GET.filter(([name]) => name !== ":path");

const dynamic: readonly Case[] = [
  {
    name: "a field added by one request is found by the next",
    run: async (client) => {
      const path = literal("incremental", 4, "/echo-path?first");
      const rest = block(NO_PATH);
      client.send(headersFrame(1, Buffer.concat([rest, path]), { end: true }));
      await ended(client, 1);
      const again = Buffer.concat([rest, indexed(FIRST_DYNAMIC)]);
      client.send(headersFrame(3, again, { end: true }));
      expect((await answered(client, 3)).fields?.get("x-target")).toBe("/echo-path?first");
    },
  },
  {
    name: "a repeated block means what the table says now, not what it said before",
    run: async (client) => {
      const rest = block(NO_PATH);
      const byIndex = Buffer.concat([rest, indexed(FIRST_DYNAMIC)]);
      const targets = ["/echo-path?a", "/echo-path?b", "/echo-path?c"];
      let streamId = 1;
      for (const target of targets) {
        const adding = Buffer.concat([rest, literal("incremental", 4, target)]);
        for (const bytes of [adding, byIndex, byIndex]) {
          client.send(headersFrame(streamId, bytes, { end: true }));
          const head = await answered(client, streamId);
          expect(head.fields?.get("x-target")).toBe(target);
          streamId += 2;
        }
      }
    },
  },
  {
    name: "entries that do not fit any more are gone",
    run: async (client) => {
      const rest = block(GET);
      const add = Buffer.concat([rest, literal("incremental", "x-first", "a".repeat(100))]);
      client.send(headersFrame(1, add, { end: true }));
      await answered(client, 1);
      const shrink = Buffer.concat([tableSizeUpdate(64), rest, indexed(FIRST_DYNAMIC)]);
      client.send(headersFrame(3, shrink, { end: true }));
      await connectionError(client, ErrorCode.compressionError);
    },
  },
];
conformance("RFC 7541 section 2.3.2: the dynamic table", dynamic);
