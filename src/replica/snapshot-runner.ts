import { assert } from "../base/assert.ts";
import type { Timers } from "../base/outside.ts";
import type { WalkBudget } from "../mvcc/record-walk.ts";
import type { MvccStore } from "../mvcc/store.ts";
import { type SnapshotMember, stateBuckets } from "./etcd-buckets.ts";
import { SnapshotJob } from "./snapshot-job.ts";

/** A snapshot of one moment, ready to be read from front to back. */
export interface Snapshot {
  readonly totalBytes: number;
  /**
   * Calls `take` once, in a later turn, with the next bytes, or with undefined after the last. One
   * pull at a time. The bytes are the caller's.
   */
  pull(take: (pieces: readonly Uint8Array[] | undefined) => void): void;
  /** Always called once, read to the end or not: it lets compactions go on. */
  close(): void;
}

/** About a millisecond of work: walking records, and copying them into pages. */
const SLICE: WalkBudget = { records: 2000, bytes: 256 * 1024 };

/**
 * Takes snapshots in slices, one slice a turn of the event loop however many are under way. While
 * one is open, nothing that it shows is removed: a compaction that comes meanwhile is answered and
 * hides its history at once, but removes it only after the snapshot.
 */
export class SnapshotRunner {
  readonly #store: MvccStore;
  readonly #timers: Pick<Timers, "endOfTurn">;
  /** Called when a snapshot that may have held a removal up is closed. */
  readonly #released: () => void;
  readonly #slices: (() => void)[] = [];
  /** The compacted revision of each open snapshot. */
  readonly #held: number[] = [];
  #scheduled = false;

  constructor(store: MvccStore, timers: Pick<Timers, "endOfTurn">, released: () => void) {
    this.#store = store;
    this.#timers = timers;
    this.#released = released;
  }

  /** Snapshots that have been asked for and not been closed. */
  get open(): number {
    return this.#held.length;
  }

  /** Whether versions that the newest compaction drops are still wanted. */
  get holdsRemoval(): boolean {
    return this.#held.some((compacted) => compacted < this.#store.compacted);
  }

  /**
   * Takes hold of the newest applied state. The function that it returns measures it and then calls
   * `done`; to be called once that state is durable.
   */
  capture(member: SnapshotMember, done: (snapshot: Snapshot) => void): () => void {
    const store = this.#store;
    const { head, compacted } = store;
    const { before, after } = stateBuckets(store, member);
    const job = new SnapshotJob({ before, after, walk: () => store.recordWalk(head, compacted) });
    this.#held.push(compacted);
    const measure = (): void => {
      if (job.measure(SLICE) === "more") this.#schedule(measure);
      else done(this.#opened(job, compacted));
    };
    return () => this.#schedule(measure);
  }

  #opened(job: SnapshotJob, compacted: number): Snapshot {
    let isOpen = true;
    return {
      totalBytes: job.totalBytes,
      pull: (take) => {
        const slice = (): void => {
          if (!isOpen) return;
          const pieces = job.next(SLICE);
          if (pieces?.length === 0) this.#schedule(slice);
          else take(pieces);
        };
        this.#schedule(slice);
      },
      close: () => {
        assert(isOpen, "a snapshot is closed once");
        isOpen = false;
        this.#held.splice(this.#held.indexOf(compacted), 1);
        this.#released();
      },
    };
  }

  #schedule(slice: () => void): void {
    this.#slices.push(slice);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#timers.endOfTurn(() => this.#turn());
  }

  #turn(): void {
    this.#scheduled = false;
    this.#slices.shift()?.();
    if (this.#slices.length === 0 || this.#scheduled) return;
    this.#scheduled = true;
    this.#timers.endOfTurn(() => this.#turn());
  }
}
