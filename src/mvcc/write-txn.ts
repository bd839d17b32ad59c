import { assert } from "../base/assert.ts";
import type { KeyRange } from "../base/key-range.ts";
import { nextRevision, type Revision } from "../base/revision.ts";
import { RecordKind } from "../storage/record.ts";
import type { Change, DeleteReason } from "./change.ts";
import { NO_KEY, type KeyId } from "./key-table.ts";
import {
  deletedKeyValue,
  keyOf,
  keyOnlySize,
  keyValueSize,
  writeKeyOnly,
  writeKeyValue,
  type KeyValue,
} from "./key-value.ts";
import { NO_SLOT, type Slot } from "./slot.ts";
import type { StoreParts } from "./store-parts.ts";
import { stampOf } from "./version-chains.ts";

export interface TxnOptions {
  /** Whether changes carry the KeyValue before them. Without, a put reads no older record. */
  readonly capturePrevious: boolean;
}

/**
 * The changes of one revision. Each is appended to the log and stands in the index at once; readers
 * below the new revision do not see it. There is no way back: who writes has checked before.
 */
export class WriteTxn {
  readonly #parts: StoreParts;
  readonly #capturePrevious: boolean;
  readonly #onEnd: (txn: WriteTxn) => void;
  readonly #main: Revision;
  readonly #changes: Change[] = [];
  #liveDelta = 0;
  #ended = false;
  /** The store's revision when the txn began. */
  readonly beginRevision: Revision;

  constructor(
    parts: StoreParts,
    beginRevision: Revision,
    options: TxnOptions,
    onEnd: (txn: WriteTxn) => void,
  ) {
    this.#parts = parts;
    this.#capturePrevious = options.capturePrevious;
    this.#onEnd = onEnd;
    this.beginRevision = beginRevision;
    this.#main = nextRevision(beginRevision);
  }

  get changed(): boolean {
    return this.#changes.length > 0;
  }

  /** What reads inside of the txn see: begin, and begin + 1 once it has changed something (K6). */
  get visibleRevision(): Revision {
    return this.changed ? this.#main : this.beginRevision;
  }

  /** In the order in which they were made. Complete, and the caller's, once the txn has ended. */
  get changes(): readonly Change[] {
    return this.#changes;
  }

  /** How many more keys are alive than before. */
  get liveDelta(): number {
    return this.#liveDelta;
  }

  /** Key and value are borrowed until this returns. Lease 0 = none: it detaches the key (K23). */
  put(key: Uint8Array, value: Uint8Array, lease: bigint): Slot {
    assert(!this.#ended, "nothing is written after a txn's end");
    const { log, keys, versions } = this.#parts;
    const main = this.#main;
    const hash = keys.hashOf(key);
    let id = keys.findHashed(key, hash);
    const head = id === NO_KEY ? NO_SLOT : keys.table.head(id);
    const isNew = head === NO_SLOT || versions.isTombstone(head);
    const createRevision = isNew ? main : (keys.table.createRevision(id) as Revision);
    const version = isNew ? 1 : keys.table.version(id) + 1;
    // Clients take equal revisions for a creation, so a second put in one revision is one too.
    const isCreate = createRevision === main;
    const previous = isCreate ? undefined : this.#previous(id);

    const sub = this.#changes.length;
    const stored: KeyValue = { key, createRevision, modRevision: main, version, value, lease };
    const keyValue = log.append(RecordKind.put, main, sub, keyValueSize(stored));
    writeKeyValue(keyValue, stored);
    if (id === NO_KEY) id = keys.add(key, hash);
    const slot = versions.add(id, main, stampOf(sub, false), log.appendedAt);
    keys.table.setGeneration(id, createRevision, version);

    if (isNew) this.#liveDelta++;
    this.#changes.push({
      type: "put",
      revision: main,
      key: keyOf(keyValue),
      keyValue,
      previous,
      deleteReason: undefined,
      isCreate,
    });
    return slot;
  }

  /**
   * Deletes all live keys of the range, ascending, and returns how many there were (K30-K32). The
   * reason is kept with each tombstone.
   */
  delete(range: KeyRange, reason: DeleteReason = "request"): number {
    assert(!this.#ended, "nothing is written after a txn's end");
    const before = this.#changes.length;
    const { keys } = this.#parts;
    switch (range.kind) {
      case "single": {
        const id = keys.find(range.key);
        if (id !== NO_KEY) this.#deleteKey(id, reason);
        break;
      }
      case "range":
        this.#deleteBetween(keys.order.seek(range.start), keys.order.seek(range.end), reason);
        break;
      case "from":
        this.#deleteBetween(keys.order.seek(range.start), keys.order.end, reason);
        break;
      case "empty":
        break;
    }
    return this.#changes.length - before;
  }

  /** Makes the new revision the store's, if anything changed; returns the store's revision. */
  end(): Revision {
    assert(!this.#ended, "a txn ends once");
    this.#ended = true;
    this.#onEnd(this);
    return this.visibleRevision;
  }

  /** Tombstones leave the keys in order, so positions hold while walking. */
  #deleteBetween(start: number, end: number, reason: DeleteReason): void {
    const { order } = this.#parts.keys;
    for (let position = start; position < end; position = order.next(position)) {
      this.#deleteKey(order.idAt(position), reason);
    }
  }

  #deleteKey(id: KeyId, reason: DeleteReason): void {
    const { log, keys, versions } = this.#parts;
    if (versions.isTombstone(keys.table.head(id))) return;
    const previous = this.#previous(id);
    const main = this.#main;
    const sub = this.#changes.length;
    const indexKey = keys.table.key(id);
    const kind = reason === "request" ? RecordKind.tombstone : RecordKind.expiryTombstone;
    const payload = log.append(kind, main, sub, keyOnlySize(indexKey));
    writeKeyOnly(payload, indexKey);
    versions.add(id, main, stampOf(sub, true), log.appendedAt);
    this.#liveDelta--;

    const keyValue = deletedKeyValue(indexKey, main);
    this.#changes.push({
      type: "delete",
      revision: main,
      key: keyOf(keyValue),
      keyValue,
      previous,
      deleteReason: reason,
      isCreate: false,
    });
  }

  /** The key's KeyValue before the txn (W29). */
  #previous(id: KeyId): Uint8Array | undefined {
    if (!this.#capturePrevious) return undefined;
    const { log, versions } = this.#parts;
    const slot = versions.newestAt(id, this.beginRevision);
    if (slot === NO_SLOT || versions.isTombstone(slot)) return undefined;
    return log.read(versions.location(slot));
  }
}
