import { assert, unreachable } from "../base/assert.ts";
import { compareBytes } from "../base/bytes.ts";
import { EtcdError } from "../base/errors.ts";
import { nextRevision, type Revision } from "../base/revision.ts";
import type { Steps } from "../base/steps.ts";
import { NO_SLOT } from "../mvcc/slot.ts";
import type { MvccStore } from "../mvcc/store.ts";
import type { PutCommand, RangeQuery, TxnCommand, TxnOp } from "./command.ts";
import type { Comparer } from "./comparer.ts";
import type { LeaseTable } from "./lease-table.ts";
import type { OpCounters } from "./op-counters.ts";
import type { RangeReader } from "./range-reader.ts";
import type { OpResult, TxnResult } from "./result.ts";
import type { StoreWriter } from "./store-writer.ts";

/** What a txn sees before its first op: one revision, and where history begins. */
export interface TxnView {
  readonly revision: Revision;
  readonly compacted: number;
}

/**
 * Runs txns in three passes, so that nothing is written unless all of it will be:
 *
 * 1. `plan` evaluates the compares of the txn and of every nested txn on the way that will run, all
 *    against the state before (K40, K46), and notes which branch each takes;
 * 2. `check` walks that way and finds what must refuse the whole txn (K47);
 * 3. `run` executes, each op seeing the ones before it (K45, K6).
 *
 * The passes meet the txns in the same order, so the branches are a plain list and a cursor.
 */
export class TxnRunner {
  readonly #store: MvccStore;
  readonly #leases: LeaseTable;
  readonly #comparer: Comparer;
  readonly #reader: RangeReader;
  readonly #counters: OpCounters;
  #branches: boolean[] = [];
  #cursor = 0;
  /** The lowest start of the open-ended deletes that `check` has passed on its way. */
  #deletedFrom: Uint8Array | undefined;

  constructor(parts: {
    readonly store: MvccStore;
    readonly leases: LeaseTable;
    readonly comparer: Comparer;
    readonly reader: RangeReader;
    readonly counters: OpCounters;
  }) {
    this.#store = parts.store;
    this.#leases = parts.leases;
    this.#comparer = parts.comparer;
    this.#reader = parts.reader;
    this.#counters = parts.counters;
  }

  /** Passes 1 and 2: the error that refuses the txn, if there is one. Changes nothing. */
  prepare(txn: TxnCommand, view: TxnView): EtcdError | undefined {
    this.#branches = [];
    this.#plan(txn, view.revision);
    this.#cursor = 0;
    this.#deletedFrom = undefined;
    const refusedPut = this.#check(txn, view, "put");
    this.#cursor = 0;
    if (refusedPut !== undefined) return refusedPut;
    const refusedRange = this.#check(txn, view, "range");
    this.#cursor = 0;
    return refusedRange;
  }

  /** Pass 3, after a `prepare` that refused nothing; `writer` is absent for a read-only txn. */
  run(txn: TxnCommand, view: TxnView, writer: StoreWriter | undefined): TxnResult {
    const succeeded = this.#nextBranch();
    const ops = succeeded ? txn.success : txn.failure;
    const responses = new Array<OpResult>(ops.length);
    for (let i = 0; i < ops.length; i++) {
      responses[i] = this.#runOp(ops[i] as TxnOp, view, writer);
    }
    return { kind: "txn", revision: visibleRevision(view, writer), succeeded, responses };
  }

  /** As `run`, with its deletes in steps. Nothing else is to be asked of this runner meanwhile. */
  *runInSteps(txn: TxnCommand, view: TxnView, writer: StoreWriter): Steps<TxnResult> {
    const succeeded = this.#nextBranch();
    const responses: OpResult[] = [];
    for (const op of succeeded ? txn.success : txn.failure) {
      if (op.kind === "txn") responses.push(yield* this.runInSteps(op, view, writer));
      else if (op.kind === "delete-range") {
        this.#counters.deletes++;
        responses.push(yield* writer.deleteRangeInSteps(op));
      } else responses.push(this.#runOp(op, view, writer));
      yield;
    }
    return { kind: "txn", revision: visibleRevision(view, writer), succeeded, responses };
  }

  #plan(txn: TxnCommand, at: Revision): void {
    const succeeded = this.#allHold(txn, at);
    this.#branches.push(succeeded);
    for (const op of succeeded ? txn.success : txn.failure) {
      if (op.kind === "txn") this.#plan(op, at);
    }
  }

  #allHold(txn: TxnCommand, at: Revision): boolean {
    for (const compare of txn.compares) {
      if (!this.#comparer.holds(compare, at)) return false;
    }
    return true;
  }

  /** As in etcd, a put anywhere in the txn refuses it before any range does. */
  #check(txn: TxnCommand, view: TxnView, kind: "put" | "range"): EtcdError | undefined {
    const ops = this.#nextBranch() ? txn.success : txn.failure;
    for (const op of ops) {
      const refusal = this.#checkOp(op, view, kind);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  #checkOp(op: TxnOp, view: TxnView, kind: "put" | "range"): EtcdError | undefined {
    switch (op.kind) {
      case "range":
        return kind === "range" ? refusedInTxn(op, view) : undefined;
      case "put":
        return kind === "put" ? this.#checkPut(op, view) : undefined;
      case "delete-range":
        if (op.range.kind === "from") this.#noteDeletedFrom(op.range.start);
        return undefined;
      case "txn":
        return this.#check(op, view, kind);
      default:
        return unreachable(op);
    }
  }

  /** In etcd's order inside a txn: first the key, then the lease; a lone put asks the other way. */
  #checkPut(put: PutCommand, view: TxnView): EtcdError | undefined {
    if (put.ignoreValue || put.ignoreLease) {
      const missing = this.#store.find(put.key, view.revision) === NO_SLOT;
      if (missing || this.#isDeletedBefore(put.key)) return new EtcdError("keyNotFound");
    }
    if (put.lease !== 0n && !this.#leases.exists(put.lease)) return new EtcdError("leaseNotFound");
    return undefined;
  }

  #noteDeletedFrom(start: Uint8Array): void {
    const lowest = this.#deletedFrom;
    if (lowest === undefined || compareBytes(start, lowest) < 0) this.#deletedFrom = start;
  }

  /**
   * An open-ended delete escapes the rule against writing a key twice (K58), so it can take away
   * the very key that a later put of the txn wants to keep the value of. etcd stops with a panic
   * there; here the txn is refused, as if the delete had come before it.
   */
  #isDeletedBefore(key: Uint8Array): boolean {
    return this.#deletedFrom !== undefined && compareBytes(this.#deletedFrom, key) <= 0;
  }

  #runOp(op: TxnOp, view: TxnView, writer: StoreWriter | undefined): OpResult {
    switch (op.kind) {
      case "range": {
        this.#counters.ranges++;
        const header = visibleRevision(view, writer);
        const at = op.revision > 0 ? (op.revision as Revision) : header;
        return this.#reader.read(op, at, header);
      }
      case "put":
        assert(writer !== undefined, "a read-only txn has no put");
        this.#counters.puts++;
        this.#counters.putBytes += op.key.length + op.value.length;
        return writer.put(op);
      case "delete-range":
        assert(writer !== undefined, "a read-only txn has no delete");
        this.#counters.deletes++;
        return writer.deleteRange(op);
      case "txn":
        return this.run(op, view, writer);
      default:
        return unreachable(op);
    }
  }

  #nextBranch(): boolean {
    const branch = this.#branches[this.#cursor++];
    assert(branch !== undefined, "the passes meet the same txns");
    return branch;
  }
}

/**
 * K12 inside a txn: 0 is the present; the revision that the txn itself is making is still the
 * future; and a negative one is below the history, once there is a compaction.
 */
function refusedInTxn(query: RangeQuery, view: TxnView): EtcdError | undefined {
  if (query.revision === 0) return undefined;
  if (query.revision > view.revision) return new EtcdError("futureRevision");
  if (query.revision < view.compacted) return new EtcdError("compacted");
  return undefined;
}

/** What an op of the txn sees, and its header shows: the begin, or one more after a change (K6). */
function visibleRevision(view: TxnView, writer: StoreWriter | undefined): Revision {
  return writer?.changed === true ? nextRevision(view.revision) : view.revision;
}
