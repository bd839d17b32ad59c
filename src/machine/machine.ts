import { unreachable } from "../base/assert.ts";
import { EtcdError } from "../base/errors.ts";
import type { Revision } from "../base/revision.ts";
import type { Steps } from "../base/steps.ts";
import type { Change } from "../mvcc/change.ts";
import { NO_SLOT } from "../mvcc/slot.ts";
import type { MvccStore, WriteTxn } from "../mvcc/store.ts";
import type { Alarm } from "./alarm-command.ts";
import type { AlarmTable } from "./alarm-table.ts";
import { AuthState } from "./auth-state.ts";
import type {
  Command,
  CompactCommand,
  DeleteRangeCommand,
  PutCommand,
  RangeQuery,
  TxnCommand,
} from "./command.ts";
import { Comparer } from "./comparer.ts";
import type { LeaseBook } from "./lease-book.ts";
import type { LeaseGrantCommand, LeaseRevokeCommand } from "./lease-command.ts";
import type { MemberRecord } from "./member-command.ts";
import type { MemberTable } from "./member-table.ts";
import type { OpCounters } from "./op-counters.ts";
import { RangeReader } from "./range-reader.ts";
import type { CommandResult, Outcome, RangeResult, TxnResult } from "./result.ts";
import { StoreWriter } from "./store-writer.ts";
import { TxnRunner, type TxnView } from "./txn-runner.ts";

/** What one command did: its answer, and the changes for the watchers, in execution order. */
export interface Applied {
  readonly outcome: Outcome<CommandResult>;
  /** All of one revision; empty when nothing changed or the command was refused. */
  readonly changes: readonly Change[];
}

export interface MachineOptions {
  readonly leases: LeaseBook;
  readonly alarms: AlarmTable;
  readonly members: MemberTable;
  /** Whether watchers want the KeyValue before each change (D13); asked for every write. */
  readonly wantsPrevious: () => boolean;
}

/** A command that deletes no more keys is applied at once: about a millisecond of work. */
const KEYS_AT_ONCE_MAX = 1024;
const NO_CHANGES: readonly Change[] = [];

/**
 * What etcd's KV requests mean. The same commands give the same answers on every machine and in
 * every replay: it has no clock, no dice and no way out. A client's fault is an answer, never an
 * exception; a refused command has changed nothing. Bytes of a command are borrowed until the call
 * returns, bytes of a result are never overwritten.
 */
export class Machine {
  /** Users and roles: changed by commands only, read by whoever judges requests. */
  readonly auth: AuthState;
  readonly #store: MvccStore;
  readonly #leases: LeaseBook;
  readonly #alarms: AlarmTable;
  readonly #members: MemberTable;
  readonly #wantsPrevious: () => boolean;
  readonly #reader: RangeReader;
  readonly #txns: TxnRunner;
  /** Txns that only read may come between the steps of one, and a runner does one at a time. */
  readonly #steppingTxns: TxnRunner;
  readonly #counters: OpCounters = { puts: 0, putBytes: 0, ranges: 0, deletes: 0, txns: 0 };

  constructor(store: MvccStore, options: MachineOptions) {
    this.auth = new AuthState({
      auth: store.state("auth"),
      user: store.state("user"),
      role: store.state("role"),
    });
    this.#store = store;
    this.#leases = options.leases;
    this.#alarms = options.alarms;
    this.#members = options.members;
    this.#wantsPrevious = options.wantsPrevious;
    this.#reader = new RangeReader(store);
    const parts = {
      store,
      leases: options.leases,
      comparer: new Comparer(store),
      reader: this.#reader,
      counters: this.#counters,
    };
    this.#txns = new TxnRunner(parts);
    this.#steppingTxns = new TxnRunner(parts);
  }

  get counters(): Readonly<OpCounters> {
    return this.#counters;
  }

  /** The members of the cluster, by id: an array that never changes. */
  get members(): readonly MemberRecord[] {
    return this.#members.members;
  }

  /** The alarms that stand: an array that never changes. */
  get alarms(): readonly Alarm[] {
    return this.#alarms.alarms;
  }

  /** Applies the next command of the log to the newest state. */
  apply(command: Command): Applied {
    const refusal = this.#alarms.refusal(command);
    if (refusal !== undefined) return refused(refusal);
    switch (command.kind) {
      case "put":
        return this.#put(command);
      case "delete-range":
        return this.#deleteRange(command);
      case "txn":
        return this.#txn(command);
      case "compact":
        return { outcome: this.#compact(command), changes: NO_CHANGES };
      case "alarm": {
        const alarms = this.#alarms.apply(command);
        const outcome = { kind: command.kind, revision: this.#store.head, alarms };
        return { outcome, changes: NO_CHANGES };
      }
      case "member": {
        const refusal = this.#members.apply(command.change);
        const { members } = this.#members;
        const outcome = refusal ?? { kind: command.kind, revision: this.#store.head, members };
        return { outcome, changes: NO_CHANGES };
      }
      case "auth": {
        const refusal = this.auth.apply(command.change);
        const outcome = refusal ?? { kind: command.kind, revision: this.#store.head };
        return { outcome, changes: NO_CHANGES };
      }
      case "lease-grant":
        return { outcome: this.#grantLease(command), changes: NO_CHANGES };
      case "lease-revoke":
        return this.#revokeLease(command);
      default:
        return unreachable(command);
    }
  }

  /**
   * Whether the command may delete so many keys that it should be applied in steps; never too low
   * an estimate, and it costs next to nothing for what writes a key or a few.
   */
  isLarge(command: Command): boolean {
    switch (command.kind) {
      case "delete-range":
        return this.#store.countAtMost(command.range) > KEYS_AT_ONCE_MAX;
      case "txn":
        return this.#deletesAtMost(command) > KEYS_AT_ONCE_MAX;
      case "lease-revoke":
        return (this.#leases.find(command.id)?.keys.size ?? 0) > KEYS_AT_ONCE_MAX;
      default:
        return false;
    }
  }

  /**
   * As `apply`, in steps. Reads may come between them and see the state before; no other command
   * and no removal of a compaction may, and nothing may be committed. The command's bytes are
   * borrowed until the last step.
   */
  *applyInSteps(command: Command): Steps<Applied> {
    const refusal = this.#alarms.refusal(command);
    if (refusal !== undefined) return refused(refusal);
    switch (command.kind) {
      case "delete-range":
        return yield* this.#deleteRangeInSteps(command);
      case "txn":
        return yield* this.#txnInSteps(command);
      case "lease-revoke":
        return yield* this.#revokeLeaseInSteps(command);
      default:
        return this.apply(command);
    }
  }

  /**
   * Reads at the view's revision or, when the query names one, below it (K12).
   * Refused with "futureRevision" above the view and "compacted" below its history.
   */
  read(query: RangeQuery, view: TxnView): Outcome<RangeResult> {
    this.#counters.ranges++;
    const at = query.revision > 0 ? query.revision : view.revision;
    if (at > view.revision) return new EtcdError("futureRevision");
    if (at < view.compacted) return new EtcdError("compacted");
    return this.#reader.read(query, at as Revision, view.revision);
  }

  /** Runs a txn that cannot write, at the view's revision. */
  readTxn(command: TxnCommand, view: TxnView): Outcome<TxnResult> {
    this.#counters.txns++;
    const refusal = this.#txns.prepare(command, view);
    if (refusal !== undefined) return refusal;
    return this.#txns.run(command, view, undefined);
  }

  /** A lone put asks for the lease first, then for the key (K21, K22). */
  #put(command: PutCommand): Applied {
    this.#counters.puts++;
    this.#counters.putBytes += command.key.length + command.value.length;
    if (command.lease !== 0n && !this.#leases.exists(command.lease)) {
      return refused(new EtcdError("leaseNotFound"));
    }
    if (
      (command.ignoreValue || command.ignoreLease) &&
      this.#store.find(command.key, this.#store.head) === NO_SLOT
    ) {
      return refused(new EtcdError("keyNotFound"));
    }
    const txn = this.#begin();
    const outcome = new StoreWriter(this.#store, txn).put(command);
    txn.end();
    this.#leases.follow(txn.changes);
    return { outcome, changes: txn.changes };
  }

  #deleteRange(command: DeleteRangeCommand): Applied {
    this.#counters.deletes++;
    const txn = this.#begin();
    const outcome = new StoreWriter(this.#store, txn).deleteRange(command);
    txn.end();
    this.#leases.follow(txn.changes);
    return { outcome, changes: txn.changes };
  }

  *#deleteRangeInSteps(command: DeleteRangeCommand): Steps<Applied> {
    this.#counters.deletes++;
    const txn = this.#begin();
    const outcome = yield* new StoreWriter(this.#store, txn).deleteRangeInSteps(command);
    yield* this.#leases.followInSteps(txn.changes);
    txn.end();
    return { outcome, changes: txn.changes };
  }

  *#txnInSteps(command: TxnCommand): Steps<Applied> {
    this.#counters.txns++;
    const view = { revision: this.#store.head, compacted: this.#store.compacted };
    const refusal = this.#steppingTxns.prepare(command, view);
    if (refusal !== undefined) return refused(refusal);
    const txn = this.#begin();
    const writer = new StoreWriter(this.#store, txn);
    const outcome = yield* this.#steppingTxns.runInSteps(command, view, writer);
    yield* this.#leases.followInSteps(txn.changes);
    txn.end();
    return { outcome, changes: txn.changes };
  }

  *#revokeLeaseInSteps(command: LeaseRevokeCommand): Steps<Applied> {
    if (!this.#leases.exists(command.id)) return refused(new EtcdError("leaseNotFound"));
    const txn = this.#begin();
    yield* this.#leases.revokeInSteps(command, txn);
    return this.#revoked(txn);
  }

  /** Keys that the dearer branch deletes at most, nested txns included. */
  #deletesAtMost(txn: TxnCommand): number {
    let most = 0;
    for (const ops of [txn.success, txn.failure]) {
      let keys = 0;
      for (const op of ops) {
        if (op.kind === "delete-range") keys += this.#store.countAtMost(op.range);
        else if (op.kind === "txn") keys += this.#deletesAtMost(op);
      }
      most = Math.max(most, keys);
    }
    return most;
  }

  #txn(command: TxnCommand): Applied {
    this.#counters.txns++;
    const view = { revision: this.#store.head, compacted: this.#store.compacted };
    const refusal = this.#txns.prepare(command, view);
    if (refusal !== undefined) return refused(refusal);
    const txn = this.#begin();
    const outcome = this.#txns.run(command, view, new StoreWriter(this.#store, txn));
    txn.end();
    this.#leases.follow(txn.changes);
    return { outcome, changes: txn.changes };
  }

  #begin(): WriteTxn {
    return this.#store.begin({ capturePrevious: this.#wantsPrevious() });
  }

  #grantLease(command: LeaseGrantCommand): Outcome<CommandResult> {
    const refusal = this.#leases.grant(command);
    if (refusal !== undefined) return refusal;
    const { id, ttlSeconds } = command;
    return { kind: "lease-grant", revision: this.#store.head, id, ttlSeconds };
  }

  /** L4. */
  #revokeLease(command: LeaseRevokeCommand): Applied {
    if (!this.#leases.exists(command.id)) return refused(new EtcdError("leaseNotFound"));
    const txn = this.#begin();
    this.#leases.revoke(command, txn);
    return this.#revoked(txn);
  }

  #revoked({ changes }: WriteTxn): Applied {
    this.#counters.deletes += changes.length;
    return { outcome: { kind: "lease-revoke", revision: this.#store.head }, changes };
  }

  /** K60. The store starts at "-1 compacted", so that compacting to 0 succeeds exactly once. */
  #compact(command: CompactCommand): Outcome<CommandResult> {
    if (command.revision <= this.#store.compacted) return new EtcdError("compacted");
    if (command.revision > this.#store.head) return new EtcdError("futureRevision");
    this.#store.compact(command.revision as Revision);
    return { kind: "compact", revision: this.#store.head };
  }
}

function refused(outcome: EtcdError): Applied {
  return { outcome, changes: NO_CHANGES };
}
