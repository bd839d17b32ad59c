import { EMPTY_BYTES } from "../base/bytes.ts";
import { EtcdError } from "../base/errors.ts";
import { parseKeyRange } from "../base/key-range.ts";
import type {
  CompactCommand,
  Compare,
  CompareOperator,
  DeleteRangeCommand,
  PutCommand,
  RangeQuery,
  SortTarget,
  TxnCommand,
  TxnOp,
} from "../machine/command.ts";
import type { Outcome } from "../machine/result.ts";
import type * as proto from "./proto/messages-key-value.ts";
import { CompareTarget } from "./proto/messages-key-value.ts";
import { writesAnyKeyTwice } from "./txn-overlap.ts";

/**
 * Wire messages to commands: every check that needs no look at the state, in etcd's order and with
 * its errors. Commands borrow the bytes of the message.
 */

/** By their numbers on the wire (K13). */
const SORT_ORDERS: readonly RangeQuery["order"][] = ["none", "ascend", "descend"];
const SORT_TARGETS: readonly SortTarget[] = ["key", "version", "create", "mod", "value"];
const COMPARE_OPERATORS: readonly CompareOperator[] = ["equal", "greater", "less", "not-equal"];

/** K10; a sort number that nobody knows is refused as etcd does since 3.5 (V4). */
export function parseRange(request: proto.RangeRequest): Outcome<RangeQuery> {
  if (request.key.length === 0) return new EtcdError("emptyKey");
  const order = SORT_ORDERS[request.sortOrder];
  const target = SORT_TARGETS[request.sortTarget];
  if (order === undefined || target === undefined) return new EtcdError("invalidSortOption");
  return {
    kind: "range",
    range: parseKeyRange(request.key, request.rangeEnd),
    revision: request.revision,
    limit: request.limit,
    order,
    target,
    serializable: request.serializable,
    keysOnly: request.keysOnly,
    countOnly: request.countOnly,
    withCount: true,
    minModRevision: request.minModRevision,
    maxModRevision: request.maxModRevision,
    minCreateRevision: request.minCreateRevision,
    maxCreateRevision: request.maxCreateRevision,
  };
}

/** K20. */
export function parsePut(request: proto.PutRequest): Outcome<PutCommand> {
  if (request.key.length === 0) return new EtcdError("emptyKey");
  if (request.ignoreValue && request.value.length !== 0) return new EtcdError("valueProvided");
  if (request.ignoreLease && request.lease !== 0n) return new EtcdError("leaseProvided");
  return {
    kind: "put",
    key: request.key,
    value: request.value,
    lease: request.lease,
    prevKv: request.prevKv,
    ignoreValue: request.ignoreValue,
    ignoreLease: request.ignoreLease,
  };
}

/** K30. */
export function parseDeleteRange(request: proto.DeleteRangeRequest): Outcome<DeleteRangeCommand> {
  if (request.key.length === 0) return new EtcdError("emptyKey");
  const range = parseKeyRange(request.key, request.rangeEnd);
  return { kind: "delete-range", range, prevKv: request.prevKv };
}

/** Nothing static to refuse: what a revision means depends on the state (K60). */
export function parseCompact(request: proto.CompactionRequest): CompactCommand {
  return { kind: "compact", revision: request.revision, physical: request.physical };
}

/**
 * K41-K55. First each op by itself, both branches and nested txns too (K51), and only then the rule
 * against writing a key twice. The decoder has bounded how deep txns nest: two messages a level, so
 * half of MESSAGE_DEPTH_MAX.
 * @param maxOps bound of the longest list of the txn, what nested ones may use included (K50)
 */
export function parseTxn(request: proto.TxnRequest, maxOps: number): Outcome<TxnCommand> {
  const txn = parseTxnOps(request, maxOps);
  if (txn instanceof EtcdError) return txn;
  if (writesAnyKeyTwice(txn.success) || writesAnyKeyTwice(txn.failure)) {
    return new EtcdError("duplicateKey");
  }
  return txn;
}

function parseTxnOps(request: proto.TxnRequest, maxOps: number): Outcome<TxnCommand> {
  const { compare, success, failure } = request;
  const longest = Math.max(compare.length, success.length, failure.length);
  if (longest > maxOps) return new EtcdError("tooManyOps");

  const compares = new Array<Compare>(compare.length);
  for (let i = 0; i < compare.length; i++) {
    const condition = compare[i] as proto.Compare;
    if (condition.key.length === 0) return new EtcdError("emptyKey");
    compares[i] = parseCompare(condition);
  }
  const then = parseOps(success, maxOps - longest);
  if (then instanceof EtcdError) return then;
  const otherwise = parseOps(failure, maxOps - longest);
  if (otherwise instanceof EtcdError) return otherwise;
  const readOnly = areRanges(then) && areRanges(otherwise);
  return { kind: "txn", compares, success: then, failure: otherwise, readOnly };
}

function parseOps(requests: readonly proto.RequestOp[], maxOps: number): Outcome<TxnOp[]> {
  const ops = new Array<TxnOp>(requests.length);
  for (let i = 0; i < requests.length; i++) {
    const op = parseOp(requests[i] as proto.RequestOp, maxOps);
    if (op instanceof EtcdError) return op;
    ops[i] = op;
  }
  return ops;
}

function parseOp(op: proto.RequestOp, maxOps: number): Outcome<TxnOp> {
  // An op with nothing set is no key, in etcd's words (K45).
  if (op.request === undefined) return new EtcdError("keyNotFound");
  switch (op.request.kind) {
    case "requestRange":
      return parseRange(op.request.value);
    case "requestPut":
      return parsePut(op.request.value);
    case "requestDeleteRange":
      return parseDeleteRange(op.request.value);
    case "requestTxn":
      return parseTxnOps(op.request.value, maxOps);
  }
}

function areRanges(ops: readonly TxnOp[]): boolean {
  for (const op of ops) {
    if (op.kind !== "range") return false;
  }
  return true;
}

function parseCompare(compare: proto.Compare): Compare {
  return {
    range: parseKeyRange(compare.key, compare.rangeEnd),
    operator: COMPARE_OPERATORS[compare.result] ?? "always",
    operand: parseOperand(compare),
  };
}

/** A value that is missing, or belongs to another target, counts as 0 or empty (K41). */
function parseOperand({ target, targetUnion }: proto.Compare): Compare["operand"] {
  switch (target) {
    case CompareTarget.VERSION:
      return { target: "version", value: targetUnion?.kind === "version" ? targetUnion.value : 0 };
    case CompareTarget.CREATE:
      return {
        target: "create",
        value: targetUnion?.kind === "createRevision" ? targetUnion.value : 0,
      };
    case CompareTarget.MOD:
      return { target: "mod", value: targetUnion?.kind === "modRevision" ? targetUnion.value : 0 };
    case CompareTarget.VALUE:
      return {
        target: "value",
        value: targetUnion?.kind === "value" ? targetUnion.value : EMPTY_BYTES,
      };
    case CompareTarget.LEASE:
      return { target: "lease", value: targetUnion?.kind === "lease" ? targetUnion.value : 0n };
    default:
      return { target: "unknown" };
  }
}
