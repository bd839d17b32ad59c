import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plainMessage } from "../../../test/proto/arbitraries.ts";
import { oracleEncode } from "../../../test/proto/oracle.ts";
import { WATCH_RANGES_MAX } from "../../base/limits.ts";
import { WireError, WireWriter } from "../../base/wire.ts";
import { decodeWatchRequest } from "./decode-requests.ts";
import { decodeWatchExtensions, type WatchRangeField } from "./watch-extensions.ts";

const bytes = fc.uint8Array({ maxLength: 5 });
const flag = fc.option(fc.boolean(), { nil: undefined });
const said = fc.record({
  keysOnly: flag,
  state: flag,
  latestOnly: flag,
  deleteReason: flag,
  ranges: fc.array(fc.record({ key: bytes, rangeEnd: bytes }), { maxLength: 3 }),
});

/** The fields as a client writes them behind etcd's. */
function encoded(fields: {
  readonly [name: string]: boolean | undefined | readonly WatchRangeField[];
}): Uint8Array {
  const writer = new WireWriter();
  for (const [i, name] of ["keysOnly", "state", "latestOnly", "deleteReason"].entries()) {
    const value = fields[name];
    if (value === undefined) continue;
    writer.varint((1001 + i) * 8);
    writer.varint(value === true ? 1 : 0);
  }
  for (const { key, rangeEnd } of (fields["ranges"] ?? []) as readonly WatchRangeField[]) {
    const range = new WireWriter();
    range.bytesField(1, key);
    range.bytesField(2, rangeEnd);
    writer.varint(1005 * 8 + 2);
    writer.varint(range.length);
    writer.raw(range.bytes());
  }
  return writer.bytes().slice();
}

/** A WatchRequest that creates. */
function createRequest(...parts: readonly Uint8Array[]): Uint8Array {
  const create = Buffer.concat(parts);
  const writer = new WireWriter();
  writer.varint(10);
  writer.varint(create.length);
  writer.raw(create);
  return writer.bytes().slice();
}

describe("extensions of a create", () => {
  it("are read, and etcd's fields beside them as if they were not there", () => {
    fc.assert(
      fc.property(plainMessage("WatchCreateRequest"), said, (plain, fields) => {
        const stock = oracleEncode("WatchCreateRequest", plain);
        const request = createRequest(encoded(fields), stock);
        const isSilent = Object.values(fields).every(
          (one) => one === undefined || one === fields.ranges,
        );
        const expected = isSilent && fields.ranges.length === 0 ? undefined : fields;
        expect(decodeWatchExtensions(request)).toEqual(expected);
        expect(decodeWatchRequest(request)).toEqual(decodeWatchRequest(createRequest(stock)));
      }),
    );
  });

  it("are not in what a stock client sends", () => {
    fc.assert(
      fc.property(plainMessage("WatchRequest"), (plain) => {
        expect(decodeWatchExtensions(oracleEncode("WatchRequest", plain))).toBe(undefined);
      }),
    );
  });

  it("may be said twice: the last one counts, ranges add up", () => {
    const range = { key: Uint8Array.of(1), rangeEnd: Uint8Array.of(2) };
    const first = encoded({ keysOnly: true, state: true, ranges: [range] });
    const second = encoded({ keysOnly: false, ranges: [range] });
    const expected = {
      keysOnly: false,
      state: true,
      latestOnly: undefined,
      deleteReason: undefined,
      ranges: [range, range],
    };
    expect(decodeWatchExtensions(createRequest(first, second))).toEqual(expected);
    const twice = Buffer.concat([createRequest(first), createRequest(second)]);
    expect(decodeWatchExtensions(twice)).toEqual(expected);
  });

  it("hold no more ranges than it takes to see that there are too many", () => {
    const range = { key: Uint8Array.of(1), rangeEnd: Uint8Array.of(2) };
    const request = createRequest(encoded({ ranges: new Array(5000).fill(range) }));
    expect(decodeWatchExtensions(request)?.ranges.length).toBe(WATCH_RANGES_MAX + 1);
  });

  it("of bytes that are no message are a WireError and nothing else", () => {
    const changed = fc.record({
      fields: said,
      changes: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
      cut: fc.nat(),
    });
    let errors = 0;
    fc.assert(
      fc.property(changed, ({ fields, changes, cut }) => {
        const request = createRequest(encoded(fields));
        for (const [place, byte] of changes) request[place % request.length] = byte;
        try {
          decodeWatchExtensions(request.subarray(0, cut % (request.length + 1)));
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
          errors++;
        }
      }),
      { numRuns: 500 },
    );
    expect(errors).toBeGreaterThan(0);
  });
});
