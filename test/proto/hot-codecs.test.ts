import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decode,
  type Descriptor,
  DESCRIPTORS,
  type Draft,
  encode,
} from "../../src/api/proto/codec.ts";
import {
  decodeDeleteRangeRequest,
  decodeLeaseKeepAliveRequest,
  decodePutRequest,
  decodeRangeRequest,
  decodeTxnRequest,
  decodeWatchRequest,
} from "../../src/api/proto/decode-requests.ts";
import type { KeyValue, ResponseHeader } from "../../src/api/proto/messages-key-value.ts";
import { ResponseHeaderWriter } from "../../src/base/response-header.ts";
import {
  writeDeleteRangeResponse,
  writeHeaderResponse,
  writeLeaseKeepAliveResponse,
  writePutResponse,
  writeRangeResponse,
  writeTxnResponse,
} from "../../src/api/proto/write-responses.ts";
import { toRevision } from "../../src/base/revision.ts";
import { WireError, WireReader, WireWriter } from "../../src/base/wire.ts";
import type {
  DeleteRangeResult,
  OpResult,
  PutResult,
  RangeResult,
  TxnResult,
} from "../../src/machine/result.ts";
import { plainMessage } from "./arbitraries.ts";
import { fromPlain, oracleEncode, type PlainMessage } from "./oracle.ts";

const HOT_REQUESTS: Readonly<Record<string, (bytes: Uint8Array) => object>> = {
  PutRequest: decodePutRequest,
  RangeRequest: decodeRangeRequest,
  DeleteRangeRequest: decodeDeleteRangeRequest,
  TxnRequest: decodeTxnRequest,
  WatchRequest: decodeWatchRequest,
  LeaseKeepAliveRequest: decodeLeaseKeepAliveRequest,
};

function descriptorOf(name: string): Descriptor<object> {
  return DESCRIPTORS[name as keyof typeof DESCRIPTORS] as Descriptor<object>;
}

/** What a decoder makes of any bytes: a message, or the text of its WireError. */
function outcome(decodeBytes: () => object): object | string {
  try {
    return decodeBytes();
  } catch (error) {
    if (error instanceof WireError) return error.message;
    throw error;
  }
}

describe.each(Object.entries(HOT_REQUESTS))("%s decoded by hand", (name, decodeByHand) => {
  const bytesOf = (plain: PlainMessage): Uint8Array => oracleEncode(name, plain);

  test("is what the schema's codec makes of it", () => {
    fc.assert(
      fc.property(plainMessage(name), (plain) => {
        const bytes = bytesOf(plain);
        expect(decodeByHand(bytes)).toEqual(decode(descriptorOf(name), bytes));
      }),
      { numRuns: 300 },
    );
  });

  test("merges what is given twice, and agrees about broken bytes", () => {
    const broken = fc.record({
      first: plainMessage(name, 3),
      second: plainMessage(name, 3),
      changes: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
      cut: fc.option(fc.nat(), { nil: undefined }),
    });
    fc.assert(
      fc.property(broken, ({ first, second, changes, cut }) => {
        const bytes = Buffer.concat([bytesOf(first), bytesOf(second)]);
        for (const [place, byte] of changes) {
          if (bytes.length > 0) bytes[place % bytes.length] = byte;
        }
        const end = cut === undefined ? bytes.length : cut % (bytes.length + 1);
        const input = bytes.subarray(0, end);
        const byHand = outcome(() => decodeByHand(input));
        expect(byHand).toEqual(outcome(() => decode(descriptorOf(name), input)));
      }),
      { numRuns: 600 },
    );
  });
});

const HEADER = { clusterId: 2n ** 64n - 1n, memberId: 0x8e9e05c52164694dn, raftTerm: 3n };

function keyValueBytes(plain: PlainMessage): Uint8Array {
  return written((writer) => {
    encode(DESCRIPTORS.KeyValue, fromPlain("KeyValue", plain) as Draft<KeyValue>, writer);
  });
}

function written(write: (writer: WireWriter) => void): Uint8Array {
  const writer = new WireWriter(1);
  // Something stands before the message, as the messages of a batch do.
  writer.varint(7);
  write(writer);
  return writer.bytes().slice(1);
}

const revision = fc
  .oneof(fc.nat(1000), fc.maxSafeNat())
  .map((value) => toRevision(Math.max(1, value)));
const keyValue = plainMessage("KeyValue").map(keyValueBytes);
const putResult: fc.Arbitrary<PutResult> = fc.record({
  kind: fc.constant("put"),
  revision,
  previous: fc.option(keyValue, { nil: undefined }),
});
const rangeResult: fc.Arbitrary<RangeResult> = fc.record({
  kind: fc.constant("range"),
  revision,
  keyValues: fc.array(keyValue, { maxLength: 4 }),
  count: fc.oneof(fc.nat(3), fc.maxSafeNat()),
  more: fc.boolean(),
});
const deleteRangeResult: fc.Arbitrary<DeleteRangeResult> = fc.record({
  kind: fc.constant("delete-range"),
  revision,
  deleted: fc.oneof(fc.nat(3), fc.maxSafeNat()),
  previous: fc.array(keyValue, { maxLength: 4 }),
});
const txnResult: fc.Arbitrary<TxnResult> = fc.letrec<{ txn: TxnResult; op: OpResult }>((tie) => ({
  txn: fc.record({
    kind: fc.constant("txn"),
    revision,
    succeeded: fc.boolean(),
    responses: fc.array(tie("op"), { maxLength: 4, depthIdentifier: "txn" }),
  }),
  op: fc.oneof(
    { depthIdentifier: "txn", maxDepth: 5 },
    putResult,
    rangeResult,
    deleteRangeResult,
    tie("txn"),
  ),
})).txn;

const RESPONSE_KINDS: Readonly<Record<OpResult["kind"], string>> = {
  range: "responseRange",
  put: "responsePut",
  "delete-range": "responseDeleteRange",
  txn: "responseTxn",
};

/** The result as a response message; K5: inside a txn only a revision, or nothing at all. */
function responseOf(result: OpResult, header: Draft<ResponseHeader>): object {
  const keyValues = (list: readonly Uint8Array[]): readonly KeyValue[] =>
    list.map((bytes) => decode(DESCRIPTORS.KeyValue, bytes));
  switch (result.kind) {
    case "put":
      return {
        header,
        prevKv: result.previous && decode(DESCRIPTORS.KeyValue, result.previous),
      };
    case "range":
      return {
        header,
        kvs: keyValues(result.keyValues),
        more: result.more,
        count: result.count,
      };
    case "delete-range":
      return { header, deleted: result.deleted, prevKvs: keyValues(result.previous) };
    case "txn":
      return {
        header,
        succeeded: result.succeeded,
        responses: result.responses.map((op) => ({
          response: {
            kind: RESPONSE_KINDS[op.kind],
            value: responseOf(op, op.kind === "txn" ? {} : { revision: op.revision }),
          },
        })),
      };
  }
}

describe("a response written from a result", () => {
  const header = new ResponseHeaderWriter(HEADER);

  function check<Result extends OpResult>(
    name: string,
    results: fc.Arbitrary<Result>,
    write: (writer: WireWriter, header: ResponseHeaderWriter, result: Result) => void,
  ): void {
    fc.assert(
      fc.property(results, (result) => {
        const message = responseOf(result, { ...headerMessage, revision: result.revision });
        const expected = written((writer) => {
          encode(descriptorOf(name), message as Draft<object>, writer);
        });
        expect(written((writer) => write(writer, header, result))).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  }
  const headerMessage = {
    clusterId: HEADER.clusterId,
    memberId: HEADER.memberId,
    raftTerm: HEADER.raftTerm,
  };

  test("put is byte for byte the schema's", () => {
    check("PutResponse", putResult, writePutResponse);
  });

  test("range is byte for byte the schema's", () => {
    check("RangeResponse", rangeResult, writeRangeResponse);
  });

  test("delete range is byte for byte the schema's", () => {
    check("DeleteRangeResponse", deleteRangeResult, writeDeleteRangeResponse);
  });

  test("txn is byte for byte the schema's, nested headers as K5 says", () => {
    check("TxnResponse", txnResult, writeTxnResponse);
  });

  test("header only and keep-alive are byte for byte the schema's", () => {
    const ids = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    fc.assert(
      fc.property(revision, ids, fc.nat(), (at, id, ttlSeconds) => {
        const message = { header: { ...headerMessage, revision: at } };
        expect(written((writer) => writeHeaderResponse(writer, header, at))).toEqual(
          written((writer) => encode(DESCRIPTORS.CompactionResponse, message, writer)),
        );
        const keepAlive = { revision: at, id, ttlSeconds };
        expect(written((writer) => writeLeaseKeepAliveResponse(writer, header, keepAlive))).toEqual(
          written((writer) => {
            const { LeaseKeepAliveResponse } = DESCRIPTORS;
            encode(LeaseKeepAliveResponse, { ...message, ID: id, TTL: ttlSeconds }, writer);
          }),
        );
      }),
    );
  });

  test("leaves out a header's revision 0 and ids 0", () => {
    const bare = new ResponseHeaderWriter({ clusterId: 0n, memberId: 0n, raftTerm: 0n });
    expect(written((writer) => writeHeaderResponse(writer, bare, 0))).toEqual(Uint8Array.of(10, 0));
    expect(written((writer) => writeHeaderResponse(writer, bare, 5))).toEqual(
      Uint8Array.of(10, 2, 24, 5),
    );
  });
});

describe("nesting", () => {
  /** `levels` txns inside one another, the innermost empty. */
  function nestedTxn(levels: number): Uint8Array {
    let bytes: Uint8Array = new Uint8Array(0);
    for (let i = 1; i < levels; i++) {
      const inner = bytes;
      bytes = written((writer) => {
        const op = written((opWriter) => {
          opWriter.messageField(4, inner.length);
          opWriter.raw(inner);
        });
        writer.bytesField(2, op);
      });
    }
    return bytes;
  }

  test.each(["by hand", "by the schema"])("of 100 messages is read %s, of 101 refused", (how) => {
    const read = (bytes: Uint8Array): object =>
      how === "by hand" ? decodeTxnRequest(bytes) : decode(DESCRIPTORS.TxnRequest, bytes);
    // A txn inside a txn is two messages deeper: its op, and itself.
    expect(read(nestedTxn(51))).toBeDefined();
    expect(() => read(nestedTxn(52))).toThrow(
      new WireError("proto: exceeded maximum recursion depth"),
    );
    expect(() => read(nestedTxn(20_000))).toThrow(WireError);
  });

  test("of a million unknown groups is refused without running out of stack", () => {
    const bytes = new Uint8Array(1_000_000).fill(0x0b);
    expect(() => new WireReader(bytes).skip(0x0b)).toThrow(WireError);
    expect(() => decodePutRequest(bytes)).toThrow(WireError);
  });
});
