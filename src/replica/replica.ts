import type { EtcdError } from "../base/errors.ts";
import type { Revision } from "../base/revision.ts";
import type { Alarm } from "../machine/alarm-command.ts";
import type { MemberRecord } from "../machine/member-command.ts";
import type { Command, RangeQuery, TxnCommand } from "../machine/command.ts";
import type { Outcome, RangeResult, ResultOf, TxnResult } from "../machine/result.ts";
import type { SnapshotMember } from "./etcd-buckets.ts";
import type { Snapshot } from "./snapshot-runner.ts";

/** What a reader may see: only what is durable. */
export interface ReadView {
  readonly revision: Revision;
  /** Revisions below it are gone; -1 before the first compaction (K60). */
  readonly compacted: number;
}

export interface HashKvResult {
  /** The store's revision when it was asked, for the response header (K70). */
  readonly revision: Revision;
  readonly hash: number;
  readonly compactRevision: number;
  /** The revision that the hash speaks of. */
  readonly hashRevision: number;
}

/** Figures that Status and the metrics show: gathered when asked, so not on any hot path. */
export interface ReplicaStatus {
  /** Bytes of all log files. */
  readonly sizeBytes: number;
  /** Bytes of them that records in use take. */
  readonly sizeInUseBytes: number;
  /** Bytes written to the log since the start. */
  readonly writtenBytes: number;
  /** Versions that compactions removed since the start. */
  readonly versionsRemoved: number;
  /** Whether a Defragment is under way. */
  readonly isDefragmenting: boolean;
  /** Commands applied and durable since the store began: never decreases (C5). */
  readonly appliedIndex: number;
  /** Commands that wait for their turn or for the disk. */
  readonly pendingProposals: number;
  /** Live keys. */
  readonly keys: number;
}

/** Work that goes on between requests, as it is told when it was measured. */
export type BackgroundWork = "compaction-slice" | "compaction" | "defragment" | "hash";

/** The order of commands, and the rule that nothing leaves before it is durable. */
export interface Replica {
  /**
   * Applies commands in order of arrival; `done` is called once the result is durable, and for a
   * physical compaction once the removal is finished (K61). The command's bytes are borrowed until
   * this returns.
   */
  propose<C extends Command>(command: C, done: (outcome: Outcome<ResultOf<C>>) => void): void;

  /**
   * Calls `done` once all that has been applied so far is durable, at once if it is: for what is
   * read of the newest state beside the keys.
   */
  settled(done: () => void): void;

  /**
   * Calls `run` when no large write is half-way, at once if none is: for what is read of the keys
   * of leases, which such a write takes away bit by bit.
   */
  whenWhole(run: () => void): void;

  /** Reads at the durable revision or below it. */
  read(query: RangeQuery): Outcome<RangeResult>;

  /** Runs a txn whose `readOnly` is true, at the durable revision. */
  readTxn(command: TxnCommand): Outcome<TxnResult>;

  /** Hashes the store at a revision, 0 = the present one, in slices of its own (K70). */
  hashKv(revision: number, done: (outcome: Outcome<HashKvResult>) => void): void;

  /**
   * Takes a snapshot of all that is applied now; `done` is called when that is durable and the
   * snapshot can be read. Whoever is given it closes it.
   */
  snapshot(member: SnapshotMember, done: (snapshot: Snapshot) => void): void;
  /** Gives the room back that nobody needs any more; readers and writers go on meanwhile (M30). */
  defragment(done: (refusal: EtcdError | undefined) => void): void;

  readonly view: ReadView;

  /** The alarms that stand, as far as that is durable: an array that never changes (M10). */
  readonly alarms: readonly Alarm[];

  /** The members of the cluster, as far as that is durable: an array that never changes. */
  readonly members: readonly MemberRecord[];

  /** Bytes of the log, what is not yet on disk included: cheap enough to ask for every write. */
  readonly storedBytes: number;

  status(): ReplicaStatus;
}
