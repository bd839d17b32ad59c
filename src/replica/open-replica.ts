import type { Random } from "../base/outside.ts";
import { AlarmTable } from "../machine/alarm-table.ts";
import { LeaseBook } from "../machine/lease-book.ts";
import { Machine } from "../machine/machine.ts";
import { MemberTable } from "../machine/member-table.ts";
import { MvccStore } from "../mvcc/store.ts";
import type { Disk } from "../storage/disk.ts";
import { LogStore, type LogStoreOptions } from "../storage/log-store.ts";
import type { StoreIdentity } from "../storage/store-identity.ts";
import { WatchHub, type WatchHubOptions } from "../watch/hub.ts";
import { CatchUp } from "./catch-up.ts";
import { LocalReplica, type ReplicaSurroundings } from "./local-replica.ts";
import { LeaseRunner } from "./lease-runner.ts";
import { OpeningLeases } from "./opening-leases.ts";
import { OpeningLog } from "./opening-log.ts";

export interface OpenReplicaOptions extends ReplicaSurroundings {
  readonly disk: Disk;
  readonly log: LogStoreOptions;
  readonly random: Random;
  readonly raftTerm: bigint;
  /** By how much a restart extends every lease (L13). */
  readonly electionTimeoutMs: number;
  /** The member's own peer URLs; once they were changed by a request, they stay as they are. */
  readonly peerUrls: readonly string[];
  /** What a hub is told that does not come from the store. */
  readonly watch: Omit<
    WatchHubOptions,
    "identity" | "head" | "compacted" | "history" | "wake" | "clock"
  >;
}

export interface OpenedReplica {
  readonly replica: LocalReplica;
  readonly machine: Machine;
  readonly store: MvccStore;
  readonly leases: LeaseRunner;
  readonly book: LeaseBook;
  readonly hub: WatchHub;
  readonly log: LogStore;
  /** Which cluster and member the folder belongs to. */
  readonly identity: StoreIdentity;
}

/**
 * Opens the folder, reads it back and joins the rooms: log, store, machine, watchers and the loop
 * that moves commands through them.
 * @throws StorageError when the folder is not ours, or is damaged
 */
export function openReplica(options: OpenReplicaOptions): OpenedReplica {
  const { timers } = options;
  const openingLog = new OpeningLog();
  const store = new MvccStore(openingLog, { hashSeed: options.random.u32() });
  const openingLeases = new OpeningLeases();
  const opening: { replica?: LocalReplica } = {};
  const diskFull = (): void => opening.replica?.diskFull();
  const log = LogStore.open(options.disk, { ...options.log, diskFull }, (record) => {
    store.replay(record);
    openingLeases.replay(record);
  });
  openingLog.attach(log);
  store.replayed();
  const catchUp = new CatchUp(timers, options.clock, () => hub);
  const hub = new WatchHub({
    ...options.watch,
    identity: { ...log.identity, raftTerm: options.raftTerm },
    head: store.head,
    compacted: store.compacted,
    history: store,
    wake: catchUp.wake,
    clock: options.clock,
  });
  const book = new LeaseBook(store.state("lease"), openingLeases.attachments);
  const machine = new Machine(store, {
    leases: book,
    alarms: new AlarmTable(store.state("alarm")),
    members: new MemberTable(
      { id: log.identity.memberId, peerUrls: options.peerUrls, isLearner: false },
      store.state("member"),
    ),
    wantsPrevious: () => hub.wantsPrevious,
  });
  const replica = new LocalReplica({
    ...options,
    log,
    store,
    machine,
    hub,
    committed: (ms) => {
      catchUp.committed();
      options.committed(ms);
    },
  });
  opening.replica = replica;
  const { clock, electionTimeoutMs } = options;
  const leases = new LeaseRunner({ book, replica, timers, clock, electionTimeoutMs });
  return { replica, machine, store, leases, book, hub, log, identity: log.identity };
}
