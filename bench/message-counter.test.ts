import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeMessage, type Message } from "../test/support/wire-codec.ts";
import { MessageCounter } from "./message-counter.ts";

interface Seen {
  readonly watchId: number;
  readonly revision: number;
  readonly events: number;
  readonly isCreated: boolean;
  readonly isCanceled: boolean;
}

const IDENTITY = { cluster_id: 2n ** 64n - 1n, member_id: 2n ** 63n, raft_term: 2 };

function wire(response: Message): Buffer {
  const message = encodeMessage("WatchResponse", response);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** A response, and what is to be seen of it. */
function responseOf(seen: Seen, valueBytes: number): Message {
  const kv = { key: Buffer.from("k"), mod_revision: 9, value: Buffer.alloc(valueBytes, 90) };
  return {
    ...(seen.revision === 0 ? {} : { header: { ...IDENTITY, revision: seen.revision } }),
    watch_id: seen.watchId,
    created: seen.isCreated,
    canceled: seen.isCanceled,
    ...(seen.isCanceled ? { compact_revision: 7, cancel_reason: "mvcc: Z" } : {}),
    events: Array.from({ length: seen.events }, () => ({ kv })),
  };
}

const seenArbitrary: fc.Arbitrary<Seen> = fc.record({
  watchId: fc.nat(100_000),
  revision: fc.nat(2 ** 40),
  events: fc.nat(5),
  isCreated: fc.boolean(),
  isCanceled: fc.boolean(),
});

test("a counter sees the same messages wherever the bytes are cut", () => {
  const messages = fc.array(fc.tuple(seenArbitrary, fc.constantFrom(0, 3, 120, 200, 17_000)));
  const cuts = fc.array(fc.nat(400), { minLength: 1 });
  fc.assert(
    fc.property(messages, cuts, (wanted, lengths) => {
      const bytes = Buffer.concat(wanted.map(([seen, size]) => wire(responseOf(seen, size))));
      const seen: Seen[] = [];
      const counter = new MessageCounter(
        {
          message: ({ watchId, revision, events, isCreated, isCanceled }) =>
            seen.push({ watchId, revision, events, isCreated, isCanceled }),
          sample: () => undefined,
        },
        { sampleEvery: 2, offset: 0 },
      );
      let at = 0;
      for (let i = 0; at < bytes.length; i++) {
        const end = Math.min(bytes.length, at + 1 + (lengths[i % lengths.length] ?? 0));
        // What lies beyond is not of this piece.
        const piece = Buffer.concat([bytes.subarray(at, end), Buffer.alloc(3, 90)]);
        counter.take(piece, 0, end - at);
        at = end;
      }
      expect(seen).toEqual(wanted.map(([one]) => one));
    }),
    { numRuns: 100 },
  );
});

test("one message in so many is sampled, event by event", () => {
  const seen = { watchId: 0, revision: 5, events: 2, isCreated: false, isCanceled: false };
  const bytes = Buffer.concat(Array.from({ length: 8 }, () => wire(responseOf(seen, 10))));
  const event = encodeMessage("Event", {
    kv: { key: Buffer.from("k"), mod_revision: 9, value: Buffer.alloc(10, 90) },
  });
  const sampled: Buffer[] = [];
  const counter = new MessageCounter(
    {
      message: () => undefined,
      sample: (piece, start, end) => sampled.push(Buffer.from(piece.subarray(start, end))),
    },
    { sampleEvery: 3, offset: 1 },
  );
  counter.take(bytes, 0, bytes.length);
  expect(sampled).toEqual(Array.from({ length: 6 }, () => Buffer.from(event)));
});

test("a message that ends inside of a field is an error", () => {
  const counter = new MessageCounter(
    { message: () => undefined, sample: () => undefined },
    { sampleEvery: 1, offset: 0 },
  );
  expect(() => counter.take(Buffer.of(0, 0, 0, 0, 2, 90, 9), 0, 7)).toThrow("ends too early");
});
