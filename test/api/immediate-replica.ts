import { EtcdError } from "../../src/base/errors.ts";
import type { Revision } from "../../src/base/revision.ts";
import type { Alarm } from "../../src/machine/alarm-command.ts";
import type { MemberRecord } from "../../src/machine/member-command.ts";
import type { Command, RangeQuery, TxnCommand } from "../../src/machine/command.ts";
import type {
  CommandResult,
  Outcome,
  RangeResult,
  ResultOf,
  TxnResult,
} from "../../src/machine/result.ts";
import type { HashKvResult, ReadView, Replica, ReplicaStatus } from "../../src/replica/replica.ts";
import type { SnapshotMember } from "../../src/replica/etcd-buckets.ts";
import { type Snapshot, SnapshotRunner } from "../../src/replica/snapshot-runner.ts";
import { newTestMachine, type TestMachine } from "../machine/test-machine.ts";

/** A replica that calls everything durable at once, or, while `holds`, answers when told to. */
export class ImmediateReplica implements Replica {
  readonly tested: TestMachine = newTestMachine();
  /** Turns of the event loop that slices of snapshots wait for. */
  readonly turns: (() => void)[] = [];
  readonly snapshots: SnapshotRunner = new SnapshotRunner(
    this.tested.store,
    { endOfTurn: (run) => void this.turns.push(run) },
    () => undefined,
  );
  readonly #held: (() => void)[] = [];
  #appliedIndex = 0;
  holds = false;
  storedBytes = 4096;

  get view(): ReadView {
    const { head, compacted } = this.tested.store;
    return { revision: head, compacted };
  }

  get members(): readonly MemberRecord[] {
    return this.tested.machine.members;
  }

  get alarms(): readonly Alarm[] {
    return this.tested.machine.alarms;
  }

  propose<C extends Command>(command: C, done: (outcome: Outcome<ResultOf<C>>) => void): void {
    this.#appliedIndex++;
    const { outcome } = this.tested.machine.apply(command);
    while (this.tested.store.compactionStep(100) === "more");
    const answer = (): void => (done as (outcome: Outcome<CommandResult>) => void)(outcome);
    if (this.holds) this.#held.push(answer);
    else answer();
  }

  settled(done: () => void): void {
    if (this.holds) this.#held.push(done);
    else done();
  }

  whenWhole(run: () => void): void {
    run();
  }

  /** Answers what was held, in order. */
  release(): void {
    for (const answer of this.#held.splice(0)) answer();
  }

  read(query: RangeQuery): Outcome<RangeResult> {
    return this.tested.machine.read(query, this.view);
  }

  readTxn(command: TxnCommand): Outcome<TxnResult> {
    return this.tested.machine.readTxn(command, this.view);
  }

  defragment(done: (refusal: EtcdError | undefined) => void): void {
    done(undefined);
  }

  hashKv(revision: number, done: (outcome: Outcome<HashKvResult>) => void): void {
    const { store } = this.tested;
    if (revision > store.head) {
      done(new EtcdError("futureRevision"));
      return;
    }
    const at = (revision === 0 ? store.head : revision) as Revision;
    const { hash, compactRevision } = store.hashKv(at);
    done({ revision: store.head, hash, compactRevision, hashRevision: at });
  }

  snapshot(member: SnapshotMember, done: (snapshot: Snapshot) => void): void {
    this.snapshots.capture(member, done)();
  }

  status(): ReplicaStatus {
    return {
      sizeBytes: 4096,
      sizeInUseBytes: 1024,
      writtenBytes: 5000,
      versionsRemoved: 8,
      isDefragmenting: false,
      appliedIndex: this.#appliedIndex,
      pendingProposals: this.#held.length,
      keys: this.tested.store.keyCount,
    };
  }
}
