import type { Revision } from "../base/revision.ts";
import type { KeyRange } from "../base/key-range.ts";
import type { StateSlice } from "../mvcc/state-slice.ts";
import type { EventSource } from "./event-block.ts";

/** A change as the store's history shows it: the previous KeyValue has to be asked for. */
export interface HistoryEvent extends Omit<EventSource, "previous"> {
  readonly key: Uint8Array;
}

/** What watchers need of the store once the event log no longer holds a revision. */
export interface History {
  /**
   * The store has no history below it: the compacted revision, possibly of a compaction that is not
   * durable yet and so not known to watchers; -1 = all is there.
   */
  readonly compacted: number;

  /**
   * Visits all changes with revision >= `from`, which is at least `compacted`, in the order in
   * which they were made, until the visitor says false. The visited object is borrowed until the
   * visitor returns.
   */
  history(from: Revision, visit: (event: HistoryEvent) => boolean): void;

  /** The KeyValue of the key just before this revision; undefined when absent or compacted. */
  previousOf(key: Uint8Array, revision: Revision): Uint8Array | undefined;

  /** The revision of the key's newest change at or below `atMost`; 0 when none is stored. */
  newestRevision(key: Uint8Array, atMost: Revision): number;

  /**
   * Visits the KeyValues that are alive in the range at the slice's revision, keys ascending, until
   * the visitor does not take one or the slice has no keys left. Returns the first key that was not
   * taken, never overwritten, to go on from; undefined when the range is through. The revision is
   * not below the compacted one that watchers know.
   */
  visitAlive(
    range: KeyRange,
    slice: StateSlice,
    visit: (keyValue: Uint8Array) => boolean,
  ): Uint8Array | undefined;
}
