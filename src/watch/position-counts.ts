import type { PositionKind } from "./watcher.ts";

/** How many watchers stand where; the sum is the number of watchers. */
export type PositionCounts = Readonly<Record<PositionKind, number>>;

export function noPositions(): Record<PositionKind, number> {
  return { synced: 0, future: 0, unsynced: 0, riding: 0, listing: 0, victim: 0 };
}

/** Those that etcd counts as slow (W79), and those that wait for the state. */
export function slowWatchers({ unsynced, riding, listing, victim }: PositionCounts): number {
  return unsynced + riding + listing + victim;
}
