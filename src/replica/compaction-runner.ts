import type { Clock, Timers } from "../base/outside.ts";
import type { MvccStore } from "../mvcc/store.ts";
import type { LogStore } from "../storage/log-store.ts";
import type { Location, RecordView } from "../storage/record.ts";
import type { Rewrite } from "../storage/rewrite.ts";
import type { BackgroundWork } from "./replica.ts";

export interface CompactionRunnerOptions {
  readonly store: MvccStore;
  readonly log: LogStore;
  readonly timers: Timers;
  readonly clock: Clock;
  readonly worked: (work: BackgroundWork, ms: number) => void;
  /** False while a newer compaction's mark is not durable: nothing is removed for it yet. */
  readonly mayRemove: () => boolean;
  /** The index dropped all that it had to; the mark that says so waits to be committed. */
  readonly removed: () => void;
  /** The files could not be rewritten. The log is whole, only larger than it need be. */
  readonly rewriteFailed: (error: Error) => void;
}

const NOT_STARTED = -1;

/** The failure is that of the disk; the log is whole then, only larger than it need be. */
export type Defragmented = (failure: Error | undefined) => void;

/** Keys and versions that one slice looks at: about a millisecond of work. */
const VERSIONS_PER_SLICE = 2000;
/** Records that one slice of a rewrite copies or moves. */
const RECORDS_PER_SLICE = 1000;

/**
 * Does the removal that a compaction promised, in slices between other work: first the index, then
 * the files that are less than half in use. Started when the compaction's mark is durable.
 */
export class CompactionRunner {
  readonly #options: CompactionRunnerOptions;
  #rewrite: Rewrite | undefined;
  /** Who waits for all segments to be rewritten that can be. */
  #defragmenting: Defragmented[] = [];
  /** The number below which they are; undefined until the log has been rolled for that. */
  #thoroughBelow: number | undefined;
  #isRolling = false;
  #removalStartMs = NOT_STARTED;
  #scheduled = false;
  #stopped = false;

  constructor(options: CompactionRunnerOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    this.#options.timers.endOfTurn(() => {
      this.#scheduled = false;
      if (!this.#stopped) this.#slice();
    });
  }

  /** Rewrites every file that holds anything unneeded, after removals under way (M30). */
  defragment(done: Defragmented): void {
    this.#defragmenting.push(done);
    this.start();
  }

  get isDefragmenting(): boolean {
    return this.#defragmenting.length > 0;
  }

  stop(): void {
    this.#stopped = true;
  }

  #slice(): void {
    const { store, mayRemove, removed } = this.#options;
    if (store.isCompacting) {
      if (!mayRemove()) return;
      if (this.#removeSlice() === "done") removed();
      this.start();
      return;
    }
    if (this.#isRolling) return;
    if (this.#defragmenting.length > 0 && this.#thoroughBelow === undefined) {
      this.#roll();
      return;
    }
    this.#rewrite ??= this.#startRewrite();
    if (this.#rewrite === undefined) {
      this.#defragmented(undefined);
      return;
    }
    const progress = this.#rewrite.step(RECORDS_PER_SLICE);
    if (progress === "waiting") return;
    if (progress === "more") {
      this.start();
      return;
    }
    const { failure } = this.#rewrite;
    this.#rewrite = undefined;
    if (failure === undefined) this.start();
    else {
      this.#defragmented(failure);
      this.#options.rewriteFailed(failure);
    }
  }

  #removeSlice(): "more" | "done" {
    const { store, clock, worked } = this.#options;
    const startMs = clock.monotonicMs();
    if (this.#removalStartMs === NOT_STARTED) this.#removalStartMs = startMs;
    const progress = store.compactionStep(VERSIONS_PER_SLICE);
    const endMs = clock.monotonicMs();
    worked("compaction-slice", endMs - startMs);
    if (progress === "more") return progress;
    worked("compaction", endMs - this.#removalStartMs);
    this.#removalStartMs = NOT_STARTED;
    return progress;
  }

  #roll(): void {
    this.#isRolling = true;
    this.#options.log.roll((below) => {
      this.#isRolling = false;
      this.#thoroughBelow = below;
      this.start();
    });
  }

  #defragmented(failure: Error | undefined): void {
    if (this.#thoroughBelow === undefined) return;
    this.#thoroughBelow = undefined;
    for (const done of this.#defragmenting.splice(0)) done(failure);
  }

  #startRewrite(): Rewrite | undefined {
    const { store, log } = this.#options;
    const callbacks = {
      keep: (record: RecordView): boolean => store.isLive(record),
      moved: (record: RecordView, to: Location): void => store.moved(record, to),
      wake: (): void => this.start(),
    };
    return log.startRewrite(callbacks, this.#thoroughBelow);
  }
}
