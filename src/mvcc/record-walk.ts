import { assert } from "../base/assert.ts";
import { nextRevision, type Revision, toRevision } from "../base/revision.ts";
import { isTombstone, RecordKind, type RecordView } from "../storage/record.ts";
import { keyOf } from "./key-value.ts";
import { NO_KEY } from "./key-table.ts";
import { revisionKey, tombstoneKey } from "./record-key.ts";
import { NO_SLOT } from "./slot.ts";
import type { StoreParts } from "./store-parts.ts";

/** Takes one record: its key in etcd's form, the caller's, and its KeyValue, never overwritten. */
export type RecordVisitor = (recordKey: Uint8Array, keyValue: Uint8Array) => void;

/** How far one step may go: a revision that was begun is walked to its end. */
export interface WalkBudget {
  readonly records: number;
  readonly bytes: number;
}

/**
 * Walks all that is stored of keys at one revision, in slices and in order, under the record keys
 * that etcd stores it by (K70). Of records at or below the compacted revision those count that a
 * compaction there keeps (K62), whether the removal is through or not. As long as nothing above
 * that revision is compacted away, every walk shows the same.
 */
export class RecordWalk {
  readonly #parts: StoreParts;
  readonly #at: Revision;
  readonly #compacted: number;
  #from: Revision = toRevision(0);

  constructor(parts: StoreParts, at: Revision, compacted: number) {
    assert(compacted <= at, "what is walked is not below the compacted revision");
    this.#parts = parts;
    this.#at = at;
    this.#compacted = compacted;
  }

  /** Shows the next records: about as many as the budget says, then pauses between revisions. */
  step(budget: WalkBudget, visit: RecordVisitor): "more" | "done" {
    let { records, bytes } = budget;
    let isPaused = false;
    this.#parts.log.scan(this.#from, (record) => {
      if (record.main > this.#at) return false;
      isPaused = (records <= 0 || bytes <= 0) && record.main >= this.#from;
      if (isPaused) return false;
      records--;
      bytes -= record.payload.length;
      this.#from = nextRevision(record.main);
      if (!this.#isKept(record)) return true;
      const toKey = record.kind === RecordKind.put ? revisionKey : tombstoneKey;
      visit(toKey(record.main, record.sub), record.payload);
      return true;
    });
    return isPaused ? "more" : "done";
  }

  #isKept(record: RecordView): boolean {
    const isDelete = isTombstone(record.kind);
    if (!isDelete && record.kind !== RecordKind.put) return false;
    if (record.main > this.#compacted) return true;
    if (isDelete && record.main !== this.#compacted) return false;
    const { keys, versions } = this.#parts;
    const id = keys.find(keyOf(record.payload));
    const newest = id === NO_KEY ? NO_SLOT : versions.newestAt(id, this.#compacted);
    if (newest === NO_SLOT) return false;
    return versions.main(newest) === record.main && versions.sub(newest) === record.sub;
  }
}
