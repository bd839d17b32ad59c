import { assert } from "../../src/base/assert.ts";
import { FIRST_REVISION, type Revision } from "../../src/base/revision.ts";
import type { Location, RecordKind, RecordLog, RecordView } from "../../src/storage/record.ts";

interface StoredRecord {
  kind: RecordKind;
  main: Revision;
  sub: number;
  payload: Uint8Array;
  location: Location;
  isReleased: boolean;
}

/** What a rewriting log asks of the index. */
export interface RewriteIndex {
  isLive(record: RecordView): boolean;
  moved(record: RecordView, location: Location): void;
}

/** A record log in memory, strict about what it is told: for tests that need no files. */
export class MemoryLog implements RecordLog {
  #records: StoredRecord[] = [];
  readonly #byLocation = new Map<number, StoredRecord>();
  #nextLocation = 1;
  #lastMain: Revision = FIRST_REVISION;
  appendedAt: Location = 0 as Location;

  /** Records that the index has not released. */
  get liveCount(): number {
    return this.#records.reduce((sum, record) => sum + (record.isReleased ? 0 : 1), 0);
  }

  get length(): number {
    return this.#records.length;
  }

  append(kind: RecordKind, main: Revision, sub: number, length: number): Uint8Array {
    assert(main >= this.#lastMain, "mains never decrease");
    this.#lastMain = main;
    const payload = new Uint8Array(length);
    this.appendedAt = this.#take();
    const record = { kind, main, sub, payload, location: this.appendedAt, isReleased: false };
    this.#records.push(record);
    this.#byLocation.set(record.location, record);
    return payload;
  }

  read(location: Location): Uint8Array {
    const record = this.#byLocation.get(location);
    assert(record !== undefined && !record.isReleased, "only live records are read");
    return record.payload;
  }

  /** The view shown is one object, filled anew for each record, as in the real log. */
  scan(from: Revision, visit: (record: RecordView) => boolean): boolean {
    const view: { -readonly [Field in keyof RecordView]?: RecordView[Field] } = {};
    let low = 0;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#records[middle] as StoredRecord).main < from) low = middle + 1;
      else high = middle;
    }
    for (let i = low; i < this.#records.length; i++) {
      const { kind, main, sub, payload, location } = this.#records[i] as StoredRecord;
      Object.assign(view, { kind, main, sub, payload, location });
      if (!visit(view as RecordView)) return false;
    }
    return true;
  }

  release(location: Location): void {
    const record = this.#byLocation.get(location);
    assert(record !== undefined && !record.isReleased, "a record is released once");
    record.isReleased = true;
  }

  /**
   * Drops the dead among the `count` oldest records and moves the live ones. Always from the oldest
   * on: a tombstone may only go when no older record of its key is left behind.
   */
  rewrite(index: RewriteIndex, count: number): void {
    const kept: StoredRecord[] = [];
    for (const [i, record] of this.#records.entries()) {
      if (i >= count) {
        kept.push(record);
        continue;
      }
      const isLive = index.isLive(record);
      assert(isLive !== record.isReleased, "what is not live has been released");
      this.#byLocation.delete(record.location);
      if (!isLive) continue;
      const location = this.#take();
      index.moved(record, location);
      record.location = location;
      this.#byLocation.set(location, record);
      kept.push(record);
    }
    this.#records = kept;
  }

  /** What the next process finds in the files: all records, and nobody has released any. */
  reopened(): MemoryLog {
    const copy = new MemoryLog();
    for (const { kind, main, sub, payload } of this.#records) {
      copy.append(kind, main, sub, payload.length).set(payload);
    }
    return copy;
  }

  #take(): Location {
    const location = this.#nextLocation * 7;
    this.#nextLocation++;
    return location as Location;
  }
}
