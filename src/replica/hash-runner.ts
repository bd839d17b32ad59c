import { EtcdError } from "../base/errors.ts";
import type { Timers } from "../base/outside.ts";
import { toRevision } from "../base/revision.ts";
import type { Outcome } from "../machine/result.ts";
import type { HashJob } from "../mvcc/hash-job.ts";
import type { MvccStore } from "../mvcc/store.ts";
import type { HashKvResult, ReadView } from "./replica.ts";

type Done = (outcome: Outcome<HashKvResult>) => void;

/** Changes that one slice hashes. */
const CHANGES_PER_SLICE = 2000;

/** Works out HashKV in slices between other work, one request after the other (K70). */
export class HashRunner {
  readonly #store: MvccStore;
  readonly #timers: Timers;

  constructor(store: MvccStore, timers: Timers) {
    this.#store = store;
    this.#timers = timers;
  }

  /** Refused with "compacted" below the view's history, "futureRevision" above it. */
  hash(revision: number, view: ReadView, done: Done): void {
    const at = revision === 0 ? view.revision : revision;
    if (at < view.compacted || at < 0) {
      done(new EtcdError("compacted"));
      return;
    }
    if (at > view.revision) {
      done(new EtcdError("futureRevision"));
      return;
    }
    // A compaction that is applied but not yet durable already hides what it will drop.
    if (at < this.#store.compacted) {
      done(new EtcdError("compacted"));
      return;
    }
    this.#slice(this.#store.hashJob(toRevision(at)), view, done);
  }

  #slice(job: HashJob, view: ReadView, done: Done): void {
    switch (job.step(CHANGES_PER_SLICE)) {
      case "more":
        this.#timers.endOfTurn(() => this.#slice(job, view, done));
        return;
      case "compacted":
        done(new EtcdError("compacted"));
        return;
      case "done": {
        const { hash, compactRevision, hashRevision } = job.result;
        done({ revision: view.revision, hash, compactRevision, hashRevision });
      }
    }
  }
}
