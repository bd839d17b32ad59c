import { beforeEach, describe, expect, test } from "vitest";
import { decode, DESCRIPTORS, type Draft } from "../../src/api/proto/codec.ts";
import type { TxnRequest } from "../../src/api/proto/messages-key-value.ts";
import { callUnary } from "./fake-calls.ts";
import { latin1, MEMBER, REQUEST_BYTES_MAX, TestServices, toBytes } from "./test-services.ts";

const PUT = { request: DESCRIPTORS.PutRequest, response: DESCRIPTORS.PutResponse };
const RANGE = { request: DESCRIPTORS.RangeRequest, response: DESCRIPTORS.RangeResponse };
const TXN = { request: DESCRIPTORS.TxnRequest, response: DESCRIPTORS.TxnResponse };
const DELETE = {
  request: DESCRIPTORS.DeleteRangeRequest,
  response: DESCRIPTORS.DeleteRangeResponse,
};
const COMPACT = {
  request: DESCRIPTORS.CompactionRequest,
  response: DESCRIPTORS.CompactionResponse,
};
const KV = "/etcdserverpb.KV/";

let services: TestServices;
beforeEach(() => {
  services = new TestServices();
});

describe("KV service", () => {
  test("answers puts, ranges and deletes under a whole header (K4, K5)", () => {
    const key = latin1("k");
    const put = services.call(`${KV}Put`, PUT, { key, value: latin1("1"), prevKv: true });
    expect(put).toEqual({ header: header(2), prevKv: undefined });
    const kv = keyValue("k", "1", 2);
    const range = services.call(`${KV}Range`, RANGE, { key });
    expect(range).toEqual({ header: header(2), kvs: [kv], more: false, count: 1 });
    const deleted = services.call(`${KV}DeleteRange`, DELETE, { key, prevKv: true });
    expect(deleted).toEqual({ header: header(3), deleted: 1, prevKvs: [kv] });
    expect(services.call(`${KV}Range`, RANGE, { key, revision: 2 })).toEqual(
      expect.objectContaining({ header: header(3), count: 1 }),
    );
  });

  test("gives responses in a txn only a revision, and a nested txn nothing (K5)", () => {
    const op = { kind: "requestPut" as const, value: { key: latin1("k") } };
    const nested = { kind: "requestTxn" as const, value: { success: [] } };
    const answer = services.call(`${KV}Txn`, TXN, {
      success: [{ request: op }, { request: nested }],
    });
    const bare = { clusterId: 0n, memberId: 0n, raftTerm: 0n };
    expect(answer).toEqual({
      header: header(2),
      succeeded: true,
      responses: [
        {
          response: {
            kind: "responsePut",
            value: { header: { ...bare, revision: 2 }, prevKv: undefined },
          },
        },
        {
          response: {
            kind: "responseTxn",
            value: { header: { ...bare, revision: 0 }, succeeded: true, responses: [] },
          },
        },
      ],
    });
  });

  test("answers a write when it is durable and not before, a read at once", () => {
    services.replica.holds = true;
    const request = { key: latin1("k"), value: latin1("1") };
    expect(services.call(`${KV}Put`, PUT, request)).toBeUndefined();
    expect(services.call(`${KV}Txn`, TXN, writingTxn())).toBeUndefined();
    expect(services.call(`${KV}Txn`, TXN, {})).toBeDefined();
    expect(services.call(`${KV}Range`, RANGE, { key: latin1("k") })).toBeDefined();
  });

  test("answers a compaction with the present revision, and then refuses what is gone (K60)", () => {
    for (let i = 0; i < 3; i++) services.call(`${KV}Put`, PUT, { key: latin1("k") });
    expect(services.call(`${KV}Compact`, COMPACT, { revision: 3, physical: true })).toEqual({
      header: header(4),
    });
    const gone = "11: etcdserver: mvcc: required revision has been compacted";
    expect(services.call(`${KV}Compact`, COMPACT, { revision: 3 })).toBe(gone);
    expect(services.call(`${KV}Range`, RANGE, { key: latin1("k"), revision: 2 })).toBe(gone);
    expect(services.call(`${KV}Compact`, COMPACT, { revision: 5 })).toBe(
      "11: etcdserver: mvcc: required revision is a future revision",
    );
  });

  test.each([
    ["Put", PUT, {}, "3: etcdserver: key is not provided"],
    ["Range", RANGE, {}, "3: etcdserver: key is not provided"],
    ["DeleteRange", DELETE, {}, "3: etcdserver: key is not provided"],
    ["Txn", TXN, { success: [{}] }, "3: etcdserver: key not found"],
    ["Put", PUT, { key: latin1("k"), lease: 5n }, "5: etcdserver: requested lease not found"],
    ["Put", PUT, { key: latin1("k"), ignoreValue: true }, "3: etcdserver: key not found"],
  ])("fails %s with etcd's code and text", (name, types, request, expected) => {
    expect(services.call(`${KV}${name}`, types as typeof PUT, request)).toBe(expected);
  });

  test.each(["Put", "Range", "DeleteRange", "Txn", "Compact"])(
    "calls a %s that cannot be read an internal error (E82)",
    (name) => {
      const answer = callUnary(services.methods, `${KV}${name}`, Uint8Array.of(0x0a, 0x05, 0x61));
      expect(answer?.code).toBe(13);
      expect(answer?.text).toMatch(/^grpc: error unmarshalling request: \S/);
    },
  );

  test("refuses a write that is larger than the limit, and reads it all the same (T4, E34)", () => {
    const tooLarge = "3: etcdserver: request is too large";
    const key = latin1("k".repeat(REQUEST_BYTES_MAX - 2));
    expect(toBytes(PUT.request, { key })).toHaveLength(REQUEST_BYTES_MAX + 1);
    expect(services.call(`${KV}Put`, PUT, { key })).toBe(tooLarge);
    expect(services.call(`${KV}Put`, PUT, { key: key.slice(1) })).toMatchObject({});
    expect(services.call(`${KV}DeleteRange`, DELETE, { key })).toBe(tooLarge);
    expect(services.call(`${KV}Range`, RANGE, { key })).toMatchObject({ count: 0 });
    const compare = [{ key }];
    expect(services.call(`${KV}Txn`, TXN, { compare })).toMatchObject({ succeeded: true });
    expect(services.call(`${KV}Txn`, TXN, { compare, ...writingTxn() })).toBe(tooLarge);
  });

  test("checks a request before it weighs it, as etcd does (K1)", () => {
    const value = latin1("v".repeat(REQUEST_BYTES_MAX));
    expect(services.call(`${KV}Put`, PUT, { value })).toBe("3: etcdserver: key is not provided");
  });

  test("keeps nothing of a request's bytes", () => {
    const key = latin1("k");
    const bytes = toBytes(PUT.request, { key, value: latin1("1") });
    callUnary(services.methods, `${KV}Put`, bytes);
    bytes.fill(0xff);
    const range = services.call(`${KV}Range`, RANGE, { key });
    expect(range).toMatchObject({ kvs: [keyValue("k", "1", 2)] });
  });

  test("hands out answers that the next one does not change", () => {
    const long = latin1("v".repeat(2000));
    services.call(`${KV}Put`, PUT, { key: latin1("a"), value: long });
    const request = toBytes(RANGE.request, { key: latin1("a") });
    const first = callUnary(services.methods, `${KV}Range`, request)?.message;
    services.call(`${KV}Put`, PUT, { key: latin1("b"), value: latin1("2") });
    services.call(`${KV}Range`, RANGE, { key: latin1("b") });
    expect(decode(RANGE.response, first!)).toMatchObject({ kvs: [{ value: long }] });
  });
});

function header(revision: number): object {
  const { clusterId, memberId, raftTerm } = MEMBER;
  return { clusterId, memberId, revision, raftTerm };
}

function keyValue(key: string, value: string, revision: number): object {
  return {
    key: latin1(key),
    value: latin1(value),
    createRevision: revision,
    modRevision: revision,
    version: 1,
    lease: 0n,
  };
}

function writingTxn(): Draft<TxnRequest> {
  return { success: [{ request: { kind: "requestPut", value: { key: latin1("t") } } }] };
}
