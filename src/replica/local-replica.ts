import { assert } from "../base/assert.ts";
import { EtcdError } from "../base/errors.ts";
import { UNCOMMITTED_BYTES_MAX } from "../base/limits.ts";
import type { Clock, Timers } from "../base/outside.ts";
import { toRevision } from "../base/revision.ts";
import type { Alarm } from "../machine/alarm-command.ts";
import type { MemberRecord } from "../machine/member-command.ts";
import type { Command, RangeQuery, TxnCommand } from "../machine/command.ts";
import type { Machine } from "../machine/machine.ts";
import type {
  CommandResult,
  Outcome,
  RangeResult,
  ResultOf,
  TxnResult,
} from "../machine/result.ts";
import type { MvccStore } from "../mvcc/store.ts";
import { isDiskFull } from "../storage/disk.ts";
import type { LogStore } from "../storage/log-store.ts";
import type { RevisionEvents } from "../watch/event-log.ts";
import type { WatchHub } from "../watch/hub.ts";
import { CompactionRunner } from "./compaction-runner.ts";
import { FullDisk } from "./full-disk.ts";
import { HashRunner } from "./hash-runner.ts";
import type { BackgroundWork, HashKvResult, ReadView, Replica, ReplicaStatus } from "./replica.ts";
import type { SnapshotMember } from "./etcd-buckets.ts";
import { type Snapshot, SnapshotRunner } from "./snapshot-runner.ts";
import { type Done, type LargeWrite, WriteLine } from "./write-line.ts";

/** What a replica is given from outside, and whom it tells. */
export interface ReplicaSurroundings {
  readonly timers: Timers;
  readonly clock: Clock;
  /** Called with the milliseconds that each group took to become durable. */
  readonly committed: (ms: number) => void;
  /** The disk failed: nothing more may be promised, the process has to end. */
  readonly failed: (error: Error) => void;
  /** Called with the milliseconds that a piece of background work took. */
  readonly worked?: (work: BackgroundWork, ms: number) => void;
  /** The disk is full: NOSPACE was raised for it. */
  readonly diskIsFull?: () => void;
  /** A rewrite of the log's files failed: worth a line in the log, no more. */
  readonly rewriteFailed: (error: Error) => void;
}

export interface LocalReplicaOptions extends ReplicaSurroundings {
  readonly log: LogStore;
  readonly store: MvccStore;
  readonly machine: Machine;
  readonly hub: WatchHub;
}

/** A rewrite that found no room is tried once more when the reserve has been given up. */
const REWRITE_RETRY_MS = 1000;

/** What was applied since the last commit was started, and becomes durable with the next one. */
interface Group {
  readonly outcomes: Outcome<CommandResult>[];
  readonly dones: Done[];
  /** The changes, revision by revision. */
  readonly revisions: RevisionEvents[];
  /** Physical compactions: answered when the removal is through as well. */
  readonly physical: Done[];
  /** What else waits for the group to be durable. */
  readonly waiting: (() => void)[];
}

/**
 * The order of commands on one machine: the order of arrival. Each is applied at once; all that one
 * turn of the event loop brought is committed as one frame, and while the disk works the next group
 * collects. Nothing leaves before it is durable: answers and events wait for their group, and reads
 * see the durable revision, which is linearizable because no write above it was acknowledged.
 */
export class LocalReplica implements Replica {
  readonly #log: LogStore;
  readonly #store: MvccStore;
  readonly #machine: Machine;
  readonly #hub: WatchHub;
  readonly #timers: Timers;
  readonly #clock: Clock;
  readonly #committed: (ms: number) => void;
  readonly #failed: (error: Error) => void;
  readonly #diskIsFull: () => void;
  readonly #worked: (work: BackgroundWork, ms: number) => void;
  readonly #compaction: CompactionRunner;
  readonly #hashes: HashRunner;
  readonly #snapshots: SnapshotRunner;
  readonly #fullDisk: FullDisk;
  readonly #line: WriteLine;
  #group: Group = newGroup();
  /** The group that is on its way to the disk. */
  #inFlight: Group | undefined;
  #view: ReadView;
  #alarms: readonly Alarm[];
  #members: readonly MemberRecord[];
  #committing = false;
  #commitScheduled = false;
  #stopped = false;
  /** Physical compactions whose mark is durable and whose removal is not through. */
  readonly #awaitingRemoval: Done[] = [];
  readonly #whenIdle: (() => void)[] = [];

  constructor(options: LocalReplicaOptions) {
    this.#log = options.log;
    this.#store = options.store;
    this.#machine = options.machine;
    this.#hub = options.hub;
    this.#timers = options.timers;
    this.#clock = options.clock;
    this.#committed = options.committed;
    this.#failed = options.failed;
    this.#worked = options.worked ?? ((): void => {});
    this.#diskIsFull = options.diskIsFull ?? ((): void => {});
    this.#view = { revision: options.store.head, compacted: options.store.compacted };
    this.#alarms = options.machine.alarms;
    this.#members = options.machine.members;
    this.#hashes = new HashRunner(options.store, options.timers);
    this.#snapshots = new SnapshotRunner(options.store, options.timers, () =>
      this.#compaction.start(),
    );
    this.#compaction = new CompactionRunner({
      store: options.store,
      log: options.log,
      timers: options.timers,
      clock: options.clock,
      worked: (work, ms) => this.#worked(work, ms),
      mayRemove: () =>
        this.#store.compacted === this.#view.compacted &&
        !this.#snapshots.holdsRemoval &&
        !this.#line.isHalfWay,
      removed: () => this.#removed(),
      rewriteFailed: (error) => {
        options.rewriteFailed(error);
        if (isDiskFull(error)) this.#rewriteNeedsRoom();
      },
    });
    this.#fullDisk = new FullDisk({
      log: options.log,
      timers: options.timers,
      raise: () => this.#raiseNoSpace(),
    });
    this.#line = new WriteLine({
      machine: options.machine,
      timers: options.timers,
      clock: options.clock,
      apply: (command, done) => this.#apply(command, done),
      // What came before is not to wait for a large write; a full disk makes it wait anyway.
      mayBegin: () => this.#isGroupEmpty || this.#log.isStalled,
      applied: (write) => this.#appliedLarge(write),
    });
    // The removal of a compaction is done once more after a restart.
    this.#compaction.start();
  }

  get view(): ReadView {
    return this.#view;
  }

  get alarms(): readonly Alarm[] {
    return this.#alarms;
  }

  get members(): readonly MemberRecord[] {
    return this.#members;
  }

  get storedBytes(): number {
    return this.#log.bytesWritten;
  }

  propose<C extends Command>(command: C, done: (outcome: Outcome<ResultOf<C>>) => void): void {
    if (this.#stopped) return;
    if (this.#log.uncommittedBytes + this.#line.bytes >= UNCOMMITTED_BYTES_MAX) {
      // Nothing is applied, so this answer depends on nothing that is on its way to the disk.
      done(new EtcdError("tooManyRequests"));
      return;
    }
    // The machine answers each command with the result of its kind.
    const answer = done as Done;
    if (this.#line.isBusy || this.#machine.isLarge(command)) this.#line.join(command, answer);
    else this.#apply(command, answer);
  }

  settled(done: () => void): void {
    const group = this.#group;
    if (this.#store.isWriting && group.dones.length === 0) {
      // All that has been applied whole was sealed before the large write began.
      if (this.#inFlight === undefined) done();
      else this.#inFlight.waiting.push(done);
    } else if (this.#committing || !this.#isGroupEmpty) {
      group.waiting.push(done);
      this.#scheduleCommit();
    } else {
      done();
    }
  }

  whenWhole(run: () => void): void {
    this.#line.whenWhole(run);
  }

  read(query: RangeQuery): Outcome<RangeResult> {
    return this.#machine.read(query, this.#view);
  }

  readTxn(command: TxnCommand): Outcome<TxnResult> {
    return this.#machine.readTxn(command, this.#view);
  }

  defragment(done: (refusal: EtcdError | undefined) => void): void {
    const startMs = this.#clock.monotonicMs();
    this.#compaction.defragment((failure) => {
      this.#took("defragment", startMs);
      if (failure === undefined) done(undefined);
      else done(new EtcdError(isDiskFull(failure) ? "noSpace" : "unhealthy"));
    });
  }

  /** The log found no room on the disk. */
  diskFull(): void {
    this.#fullDisk.noted();
  }

  hashKv(revision: number, done: (outcome: Outcome<HashKvResult>) => void): void {
    const startMs = this.#clock.monotonicMs();
    this.#hashes.hash(revision, this.#view, (outcome) => {
      if (!(outcome instanceof EtcdError)) this.#took("hash", startMs);
      done(outcome);
    });
  }

  snapshot(member: SnapshotMember, done: (snapshot: Snapshot) => void): void {
    if (this.#stopped) return;
    this.#group.waiting.push(this.#snapshots.capture(member, done));
    this.#scheduleCommit();
  }

  status(): ReplicaStatus {
    return {
      sizeBytes: this.#log.bytesWritten,
      sizeInUseBytes: this.#log.bytesLive,
      writtenBytes: this.#log.bytesCommitted,
      versionsRemoved: this.#store.usage.versionsRemoved,
      isDefragmenting: this.#compaction.isDefragmenting,
      appliedIndex: this.#view.revision,
      pendingProposals: this.#group.dones.length + this.#line.length,
      keys: this.#store.keyCount,
    };
  }

  /** Takes no more commands; `done` follows when all that was applied is durable and answered. */
  stop(done: () => void): void {
    this.#stopped = true;
    this.#compaction.stop();
    this.#fullDisk.stop();
    this.#line.clear();
    this.#whenIdle.push(done);
    this.#scheduleCommit();
  }

  /** Whether nothing was applied since the last commit was started. */
  get #isGroupEmpty(): boolean {
    return this.#group.dones.length === 0 && !this.#log.hasUncommitted;
  }

  #apply(command: Command, answer: Done): void {
    const { outcome, changes } = this.#machine.apply(command);
    const group = this.#group;
    if (changes.length > 0) group.revisions.push(changes);
    if (command.kind === "compact" && command.physical && !(outcome instanceof EtcdError)) {
      group.physical.push(answer);
    } else if (this.#committing || !this.#isGroupEmpty) {
      group.outcomes.push(outcome);
      group.dones.push(answer);
    } else {
      // Nothing that this answer depends on is still on its way to the disk.
      answer(outcome);
      return;
    }
    this.#scheduleCommit();
  }

  #appliedLarge({ done, outcome, events }: LargeWrite): void {
    const group = this.#group;
    if (events !== undefined) group.revisions.push(events);
    group.outcomes.push(outcome);
    group.dones.push(done);
    this.#scheduleCommit();
    // A removal may have waited for it.
    if (this.#store.isCompacting) this.#compaction.start();
  }

  #scheduleCommit(): void {
    if (this.#commitScheduled || this.#committing) return;
    this.#commitScheduled = true;
    this.#timers.endOfTurn(() => {
      this.#commitScheduled = false;
      this.#commit();
    });
  }

  #commit(): void {
    assert(!this.#committing, "one group is on its way to the disk at a time");
    // The half of a large write must not become durable; its end starts the commit.
    if (this.#line.isHalfWay) return;
    const group = this.#group;
    const isAwaited = group.dones.length > 0 || group.physical.length > 0;
    const isEmpty = !isAwaited && group.waiting.length === 0 && !this.#log.hasUncommitted;
    if (isEmpty) {
      for (const done of this.#whenIdle.splice(0)) done();
      return;
    }
    const view = { revision: this.#store.head, compacted: this.#store.compacted };
    const { stateWrites } = this.#store;
    const { alarms, members } = this.#machine;
    this.#group = newGroup();
    this.#inFlight = group;
    this.#committing = true;
    const startMs = this.#clock.monotonicMs();
    this.#log.commit((error) => {
      if (error !== undefined) {
        this.#stopped = true;
        this.#failed(error);
        return;
      }
      this.#committing = false;
      this.#inFlight = undefined;
      this.#committed(this.#clock.monotonicMs() - startMs);
      this.#store.stateDurable(stateWrites);
      this.#alarms = alarms;
      this.#members = members;
      this.#release(group, view);
      this.#scheduleCommit();
    });
    this.#line.resume();
  }

  /** The group is durable: readers see it, watchers are told, answers leave. In this order. */
  #release(group: Group, view: ReadView): void {
    const { compacted } = this.#view;
    this.#view = view;
    if (!this.#isNoSpace(this.#machine.alarms)) this.#fullDisk.lifted();
    this.#hub.commit(group.revisions);
    if (view.compacted > compacted) {
      this.#hub.compact(toRevision(view.compacted));
      this.#compaction.start();
    }
    this.#awaitingRemoval.push(...group.physical);
    const { outcomes, dones } = group;
    for (const run of group.waiting) run();
    for (let i = 0; i < dones.length; i++) {
      const done = dones[i];
      const outcome = outcomes[i];
      assert(done !== undefined && outcome !== undefined, "every command has its outcome");
      done(outcome);
    }
  }

  #took(work: BackgroundWork, startMs: number): void {
    this.#worked(work, this.#clock.monotonicMs() - startMs);
  }

  #isNoSpace(alarms: readonly Alarm[]): boolean {
    const { memberId } = this.#log.identity;
    return alarms.some((one) => one.alarm === "nospace" && one.memberId === memberId);
  }

  #raiseNoSpace(): void {
    if (this.#isNoSpace(this.#machine.alarms)) return;
    this.#diskIsFull();
    const { memberId } = this.#log.identity;
    this.propose({ kind: "alarm", action: "activate", memberId, alarm: "nospace" }, () => {});
  }

  /** The reserve, given up, may be room enough for what the rewrite makes before it takes away. */
  #rewriteNeedsRoom(): void {
    if (this.#log.isReserveGivenUp) return;
    this.#log.giveUpReserve();
    this.#timers.after(REWRITE_RETRY_MS, () => this.#compaction.start());
  }

  /** The removal is through: its answers leave with the group that makes its mark durable (K61). */
  #removed(): void {
    for (const done of this.#awaitingRemoval.splice(0)) {
      this.#group.outcomes.push({ kind: "compact", revision: this.#store.head });
      this.#group.dones.push(done);
    }
    this.#scheduleCommit();
  }
}

function newGroup(): Group {
  return { outcomes: [], dones: [], revisions: [], physical: [], waiting: [] };
}
