import { assert } from "../base/assert.ts";
import { crc32c } from "../base/crc32c.ts";
import { nextRevision, toRevision, type Revision } from "../base/revision.ts";
import { isTombstone, RecordKind, type RecordView } from "../storage/record.ts";
import { NO_KEY, type KeyId } from "./key-table.ts";
import { keyOf } from "./key-value.ts";
import { NO_SLOT } from "./slot.ts";
import type { StoreParts } from "./store-parts.ts";

/** What HashKV says; members and etcd agree on `hash` when the other two are equal (K72). */
export interface KeyValueHash {
  /** CRC-32C, 0 to 2^32 - 1. */
  readonly hash: number;
  /** The compacted revision that the hash leaves out the history of; -1 when there was none. */
  readonly compactRevision: number;
  readonly hashRevision: Revision;
}

/** "compacted": history at the asked revision went away before the job was through. */
export type HashProgress = "more" | "done" | "compacted";

/** The store's bucket name, with which etcd's hash begins. */
const BUCKET: Uint8Array = Uint8Array.of(0x6b, 0x65, 0x79);
const RECORD_KEY_BYTES = 17;
const UNDERSCORE = 0x5f;
const TOMBSTONE_MARK = 0x74;

/**
 * HashKV at one revision, in slices (K70): CRC-32C over the record key and the KeyValue of every
 * record up to the revision, in log order. Of records at or below the compacted revision only those
 * count that are still the newest of their key at the hashed revision, so the hash does not depend
 * on how far the removal has come. If a compaction comes between two steps, the job begins anew
 * with the new compacted revision, as many times as there are compactions.
 *
 * Source: etcd server/storage/mvcc hash.go (kvHasher), kvstore.go (hashByRev).
 */
export class HashJob {
  readonly #parts: StoreParts;
  readonly #compacted: () => number;
  readonly #at: Revision;
  readonly #recordKey: Uint8Array = new Uint8Array(RECORD_KEY_BYTES + 1);
  readonly #recordKeyView: DataView = new DataView(this.#recordKey.buffer);
  #compactRevision: number;
  #crc: number = crc32c(BUCKET);
  #from: Revision = toRevision(0);
  #result: KeyValueHash | undefined;
  /** Keys looked at in the search for one that is alive; `anyAlive` is the outcome. */
  #searched = 0;
  #anyAlive: boolean | undefined;

  constructor(parts: StoreParts, at: Revision, compacted: () => number) {
    this.#parts = parts;
    this.#at = at;
    this.#compacted = compacted;
    this.#compactRevision = compacted();
    this.#recordKey[8] = UNDERSCORE;
    this.#recordKey[RECORD_KEY_BYTES] = TOMBSTONE_MARK;
  }

  /** Present once a step has said "done". */
  get result(): KeyValueHash {
    assert(this.#result !== undefined, "a hash is read when the job is done");
    return this.#result;
  }

  /**
   * Goes on for about `budget` records or keys. A slice ends between two revisions, so one with
   * more changes than the budget is hashed whole.
   */
  step(budget: number): HashProgress {
    if (this.#result !== undefined) return "done";
    if (this.#compactRevision !== this.#compacted()) this.#restart();
    if (this.#at < this.#compactRevision) return "compacted";
    if (this.#anyAlive === undefined && !this.#searchAlive(budget)) return "more";

    let left = budget;
    let isPaused = false;
    this.#parts.log.scan(this.#from, (record) => {
      if (record.main > this.#at) return false;
      isPaused = left <= 0 && record.main >= this.#from;
      if (isPaused) return false;
      left--;
      this.#from = nextRevision(record.main);
      this.#add(record);
      return true;
    });
    if (isPaused) return "more";
    this.#result = {
      hash: this.#crc,
      compactRevision: this.#compactRevision,
      hashRevision: this.#at,
    };
    return "done";
  }

  #restart(): void {
    this.#compactRevision = this.#compacted();
    this.#crc = crc32c(BUCKET);
    this.#from = toRevision(0);
  }

  #add(record: RecordView): void {
    const isDelete = isTombstone(record.kind);
    if (!isDelete && record.kind !== RecordKind.put) return;
    if (record.main <= this.#compactRevision && !this.#counts(record)) return;
    const view = this.#recordKeyView;
    view.setUint32(0, Math.floor(record.main / 2 ** 32));
    view.setUint32(4, record.main >>> 0);
    // A place in a revision is below 2^31, so the four bytes above it stay 0.
    view.setUint32(13, record.sub);
    const end = isDelete ? RECORD_KEY_BYTES + 1 : RECORD_KEY_BYTES;
    this.#crc = crc32c(record.payload, crc32c(this.#recordKey, this.#crc, 0, end));
  }

  /** Whether a record at or below the compacted revision goes into the hash. */
  #counts(record: RecordView): boolean {
    const { keys, versions } = this.#parts;
    const id = keys.find(keyOf(record.payload));
    if (id === NO_KEY) return false;
    // etcd skips nothing when no key is alive: the puts that its compaction kept are then hashed.
    const at = this.#anyAlive === true ? this.#at : this.#compactRevision;
    const slot = versions.newestAt(id, at);
    // The tombstone at the compacted revision itself never counts, since older etcds drop it.
    if (slot === NO_SLOT || versions.isTombstone(slot)) return false;
    return versions.main(slot) === record.main && versions.sub(slot) === record.sub;
  }

  /** Looks for one key that is alive at the revision. True when the search is over. */
  #searchAlive(budget: number): boolean {
    const { keys, versions } = this.#parts;
    // Keys that are added while the search pauses are younger than the revision.
    const end = Math.min(keys.table.limit, this.#searched + 1 + budget);
    while (this.#searched + 1 < end) {
      const id = ++this.#searched as KeyId;
      if (keys.table.head(id) === NO_SLOT) continue;
      const slot = versions.newestAt(id, this.#at);
      if (slot !== NO_SLOT && !versions.isTombstone(slot)) {
        this.#anyAlive = true;
        return true;
      }
    }
    if (end < keys.table.limit) return false;
    this.#anyAlive = false;
    return true;
  }
}
