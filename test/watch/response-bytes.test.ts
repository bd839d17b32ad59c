import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DESCRIPTORS, encode } from "../../src/api/proto/codec.ts";
import { WireWriter } from "../../src/base/wire.ts";
import {
  controlResponse,
  NO_WATCH_ID,
  ResponseHead,
  type WatchId,
} from "../../src/watch/response-head.ts";

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const id: fc.Arbitrary<WatchId> = fc.oneof(
  fc.maxSafeNat(),
  fc.nat({ max: 300 }),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -(2n ** 63n), max: -1n }),
  fc.constant(NO_WATCH_ID),
);

describe("a response without events", () => {
  it("is the bytes that the schema's codec makes of it (W2)", () => {
    fc.assert(
      fc.property(
        fc.record({ clusterId: uint64, memberId: uint64, raftTerm: uint64 }),
        id,
        fc.oneof(fc.maxSafeNat(), fc.nat({ max: 300 })),
        fc.record({
          created: fc.boolean(),
          canceled: fc.boolean(),
          compactRevision: fc.oneof(fc.maxSafeNat(), fc.constant(0)),
          cancelReason: fc.string({ maxLength: 200, unit: "grapheme" }),
        }),
        (identity, watchId, revision, fields) => {
          const writer = new WireWriter();
          const header = { ...identity, revision };
          const message = { header, watchId: BigInt(watchId), ...fields };
          encode(DESCRIPTORS.WatchResponse, message, writer);
          const bytes = controlResponse(new ResponseHead(identity), watchId, revision, fields);
          expect(Buffer.from(bytes)).toEqual(Buffer.from(writer.bytes()));
        },
      ),
      { numRuns: 500 },
    );
  });
});
