import { describe, expect, test } from "vitest";
import { EtcdError } from "../base/errors.ts";
import { parseDeleteRange, parsePut, parseRange, parseTxn } from "./parse.ts";
import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from "./proto/messages-key-value.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");
const NOTHING = bytes("");

const PUT: PutRequest = {
  key: bytes("k"),
  value: NOTHING,
  lease: 0n,
  prevKv: false,
  ignoreValue: false,
  ignoreLease: false,
};

const RANGE: RangeRequest = {
  key: bytes("k"),
  rangeEnd: NOTHING,
  limit: 0,
  revision: 0,
  sortOrder: 0,
  sortTarget: 0,
  serializable: false,
  keysOnly: false,
  countOnly: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
};

const DELETE: DeleteRangeRequest = { key: bytes("k"), rangeEnd: NOTHING, prevKv: false };
const TXN: TxnRequest = { compare: [], success: [], failure: [] };
const COMPARE: Compare = {
  result: 0,
  target: 0,
  key: bytes("k"),
  targetUnion: undefined,
  rangeEnd: NOTHING,
};

const put = (key: string): RequestOp => ({
  request: { kind: "requestPut", value: { ...PUT, key: bytes(key) } },
});
const range = (request: Partial<RangeRequest> = {}): RequestOp => ({
  request: { kind: "requestRange", value: { ...RANGE, ...request } },
});
const remove = (key: string, end = ""): RequestOp => ({
  request: {
    kind: "requestDeleteRange",
    value: { ...DELETE, key: bytes(key), rangeEnd: bytes(end) },
  },
});
const txn = (request: Partial<TxnRequest>): RequestOp => ({
  request: { kind: "requestTxn", value: { ...TXN, ...request } },
});
const repeated = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

const nameOf = (outcome: unknown): string =>
  outcome instanceof EtcdError ? outcome.name : "accepted";

describe("parseRange", () => {
  test.each([
    ["an empty key (K10)", { key: NOTHING }, "emptyKey"],
    ["an empty key with a range end (K10)", { key: NOTHING, rangeEnd: bytes("z") }, "emptyKey"],
    ["an unknown order (V4)", { sortOrder: 3 }, "invalidSortOption"],
    ["a negative order (V4)", { sortOrder: -1 }, "invalidSortOption"],
    ["an unknown target (V4)", { sortTarget: 5 }, "invalidSortOption"],
    ["an empty key before an unknown order", { key: NOTHING, sortOrder: 9 }, "emptyKey"],
    ["the last known order and target", { sortOrder: 2, sortTarget: 4 }, "accepted"],
    ["a range that ends before it begins (K11)", { rangeEnd: bytes("a") }, "accepted"],
  ])("judges %s", (_, request, expected) => {
    expect(nameOf(parseRange({ ...RANGE, ...request }))).toBe(expected);
  });

  test("keeps every option", () => {
    const request = {
      ...RANGE,
      rangeEnd: bytes("\0"),
      limit: 3,
      revision: 4,
      sortOrder: 2,
      sortTarget: 3,
      serializable: true,
      keysOnly: true,
      minModRevision: 5,
      maxModRevision: 6,
      minCreateRevision: 7,
      maxCreateRevision: 8,
    };
    expect(parseRange(request)).toEqual({
      kind: "range",
      range: { kind: "from", start: bytes("k") },
      limit: 3,
      revision: 4,
      order: "descend",
      target: "mod",
      serializable: true,
      keysOnly: true,
      countOnly: false,
      withCount: true,
      minModRevision: 5,
      maxModRevision: 6,
      minCreateRevision: 7,
      maxCreateRevision: 8,
    });
  });
});

describe("parsePut", () => {
  test.each([
    ["an empty key (K20)", { key: NOTHING }, "emptyKey"],
    ["a value to ignore (K20)", { ignoreValue: true, value: bytes("v") }, "valueProvided"],
    ["a lease to ignore (K20)", { ignoreLease: true, lease: 1n }, "leaseProvided"],
    [
      "a value and a lease to ignore",
      { ignoreValue: true, value: bytes("v"), ignoreLease: true, lease: 1n },
      "valueProvided",
    ],
    ["both kept (K22)", { ignoreValue: true, ignoreLease: true }, "accepted"],
    ["an empty value (K18)", {}, "accepted"],
  ])("judges %s", (_, request, expected) => {
    expect(nameOf(parsePut({ ...PUT, ...request }))).toBe(expected);
  });
});

describe("parseDeleteRange", () => {
  test("refuses an empty key (K30)", () => {
    expect(nameOf(parseDeleteRange({ ...DELETE, key: NOTHING }))).toBe("emptyKey");
  });

  test.each([
    ["", { kind: "single", key: bytes("k") }],
    ["\0", { kind: "from", start: bytes("k") }],
    ["z", { kind: "range", start: bytes("k"), end: bytes("z") }],
    ["k", { kind: "empty" }],
  ])("understands the range end %j (K11)", (end, expected) => {
    expect(parseDeleteRange({ ...DELETE, rangeEnd: bytes(end) })).toEqual({
      kind: "delete-range",
      range: expected,
      prevKv: false,
    });
  });
});

describe("parseTxn", () => {
  test.each<[string, Partial<TxnRequest>, string]>([
    ["128 ops on each list (K50)", lists(128), "accepted"],
    ["129 compares (K50)", { compare: repeated(129, COMPARE) }, "tooManyOps"],
    ["129 ops of success (K50)", { success: repeated(129, range()) }, "tooManyOps"],
    ["129 ops of failure (K50)", { failure: repeated(129, range()) }, "tooManyOps"],
    ["a nested txn of 127 ops beside nothing (K50)", nest(1, 127), "accepted"],
    ["a nested txn of 128 ops beside nothing (K50)", nest(1, 128), "tooManyOps"],
    ["a nested txn of 28 ops among 100 (K50)", nest(100, 28), "accepted"],
    ["a nested txn of 29 ops among 100 (K50)", nest(100, 29), "tooManyOps"],
    ["an empty key in a compare (K41)", { compare: [{ ...COMPARE, key: NOTHING }] }, "emptyKey"],
    ["an op with nothing set (K45)", { failure: [{ request: undefined }] }, "keyNotFound"],
    ["a bad range on the other branch (K51)", { failure: [range({ key: NOTHING })] }, "emptyKey"],
    ["a bad sort order in a txn", { success: [range({ sortOrder: 7 })] }, "invalidSortOption"],
    ["a bad delete in a nested txn", { success: [txn({ failure: [remove("")] })] }, "emptyKey"],
    [
      "too many ops before what is wrong with them",
      { success: [...repeated(128, range()), put("")] },
      "tooManyOps",
    ],
    [
      "what is wrong with an op before a key that is put twice",
      { success: [put("a"), put("a")], failure: [put("")] },
      "emptyKey",
    ],
    [
      "the compares before the ops",
      { compare: [{ ...COMPARE, key: NOTHING }], success: [{ request: undefined }] },
      "emptyKey",
    ],
    ["a key put on both branches (K55)", { success: [put("a")], failure: [put("a")] }, "accepted"],
  ])("judges %s", (_, request, expected) => {
    expect(nameOf(parseTxn({ ...TXN, ...request }, 128))).toBe(expected);
  });

  test.each<[string, RequestOp[], string]>([
    ["two puts of a key", [put("a"), put("a")], "duplicateKey"],
    ["a put and a delete of a key", [put("a"), remove("a")], "duplicateKey"],
    ["a delete and a put of a key", [remove("a"), put("a")], "duplicateKey"],
    ["a put inside of a deleted range", [put("b"), remove("a", "c")], "duplicateKey"],
    ["a put at the end of a deleted range", [put("c"), remove("a", "c")], "accepted"],
    ["a put below a deleted range", [put("a"), remove("a\0", "c")], "accepted"],
    ["a put under an open-ended delete (K58)", [remove("a", "\0"), put("b")], "accepted"],
    ["a put under a delete that ends before it begins", [remove("c", "a"), put("b")], "accepted"],
    ["overlapping deletes", [remove("a", "c"), remove("b", "d"), remove("b")], "accepted"],
    ["a put that is read", [put("a"), range({ key: bytes("a") })], "accepted"],
    ["the same put on both sides of a nested txn", [both(put("a"), put("a"))], "accepted"],
    ["two puts on one side of a nested txn", [then(put("a"), put("a"))], "duplicateKey"],
    ["a put above and one below", [put("a"), then(put("a"))], "duplicateKey"],
    ["a put below, on the other side", [both(range(), put("a")), put("a")], "duplicateKey"],
    ["puts in two nested txns", [then(put("a")), then(put("a"))], "duplicateKey"],
    ["a delete above a nested put", [then(put("b")), remove("a", "c")], "duplicateKey"],
    ["a nested delete and a put", [put("b"), then(remove("a", "c"))], "duplicateKey"],
    ["a nested delete before a nested put", [then(remove("b")), then(put("b"))], "duplicateKey"],
    ["a nested delete after a nested put", [then(put("b")), then(remove("b"))], "accepted"],
    ["a put and a delete on two sides", [both(put("a"), remove("a"))], "accepted"],
    ["a put two levels below", [then(then(put("a"))), put("a")], "duplicateKey"],
    ["a hundred puts of different keys", hundred((i) => put(`k${i}`)), "accepted"],
    [
      "the last of a hundred a second time",
      [...hundred((i) => put(`k${i}`)), put("k0")],
      "duplicateKey",
    ],
    [
      "a put among a hundred deleted ranges",
      [...hundred((i) => remove(`k${i}a`, `k${i}c`)), put("k42b")],
      "duplicateKey",
    ],
  ])("judges %s (K55)", (_, ops, expected) => {
    expect(nameOf(parseTxn({ ...TXN, success: ops }, 128))).toBe(expected);
    expect(nameOf(parseTxn({ ...TXN, failure: ops }, 128))).toBe(expected);
  });

  test.each<[string, Partial<TxnRequest>, boolean]>([
    ["nothing", {}, true],
    ["ranges on both sides", { success: [range()], failure: [range()] }, true],
    ["a put on the other side", { success: [range()], failure: [put("a")] }, false],
    ["a delete", { success: [remove("a")] }, false],
    ["a nested txn of ranges", { success: [txn({ success: [range()] })] }, false],
  ])("calls a txn of %s read-only: %s (K3)", (_, request, expected) => {
    expect(parseTxn({ ...TXN, ...request }, 128)).toMatchObject({ readOnly: expected });
  });

  test.each<[string, Partial<Compare>, object]>([
    ["a version", { target: 0, targetUnion: { kind: "version", value: 3 } }, { value: 3 }],
    ["no value at all", { target: 1 }, { target: "create", value: 0 }],
    ["another kind", { target: 2, targetUnion: { kind: "version", value: 3 } }, { value: 0 }],
    [
      "no bytes",
      { target: 3, targetUnion: { kind: "lease", value: 1n } },
      { value: new Uint8Array(0) },
    ],
    ["a lease", { target: 4, targetUnion: { kind: "lease", value: -1n } }, { value: -1n }],
    ["no lease", { target: 4 }, { target: "lease", value: 0n }],
    ["an unknown target", { target: 5 }, { target: "unknown" }],
  ])("compares with %s (K41)", (_, compare, operand) => {
    const parsed = parseTxn({ ...TXN, compare: [{ ...COMPARE, ...compare }] }, 128);
    expect(parsed).toMatchObject({ compares: [{ operand }] });
  });

  test.each([
    [0, "equal"],
    [1, "greater"],
    [2, "less"],
    [3, "not-equal"],
    [4, "always"],
    [-1, "always"],
  ])("reads the operator %i as %s (K41)", (result, operator) => {
    const parsed = parseTxn({ ...TXN, compare: [{ ...COMPARE, result }] }, 128);
    expect(parsed).toMatchObject({ compares: [{ operator }] });
  });
});

function lists(length: number): Partial<TxnRequest> {
  return {
    compare: repeated(length, COMPARE),
    success: repeated(length, range()),
    failure: repeated(length, range()),
  };
}

function nest(outer: number, inner: number): Partial<TxnRequest> {
  const nested = txn({ failure: repeated(inner, range()) });
  return { success: [...repeated(outer - 1, range()), nested] };
}

function then(...success: RequestOp[]): RequestOp {
  return txn({ success });
}

function both(success: RequestOp, failure: RequestOp): RequestOp {
  return txn({ success: [success], failure: [failure] });
}

function hundred(op: (index: number) => RequestOp): RequestOp[] {
  return Array.from({ length: 100 }, (_, index) => op(index));
}
