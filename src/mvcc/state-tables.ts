import { assert } from "../base/assert.ts";
import { copyBytes, latin1Text } from "../base/bytes.ts";
import type { Revision } from "../base/revision.ts";
import { varintSize, WireReader, writeVarint } from "../base/wire.ts";
import { RecordKind, type Location, type RecordLog, type RecordView } from "../storage/record.ts";

/** What a store keeps beside keys; the numbers stand in the log and never change their meaning. */
const TABLE_NUMBERS = { lease: 1, alarm: 2, auth: 3, user: 4, role: 5, member: 6 } as const;
export type StateTableName = keyof typeof TABLE_NUMBERS;

/**
 * A small map that lives in the log beside the keys, and in memory as a whole: no revisions, no
 * history, not part of HashKV. Changes are made between write txns, and are durable with the frame
 * that collects them, as all of a turn or none of it. Keys are bytes as latin1 text.
 */
export interface StateTable {
  /** Never overwritten, may be kept. */
  get(key: string): Uint8Array | undefined;
  /** The value is borrowed until this returns. */
  set(key: string, value: Uint8Array): void;
  /** A key that is not there is passed over. */
  delete(key: string): void;
  /** In the order in which the keys came to be there. */
  entries(): IterableIterator<readonly [string, Uint8Array]>;
  readonly size: number;
}

interface Entry {
  value: Uint8Array;
  location: Location;
}

/** A record that is not needed once what came after it is durable. */
interface Retired {
  location: Location;
  /** The write that made it so. */
  readonly write: number;
}

/** What the tables see of their store. */
export interface StateTablesHost {
  readonly log: RecordLog;
  readonly head: () => Revision;
  /** Whether a write txn is open: its records and those of the tables do not mix. */
  readonly isWriting: () => boolean;
}

/**
 * All state tables of a store, over one log.
 *
 * A record that has been overwritten or deleted is let go only when the record that did it is
 * durable: a rewrite of the log that drops the older one before that, and a crash then, would leave
 * neither. A delete's own record is let go with it; the log keeps it while it hides an older one.
 */
export class StateTables {
  readonly #host: StateTablesHost;
  readonly #byNumber: ReadonlyMap<number, Table>;
  readonly #retired: Retired[] = [];
  readonly #retiredAt = new Map<Location, Retired>();
  #writes = 0;

  constructor(host: StateTablesHost) {
    this.#host = host;
    const change = (table: Table, key: string, value: Uint8Array | undefined): void =>
      this.#change(table, key, value);
    const numbers = Object.values(TABLE_NUMBERS);
    this.#byNumber = new Map(numbers.map((number) => [number, new Table(number, change)]));
  }

  table(name: StateTableName): StateTable {
    return this.#numbered(TABLE_NUMBERS[name]);
  }

  /** Changes so far: what `durable` is told once they are. */
  get writes(): number {
    return this.#writes;
  }

  /** The first `writes` changes are durable. */
  durable(writes: number): void {
    let count = 0;
    for (const retired of this.#retired) {
      if (retired.write > writes) break;
      this.#retiredAt.delete(retired.location);
      this.#host.log.release(retired.location);
      count++;
    }
    this.#retired.splice(0, count);
  }

  /** Takes one record of the log, in log order. */
  replay(record: RecordView): void {
    const { table, key, valueAt } = this.#parse(record.payload);
    const present = table.at(key);
    if (present !== undefined) this.#retire(present.location);
    if (record.kind === RecordKind.stateDelete) {
      this.#retire(record.location);
      table.drop(key);
      return;
    }
    const { location } = record;
    table.place(key, { value: copyBytes(record.payload.subarray(valueAt)), location });
  }

  /** The log has been read: all that it held is durable. */
  replayed(): void {
    this.durable(this.#writes);
  }

  isLive(record: RecordView): boolean {
    if (this.#retiredAt.has(record.location)) return true;
    return this.#entryOf(record)?.location === record.location;
  }

  /** The record lies elsewhere from now on. Records that are not live are passed over. */
  moved(record: RecordView, location: Location): void {
    const retired = this.#retiredAt.get(record.location);
    if (retired !== undefined) {
      this.#retiredAt.delete(record.location);
      retired.location = location;
      this.#retiredAt.set(location, retired);
      return;
    }
    const entry = this.#entryOf(record);
    if (entry?.location === record.location) entry.location = location;
  }

  #change(table: Table, key: string, value: Uint8Array | undefined): void {
    assert(!this.#host.isWriting(), "state changes between write txns");
    const present = table.at(key);
    if (value === undefined && present === undefined) return;
    this.#writes++;
    const { log } = this.#host;
    const kind = value === undefined ? RecordKind.stateDelete : RecordKind.stateSet;
    const keyEnd = 1 + varintSize(key.length) + key.length;
    const payload = log.append(kind, this.#host.head(), 0, keyEnd + (value?.length ?? 0));
    payload[0] = table.number;
    const keyAt = writeVarint(payload, 1, key.length);
    for (let i = 0; i < key.length; i++) payload[keyAt + i] = key.charCodeAt(i);
    if (present !== undefined) this.#retire(present.location);
    const location = log.appendedAt;
    if (value === undefined) {
      this.#retire(location);
      table.drop(key);
      return;
    }
    payload.set(value, keyEnd);
    table.place(key, { value: copyBytes(value), location });
  }

  #retire(location: Location): void {
    const retired = { location, write: this.#writes };
    this.#retired.push(retired);
    this.#retiredAt.set(location, retired);
  }

  #entryOf(record: RecordView): Entry | undefined {
    const { table, key } = this.#parse(record.payload);
    return table.at(key);
  }

  #parse(payload: Uint8Array): {
    readonly table: Table;
    readonly key: string;
    readonly valueAt: number;
  } {
    const keyBytes = new WireReader(payload.subarray(1)).uint();
    const keyAt = 1 + varintSize(keyBytes);
    const valueAt = keyAt + keyBytes;
    const key = latin1Text(payload, keyAt, valueAt);
    return { table: this.#numbered(payload[0] ?? 0), key, valueAt };
  }

  #numbered(number: number): Table {
    const table = this.#byNumber.get(number);
    assert(table !== undefined, "a record of state names a table");
    return table;
  }
}

type Change = (table: Table, key: string, value: Uint8Array | undefined) => void;

class Table implements StateTable {
  readonly number: number;
  readonly #entries = new Map<string, Entry>();
  readonly #change: Change;

  constructor(number: number, change: Change) {
    this.number = number;
    this.#change = change;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): Uint8Array | undefined {
    return this.#entries.get(key)?.value;
  }

  set(key: string, value: Uint8Array): void {
    this.#change(this, key, value);
  }

  delete(key: string): void {
    this.#change(this, key, undefined);
  }

  *entries(): IterableIterator<readonly [string, Uint8Array]> {
    for (const [key, entry] of this.#entries) yield [key, entry.value];
  }

  at(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  place(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
  }

  drop(key: string): void {
    this.#entries.delete(key);
  }
}
