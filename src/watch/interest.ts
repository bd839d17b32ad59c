import type { WatchRange } from "./watch-range.ts";

/** What makes two watchers want the same bytes. */
export interface Interest extends Wishes {
  readonly range: WatchRange;
}

/** Which of a range's events a watch is sent, and what they say. */
export interface Wishes {
  /** Filter NOPUT (W30). */
  readonly noPut: boolean;
  /** Filter NODELETE (W30). */
  readonly noDelete: boolean;
  readonly prevKv: boolean;
  /** Absent for all but the clients that ask for more than etcd has. */
  readonly extras?: WatchExtras;
}

/** What events of a watch may be besides what etcd knows (docs/watch-extensions.md). */
export interface WatchExtras {
  /** KeyValues come without their values. */
  readonly keysOnly: boolean;
  /** While the watcher is behind, changes that a newer one of their key follows are skipped. */
  readonly latestOnly: boolean;
  /** Deletes say why. */
  readonly deleteReason: boolean;
}

/** The one object that stands for these wishes: equal wishes are the same object. */
export function sharedWishes({ noPut, noDelete, prevKv, extras }: Wishes): Wishes {
  const all = [
    noPut,
    noDelete,
    prevKv,
    extras?.keysOnly === true,
    extras?.latestOnly === true,
    extras?.deleteReason === true,
  ];
  const number = all.reduce((bits, isSet, i) => bits | (isSet ? 1 << i : 0), 0);
  return ALL_WISHES[number] as Wishes;
}

const ALL_WISHES: readonly Wishes[] = Array.from({ length: 64 }, (_, bits): Wishes => {
  const isSet = (bit: number): boolean => (bits & (1 << bit)) !== 0;
  const wishes = { noPut: isSet(0), noDelete: isSet(1), prevKv: isSet(2) };
  if (bits < 8) return wishes;
  const extras = { keysOnly: isSet(3), latestOnly: isSet(4), deleteReason: isSet(5) };
  return { ...wishes, extras };
});
