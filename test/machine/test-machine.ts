import { AlarmTable } from "../../src/machine/alarm-table.ts";
import { LeaseBook } from "../../src/machine/lease-book.ts";
import { Machine } from "../../src/machine/machine.ts";
import type { MemberRecord } from "../../src/machine/member-command.ts";
import { MemberTable } from "../../src/machine/member-table.ts";
import { MvccStore } from "../../src/mvcc/store.ts";
import { MemoryLog } from "../mvcc/memory-log.ts";

/** The one voter. */
const TEST_MEMBER: MemberRecord = {
  id: 0x8e9e05c52164694dn,
  peerUrls: ["http://localhost:2380"],
  isLearner: false,
};

/** A machine over an empty store in memory, and what a test wants to look at. */
export interface TestMachine {
  readonly machine: Machine;
  readonly store: MvccStore;
  readonly leases: LeaseBook;
}

export function newTestMachine(): TestMachine {
  const store = new MvccStore(new MemoryLog(), { hashSeed: 7 });
  const leases = new LeaseBook(store.state("lease"));
  const machine = new Machine(store, {
    leases,
    alarms: new AlarmTable(new Map()),
    members: new MemberTable(TEST_MEMBER, new Map()),
    wantsPrevious: () => true,
  });
  return { machine, store, leases };
}
