import { assert } from "../base/assert.ts";
import type { Revision } from "../base/revision.ts";
import { RecordKind, type RecordView } from "../storage/record.ts";
import type { Change, DeleteReason } from "./change.ts";
import { createRevisionOf, deletedKeyValue, keyOf } from "./key-value.ts";

/**
 * One change as the log remembers it. The object is filled anew for the next change; the bytes that
 * it hands out are never overwritten. What not every visitor needs is worked out when asked.
 */
export class HistoryEvent implements Change {
  readonly #previousOf: (key: Uint8Array, revision: Revision) => Uint8Array | undefined;
  #record: RecordView | undefined;

  constructor(previousOf: (key: Uint8Array, revision: Revision) => Uint8Array | undefined) {
    this.#previousOf = previousOf;
  }

  /** Shows this record, which is borrowed for as long as the scan borrows it. */
  show(record: RecordView): void {
    this.#record = record;
  }

  get type(): "put" | "delete" {
    return this.#shown.kind === RecordKind.put ? "put" : "delete";
  }

  get revision(): Revision {
    return this.#shown.main;
  }

  get key(): Uint8Array {
    return keyOf(this.#shown.payload);
  }

  get keyValue(): Uint8Array {
    const record = this.#shown;
    if (record.kind === RecordKind.put) return record.payload;
    return deletedKeyValue(keyOf(record.payload), record.main);
  }

  get deleteReason(): DeleteReason | undefined {
    const { kind } = this.#shown;
    if (kind === RecordKind.put) return undefined;
    return kind === RecordKind.expiryTombstone ? "lease-expiry" : "request";
  }

  get isCreate(): boolean {
    const record = this.#shown;
    return record.kind === RecordKind.put && createRevisionOf(record.payload) === record.main;
  }

  get previous(): Uint8Array | undefined {
    return this.isCreate ? undefined : this.#previousOf(this.key, this.revision);
  }

  get #shown(): RecordView {
    assert(this.#record !== undefined, "an event shows a record");
    return this.#record;
  }
}
