import type { Timers } from "../base/outside.ts";
import type { LogStore } from "../storage/log-store.ts";

export interface FullDiskOptions {
  readonly log: LogStore;
  readonly timers: Timers;
  /** Raises NOSPACE for this member; nothing when it stands. */
  readonly raise: () => void;
}

/** A commit that does not fit is tried again this often. */
const RETRY_MS = 1000;

/**
 * What is done about a full disk: NOSPACE is raised, so that nothing more comes that needs room but
 * deletes and compaction, for which the log has given up its reserve. A commit that did not even
 * fit into that waits, and is tried again until somebody has made room; reads go on meanwhile.
 */
export class FullDisk {
  readonly #options: FullDiskOptions;
  #isRaising = false;
  #cancelRetry: (() => void) | undefined;
  #stopped = false;

  constructor(options: FullDiskOptions) {
    this.#options = options;
  }

  /** The log found no room: called as often as that happens. */
  noted(): void {
    if (this.#stopped) return;
    const { timers, raise } = this.#options;
    if (!this.#isRaising) {
      this.#isRaising = true;
      // Not at once: whoever found the disk full may be in the middle of something.
      timers.endOfTurn(() => {
        this.#isRaising = false;
        raise();
      });
    }
    this.#cancelRetry ??= timers.after(RETRY_MS, () => this.#retry());
  }

  /** The alarm has been taken back, or never stood: there should be room for a reserve. */
  lifted(): void {
    const { log } = this.#options;
    if (log.isReserveGivenUp && !this.#isRaising) log.restoreReserve();
  }

  /** A commit that waits for room now fails. */
  stop(): void {
    this.#stopped = true;
    this.#cancelRetry?.();
    this.#options.log.giveUpWaiting();
  }

  #retry(): void {
    const { log, timers, raise } = this.#options;
    this.#cancelRetry = undefined;
    if (!log.isStalled) return;
    raise();
    log.retry();
    if (log.isStalled) this.#cancelRetry ??= timers.after(RETRY_MS, () => this.#retry());
  }
}
