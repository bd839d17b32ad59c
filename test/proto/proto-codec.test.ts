import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decode,
  type Descriptor,
  DESCRIPTORS,
  type Draft,
  encode,
} from "../../src/api/proto/codec.ts";
import { WireReader, WireWriter } from "../../src/base/wire.ts";
import { plainMessage } from "./arbitraries.ts";
import { fromPlain, MESSAGE_NAMES, oracleDecode, oracleEncode, toPlain } from "./oracle.ts";

const RUNS_PER_MESSAGE = 60;

function descriptorOf(name: string): Descriptor<object> {
  return DESCRIPTORS[name as keyof typeof DESCRIPTORS] as Descriptor<object>;
}

function encoded(name: string, message: object): Uint8Array {
  const writer = new WireWriter(1);
  encode(descriptorOf(name), message as Draft<object>, writer);
  return writer.bytes().slice();
}

/** Cuts a message into its fields, tags included. */
function fieldsIn(bytes: Uint8Array): Uint8Array[] {
  const reader = new WireReader(bytes);
  const fields: Uint8Array[] = [];
  while (!reader.done) {
    const start = reader.offset;
    reader.skip(reader.tag());
    fields.push(bytes.subarray(start, reader.offset));
  }
  return fields;
}

/** Fields that no message of etcd has, one of every wire type; the last one is a group in a group. */
const UNKNOWN_FIELDS: readonly Uint8Array[] = [
  Uint8Array.of(0x80, 0x7d, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
  Uint8Array.of(0x81, 0x7d, 1, 2, 3, 4, 5, 6, 7, 8),
  Uint8Array.of(0x82, 0x7d, 3, 0xff, 0xff, 0xff),
  Uint8Array.of(0x85, 0x7d, 1, 2, 3, 4),
  Uint8Array.of(0x83, 0x7d, 0x0b, 0x08, 0x01, 0x0c, 0x84, 0x7d),
  // Fields 1 and 2 as fixed32 and fixed64: known by number, but of no wire type that is known.
  Uint8Array.of(0x0d, 1, 2, 3, 4),
  Uint8Array.of(0x11, 1, 2, 3, 4, 5, 6, 7, 8),
];

describe.each(MESSAGE_NAMES)("%s", (name) => {
  test("is read by protobufjs as it was written, and the other way round", () => {
    fc.assert(
      fc.property(plainMessage(name), (plain) => {
        const ours = encoded(name, fromPlain(name, plain));
        const whole = toPlain(name, decode(descriptorOf(name), ours));
        expect(oracleDecode(name, ours)).toEqual(whole);
        const theirs = oracleEncode(name, plain);
        expect(toPlain(name, decode(descriptorOf(name), theirs))).toEqual(whole);
        expect(oracleDecode(name, theirs)).toEqual(whole);
      }),
      { numRuns: RUNS_PER_MESSAGE },
    );
  });

  test("passes over unknown fields between the known ones", () => {
    fc.assert(
      fc.property(
        plainMessage(name),
        fc.array(fc.tuple(fc.nat(), fc.constantFrom(...UNKNOWN_FIELDS)), { maxLength: 4 }),
        (plain, unknown) => {
          const bytes = encoded(name, fromPlain(name, plain));
          const fields = fieldsIn(bytes);
          for (const [place, field] of unknown)
            fields.splice(place % (fields.length + 1), 0, field);
          const message = decode(descriptorOf(name), Buffer.concat(fields));
          expect(message).toEqual(decode(descriptorOf(name), bytes));
        },
      ),
      { numRuns: RUNS_PER_MESSAGE / 3 },
    );
  });
});
