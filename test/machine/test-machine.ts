import { AlarmTable } from "../../src/machine/alarm-table.ts";
import { NO_LEASES } from "../../src/machine/lease-table.ts";
import { Machine } from "../../src/machine/machine.ts";
import { MvccStore } from "../../src/mvcc/store.ts";
import { MemoryLog } from "../mvcc/memory-log.ts";

/** A machine over an empty store in memory, and what a test wants to look at. */
export interface TestMachine {
  readonly machine: Machine;
  readonly store: MvccStore;
  /** Leases that count as granted. */
  readonly leases: Set<bigint>;
}

export function newTestMachine(): TestMachine {
  const leases = new Set<bigint>();
  const store = new MvccStore(new MemoryLog(), { hashSeed: 7 });
  const machine = new Machine(store, {
    leases: { exists: (id) => leases.has(id) || NO_LEASES.exists(id) },
    alarms: new AlarmTable(new Map()),
    wantsPrevious: () => true,
  });
  return { machine, store, leases };
}
