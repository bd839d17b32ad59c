import { assert } from "../base/assert.ts";
import type { KeyRange } from "../base/key-range.ts";
import { nextRevision, type Revision } from "../base/revision.ts";
import type { Steps } from "../base/steps.ts";
import { RecordKind } from "../storage/record.ts";
import type { Change, DeleteReason } from "./change.ts";
import type { KeyOrder } from "./key-order.ts";
import { NO_KEY, type KeyId } from "./key-table.ts";
import {
  deletedKeyValue,
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

/** Keys that one step of a large delete looks at: about a tenth of a millisecond of work. */
const KEYS_PER_STEP = 64;

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
    if (range.kind === "single") {
      const id = keys.find(range.key);
      if (id !== NO_KEY) this.#deleteKey(id, reason);
    } else if (range.kind !== "empty") {
      const { order } = keys;
      const end = endOf(range, order);
      for (let at = order.seek(range.start); at < end; at = order.next(at)) {
        this.#deleteKey(order.idAt(at), reason);
      }
    }
    return this.#changes.length - before;
  }

  /**
   * As `delete`, of a range that is not a single key, in steps: readers may come between them, and
   * see nothing of it. `visit` is given each KeyValue that goes, in wire form.
   */
  *deleteInSteps(range: KeyRange, visit?: (keyValue: Uint8Array) => void): Steps<number> {
    assert(!this.#ended, "nothing is written after a txn's end");
    if (range.kind === "single" || range.kind === "empty") return this.delete(range);
    const before = this.#changes.length;
    const { keys, log, versions } = this.#parts;
    const { order, table } = keys;
    const end = endOf(range, order);
    let left = KEYS_PER_STEP;
    // Positions hold meanwhile: no key comes or goes while a txn is open.
    for (let at = order.seek(range.start); at < end; at = order.next(at)) {
      const id = order.idAt(at);
      const head = table.head(id);
      if (visit !== undefined && !versions.isTombstone(head))
        visit(log.read(versions.location(head)));
      this.#deleteKey(id, "request");
      if (--left > 0) continue;
      left = KEYS_PER_STEP;
      yield;
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

/** The position behind the range's last key. Tombstones leave the keys in order, so it holds. */
function endOf(
  range: { readonly kind: "from" } | { readonly kind: "range"; readonly end: Uint8Array },
  order: KeyOrder,
): number {
  return range.kind === "from" ? order.end : order.seek(range.end);
}
