import { latin1Bytes, latin1Text } from "../base/bytes.ts";
import { type Revision, toRevision } from "../base/revision.ts";
import { varintSize, WireError, WireReader, writeVarint } from "../base/wire.ts";
import {
  type KeyValue,
  keyOnlySize,
  keyValueSize,
  parseKeyValue,
  writeKeyOnly,
  writeKeyValue,
} from "../mvcc/key-value.ts";
import { parseRecordKey } from "../mvcc/record-key.ts";
import type { MvccStore } from "../mvcc/store.ts";
import type { BoltEntry, BoltReader } from "../storage/bolt/reader.ts";
import { RecordKind, type RecordLog } from "../storage/record.ts";
import {
  BUCKET_OF_TABLE,
  type BucketTable,
  FINISHED_KEY,
  KEY_BUCKET,
  META_BUCKET,
  SCHEDULED_KEY,
} from "./etcd-buckets.ts";

/** The file is a sound bbolt file, but what stands in it is not what etcd would have stored. */
export class ImportError extends Error {
  override readonly name = "ImportError";
}

export interface ImportTarget {
  /** An empty log. */
  readonly log: RecordLog;
  /** The store over it, for the state tables; it does not come to know the keys. */
  readonly store: MvccStore;
}

/** Far above etcd's limits; a record must fit into a frame of the log. */
const KEY_VALUE_BYTES_MAX: number = 64 * 1024 * 1024;
const NO_COMPACTION = -1;
const TABLES: readonly BucketTable[] = ["alarm", "auth", "lease", "role", "user"];
const LEASE_KEY_BYTES = 8;
/** What etcd keeps of auth as a whole, and how many bytes each has. */
const AUTH_VALUE_BYTES: ReadonlyMap<string, number> = new Map([
  ["authEnabled", 1],
  ["authRevision", 8],
]);
const ALARM_MEMBER_TAG: number = 1 * 8;
const ALARM_TYPE_TAG: number = 2 * 8;

/**
 * Takes an etcd database into an empty log: leases, alarms, users and roles, then every stored
 * version of every key in the order of revisions, then the compaction (K63). What else stands in
 * the database speaks of the cluster that it came from, and is left behind.
 */
export class EtcdImport {
  readonly #reader: BoltReader;
  readonly #target: ImportTarget;
  #keys: Generator<BoltEntry, void> | undefined;
  #head: Revision;

  constructor(reader: BoltReader, target: ImportTarget) {
    this.#reader = reader;
    this.#target = target;
    this.#head = target.store.head;
  }

  /**
   * Goes on for about so many bytes of keys and values; the caller commits what was appended.
   * @throws BoltError when the file is damaged, ImportError when its content is
   */
  step(budgetBytes: number): "more" | "done" {
    if (this.#keys === undefined) {
      this.#refuseForeign();
      for (const name of TABLES) this.#takeTable(name);
      this.#keys = this.#reader.entries(latin1Bytes(KEY_BUCKET));
    }
    for (let left = budgetBytes; left > 0; ) {
      const next = this.#keys.next();
      if (next.done === true) {
        this.#takeCompaction();
        return "done";
      }
      this.#takeRecord(next.value);
      left -= next.value.key.length + next.value.value.length;
    }
    return "more";
  }

  #refuseForeign(): void {
    for (const name of this.#reader.buckets()) {
      if (latin1Text(name, 0, name.length) === KEY_BUCKET) return;
    }
    throw new ImportError("it holds no keys' bucket, so it is no etcd v3 database");
  }

  #takeTable(name: BucketTable): void {
    const table = this.#target.store.state(name);
    for (const { key, value } of this.#reader.entries(latin1Bytes(BUCKET_OF_TABLE[name]))) {
      const text = latin1Text(key, 0, key.length);
      if (name === "auth") {
        const valueBytes = AUTH_VALUE_BYTES.get(text);
        if (valueBytes === undefined) continue;
        if (valueBytes !== value.length) throw new ImportError(`its ${text} is damaged`);
      }
      if (name === "lease" && key.length !== LEASE_KEY_BYTES) {
        throw new ImportError(`a lease has a name of ${key.length} bytes`);
      }
      if (name === "alarm") refuseUnknownAlarm(key);
      table.set(text, value);
    }
  }

  #takeRecord({ key, value }: BoltEntry): void {
    const record = parseRecordKey(key);
    if (record === undefined || record.main < this.#head) {
      throw new ImportError(
        `${Buffer.from(key).toString("hex")} is no revision that a key can have`,
      );
    }
    const { main, sub } = record;
    const stored = keyValueOf(value, `${main}.${sub}`);
    this.#head = toRevision(main);
    const { log } = this.#target;
    if (record.isTombstone) {
      const size = keyOnlySize(stored.key);
      writeKeyOnly(log.append(RecordKind.tombstone, this.#head, sub, size), stored.key);
      return;
    }
    if (stored.modRevision !== main || stored.createRevision > main || stored.version < 1) {
      throw new ImportError(`the key-value of revision ${main}.${sub} speaks of other revisions`);
    }
    // Written anew, because a store relies on the one form that leaves defaults out.
    const size = keyValueSize(stored);
    writeKeyValue(log.append(RecordKind.put, this.#head, sub, size), stored);
  }

  /** The store's revision is then that of the last record or of a compaction above it (K63). */
  #takeCompaction(): void {
    let scheduled = NO_COMPACTION;
    let finished = NO_COMPACTION;
    for (const { key, value } of this.#reader.entries(latin1Bytes(META_BUCKET))) {
      const name = latin1Text(key, 0, key.length);
      if (name === SCHEDULED_KEY) scheduled = compactRevisionOf(value);
      else if (name === FINISHED_KEY) finished = compactRevisionOf(value);
    }
    const compacted = Math.max(scheduled, finished);
    if (compacted === NO_COMPACTION) return;
    if (compacted > this.#head) this.#head = toRevision(compacted);
    this.#mark(RecordKind.compactionScheduled, compacted);
    if (finished === compacted) this.#mark(RecordKind.compactionFinished, compacted);
  }

  #mark(kind: RecordKind, compacted: number): void {
    const payload = this.#target.log.append(kind, this.#head, 0, varintSize(compacted));
    writeVarint(payload, 0, compacted);
  }
}

function keyValueOf(value: Uint8Array, revision: string): KeyValue {
  if (value.length > KEY_VALUE_BYTES_MAX) {
    throw new ImportError(`the key-value of revision ${revision} has ${value.length} bytes`);
  }
  let stored: KeyValue;
  try {
    stored = parseKeyValue(value);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new ImportError(`the key-value of revision ${revision} is damaged`, { cause: error });
  }
  if (stored.key.length === 0) {
    throw new ImportError(`the key-value of revision ${revision} has no key`);
  }
  return stored;
}

function compactRevisionOf(value: Uint8Array): number {
  const revision = parseRecordKey(value);
  if (revision === undefined) throw new ImportError("the compacted revision is damaged");
  return revision.main;
}

/** An alarm's key is an etcdserverpb.AlarmMember: member id, and type 1 or 2. */
function refuseUnknownAlarm(key: Uint8Array): void {
  const reader = new WireReader(key);
  let type = 0;
  try {
    while (!reader.done) {
      const tag = reader.tag();
      if (tag === ALARM_MEMBER_TAG) reader.biguint64();
      else if (tag === ALARM_TYPE_TAG) type = reader.uint();
      else throw new ImportError("it holds an alarm of no known form");
    }
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new ImportError("it holds a damaged alarm", { cause: error });
  }
  if (type !== 1 && type !== 2) throw new ImportError("it holds an alarm of no known type");
}
