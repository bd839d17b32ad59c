import { assert } from "../base/assert.ts";
import { copyBytes } from "../base/bytes.ts";
import type { KeyRange } from "../base/key-range.ts";
import { FIRST_REVISION, toRevision, type Revision } from "../base/revision.ts";
import { varintSize, WireReader, writeVarint } from "../base/wire.ts";
import {
  isTombstone,
  RecordKind,
  type Location,
  type RecordLog,
  type RecordView,
} from "../storage/record.ts";
import { Compaction } from "./compaction.ts";
import { HashJob, type KeyValueHash } from "./hash-job.ts";
import { HistoryEvent } from "./history-event.ts";
import { KeyIndex } from "./key-index.ts";
import { NO_KEY } from "./key-table.ts";
import { createRevisionOf, keyOf, versionOf } from "./key-value.ts";
import { RecordWalk } from "./record-walk.ts";
import { NO_SLOT, type Slot } from "./slot.ts";
import type { StateSlice } from "./state-slice.ts";
import { type StateTable, type StateTableName, StateTables } from "./state-tables.ts";
import type { StoreParts } from "./store-parts.ts";
import { stampOf, VersionChains } from "./version-chains.ts";
import { WriteTxn, type TxnOptions } from "./write-txn.ts";

export { NO_SLOT, type Slot } from "./slot.ts";
export { WriteTxn, type TxnOptions } from "./write-txn.ts";

const NO_COMPACTION = -1;
const CAPTURE_PREVIOUS: TxnOptions = { capturePrevious: true };

/** A compaction mark in the log that the store still needs. */
interface Mark {
  readonly kind: RecordKind;
  readonly revision: number;
  location: Location;
}

/** Figures for people and metrics. */
export interface StoreUsage {
  /** Keys that are alive at the head. */
  readonly liveKeys: number;
  /** Keys in the index, those with only a tombstone included. */
  readonly keys: number;
  readonly versions: number;
  /** Versions that compactions removed since the start. */
  readonly versionsRemoved: number;
  /** Memory of the index, nearly all of it outside of the heap. */
  readonly indexBytes: number;
}

/**
 * Every revision of every key. Records lie in the log; here is the index that finds them. One
 * writer, any number of readers: each names the revision it reads at, and never sees above it. It
 * is the caller's business that this revision is durable, and not compacted for its readers.
 */
export class MvccStore {
  readonly #log: RecordLog;
  readonly #keys: KeyIndex;
  readonly #versions: VersionChains;
  readonly #parts: StoreParts;
  readonly #compaction: Compaction;
  readonly #states: StateTables;
  readonly #readCompacted = (): number => this.#compacted;
  readonly #onTxnEnd = (txn: WriteTxn): void => this.#txnEnded(txn);
  readonly #previousOf = (key: Uint8Array, revision: Revision): Uint8Array | undefined =>
    this.previousOf(key, revision);
  #head: Revision = FIRST_REVISION;
  #liveKeys = 0;
  #writing = false;
  #compacted = NO_COMPACTION;
  #finished = NO_COMPACTION;
  #isUnfinished = false;
  /** The revision of the newest compaction that has begun to remove versions. */
  #removedBelow = NO_COMPACTION;
  #marks: Mark[] = [];

  constructor(log: RecordLog, options: { readonly hashSeed: number }) {
    this.#log = log;
    this.#keys = new KeyIndex(options.hashSeed);
    this.#versions = new VersionChains(this.#keys.table);
    this.#parts = { log, keys: this.#keys, versions: this.#versions };
    this.#compaction = new Compaction(this.#parts);
    this.#states = new StateTables({
      log,
      head: () => this.#head,
      isWriting: () => this.#writing,
    });
  }

  /** The newest applied revision. It never decreases, not even over a restart (K65). */
  get head(): Revision {
    return this.#head;
  }

  /** History below it is gone for readers, at once when a compaction is logged; -1 = none (K60). */
  get compacted(): number {
    return this.#compacted;
  }

  /** The newest compaction whose removal is through (K61, K63); -1 = none. */
  get compactionFinished(): number {
    return this.#finished;
  }

  /** Whether `compactionStep` has work. */
  get isCompacting(): boolean {
    return this.#isUnfinished;
  }

  /** Keys that are alive at the head. */
  get keyCount(): number {
    return this.#liveKeys;
  }

  get usage(): StoreUsage {
    return {
      liveKeys: this.#liveKeys,
      keys: this.#keys.table.count,
      versions: this.#versions.count,
      versionsRemoved: this.#compaction.removed,
      indexBytes: this.#keys.bytes + this.#versions.bytes,
    };
  }

  // Recovery

  /**
   * Takes one record of the log into the index; all of them, in log order, before anything else.
   */
  replay(record: RecordView): void {
    if (record.main > this.#head) this.#head = record.main;
    switch (record.kind) {
      case RecordKind.put:
      case RecordKind.tombstone:
      case RecordKind.expiryTombstone:
        this.#replayChange(record);
        return;
      case RecordKind.compactionScheduled:
      case RecordKind.compactionFinished:
        this.#replayMark(record);
        return;
      case RecordKind.stateSet:
      case RecordKind.stateDelete:
        this.#states.replay(record);
        return;
    }
  }

  /**
   * The log has been read. What a compaction dropped before the restart may still have been in it,
   * so the removal is always done once more, in steps, and finishes what was unfinished (K63).
   */
  replayed(): void {
    this.#states.replayed();
    if (this.#compacted === NO_COMPACTION) return;
    assert(this.#compacted <= this.#head, "a compaction was logged at its revision or later");
    this.#removedBelow = this.#compacted;
    this.#startCompaction();
  }

  // Reading

  /** The version of the key that is alive at the revision, or NO_SLOT. */
  find(key: Uint8Array, at: Revision): Slot {
    const id = this.#keys.find(key);
    if (id === NO_KEY) return NO_SLOT;
    const slot = this.#versions.newestAt(id, at);
    return slot === NO_SLOT || this.#versions.isTombstone(slot) ? NO_SLOT : slot;
  }

  /**
   * Visits what is alive in the range at the revision, keys ascending, until the visitor says
   * false; then returns false. The visitor does not write. No allocation, no record is read.
   */
  visit(range: KeyRange, at: Revision, visitor: (slot: Slot) => boolean): boolean {
    if (range.kind === "single") {
      const slot = this.find(range.key, at);
      return slot === NO_SLOT || visitor(slot);
    }
    if (range.kind === "empty") return true;
    const { order } = this.#keys;
    const versions = this.#versions;
    const end = range.kind === "from" ? order.end : order.seek(range.end);
    for (let position = order.seek(range.start); position < end; position = order.next(position)) {
      const slot = versions.newestAt(order.idAt(position), at);
      if (slot === NO_SLOT || versions.isTombstone(slot)) continue;
      if (!visitor(slot)) return false;
    }
    return true;
  }

  /** How many keys are alive in the range at the revision. Walks the range, but only the index. */
  count(range: KeyRange, at: Revision): number {
    if (range.kind === "single") return this.find(range.key, at) === NO_SLOT ? 0 : 1;
    if (range.kind === "empty") return 0;
    const { order } = this.#keys;
    const versions = this.#versions;
    const end = range.kind === "from" ? order.end : order.seek(range.end);
    let count = 0;
    for (let position = order.seek(range.start); position < end; position = order.next(position)) {
      const slot = versions.newestAt(order.idAt(position), at);
      if (slot !== NO_SLOT && !versions.isTombstone(slot)) count++;
    }
    return count;
  }

  /** A number of keys that the range does not exceed, deleted ones included, without a walk. */
  countAtMost(range: KeyRange): number {
    if (range.kind === "single") return 1;
    if (range.kind === "empty") return 0;
    const { order } = this.#keys;
    const end = range.kind === "from" ? order.end : order.seek(range.end);
    return order.span(order.seek(range.start), end);
  }

  /** The KeyValue in wire form: never overwritten, may be kept. May read the disk. */
  keyValue(slot: Slot): Uint8Array {
    return this.#log.read(this.#versions.location(slot));
  }

  modRevision(slot: Slot): Revision {
    return this.#versions.main(slot);
  }

  /** The key, borrowed until the next compaction step. Reads no record. */
  key(slot: Slot): Uint8Array {
    return this.#keys.table.key(this.#versions.key(slot));
  }

  /**
   * Visits all changes from the revision on, in the order in which they were made, until the
   * visitor says false; then returns false. `from` is at least the compacted revision: equal is
   * allowed (W12), and shows what the compaction kept of that revision (K62). As long as the newest
   * compaction is not durable, readers may still start below it, from the one before.
   */
  history(from: Revision, visit: (event: HistoryEvent) => boolean): boolean {
    assert(from >= this.#removedBelow, "history is not read below a removal that has begun");
    const event = new HistoryEvent(this.#previousOf);
    return this.#log.scan(from, (record) => {
      if (!isChange(record)) return true;
      if (record.main <= this.#compacted && !this.#isShown(record, from)) return true;
      event.show(record);
      return visit(event);
    });
  }

  /** The KeyValue of the key just before this revision; undefined if absent or compacted (W29). */
  previousOf(key: Uint8Array, revision: Revision): Uint8Array | undefined {
    const before = revision - 1;
    if (before < this.#compacted || before < 0) return undefined;
    const slot = this.find(key, toRevision(before));
    return slot === NO_SLOT ? undefined : this.keyValue(slot);
  }

  /** The revision of the key's newest change at or below `atMost`; 0 when none is stored. */
  newestRevision(key: Uint8Array, atMost: Revision): number {
    const id = this.#keys.find(key);
    const slot = id === NO_KEY ? NO_SLOT : this.#versions.newestAt(id, atMost);
    return slot === NO_SLOT ? 0 : this.#versions.main(slot);
  }

  /**
   * Visits the KeyValues that are alive in the range at the slice's revision, keys ascending, until
   * the visitor does not take one or the slice has no keys left. Returns the first key that was not
   * taken, owned by the caller, to go on from; undefined when the range is through.
   */
  visitAlive(
    range: KeyRange,
    slice: StateSlice,
    visit: (keyValue: Uint8Array) => boolean,
  ): Uint8Array | undefined {
    const { at } = slice;
    if (range.kind === "empty") return undefined;
    if (range.kind === "single") {
      if (slice.keysLeft-- <= 0) return range.key;
      const slot = this.find(range.key, at);
      return slot === NO_SLOT || visit(this.keyValue(slot)) ? undefined : range.key;
    }
    const { order, table } = this.#keys;
    const end = range.kind === "from" ? order.end : order.seek(range.end);
    for (let position = order.seek(range.start); position < end; position = order.next(position)) {
      const id = order.idAt(position);
      const slot = this.#versions.newestAt(id, at);
      const isAlive = slot !== NO_SLOT && !this.#versions.isTombstone(slot);
      const isTaken = slice.keysLeft-- > 0 && (!isAlive || visit(this.keyValue(slot)));
      if (!isTaken) return copyBytes(table.key(id));
    }
    return undefined;
  }

  // Writing

  /** Opens the one write txn there can be at a time. */
  begin(options: TxnOptions = CAPTURE_PREVIOUS): WriteTxn {
    assert(!this.#writing, "one txn writes at a time");
    this.#writing = true;
    return new WriteTxn(this.#parts, this.#head, options, this.#onTxnEnd);
  }

  /** Whether a write txn is open. */
  get isWriting(): boolean {
    return this.#writing;
  }

  // State beside the keys

  /** One of the tables that hold what is not a key: leases, alarms, users and roles. */
  state(name: StateTableName): StateTable {
    return this.#states.table(name);
  }

  /** Changes of state so far, for `stateDurable`. */
  get stateWrites(): number {
    return this.#states.writes;
  }

  /** The first `writes` changes of state are durable: what they replaced may leave the log. */
  stateDurable(writes: number): void {
    this.#states.durable(writes);
  }

  // Compaction

  /**
   * Logs a compaction and hides the history below the revision at once. The removal is done by
   * `compactionStep`, not to be called before this mark is durable.
   */
  compact(revision: Revision): void {
    assert(!this.#writing, "no compaction inside of a txn");
    assert(revision > this.#compacted, "a compaction goes beyond the one before");
    assert(revision <= this.#head, "a compaction is not in the future");
    this.#compacted = revision;
    this.#appendMark(RecordKind.compactionScheduled, revision);
    this.#startCompaction();
  }

  /** Removes versions for about `budget` keys and versions; the last step logs the end (K63). */
  compactionStep(budget: number): "more" | "done" {
    assert(!this.#writing, "no compaction inside of a txn");
    if (!this.#isUnfinished) return "done";
    this.#removedBelow = this.#compacted;
    if (!this.#compaction.step(budget)) return "more";
    this.#isUnfinished = false;
    if (this.#finished < this.#compacted) {
      this.#finished = this.#compacted;
      this.#appendMark(RecordKind.compactionFinished, this.#compacted);
    }
    this.#releaseOldMarks();
    return "done";
  }

  // The log's rewriting of its segments

  /**
   * Whether the index, or the next restart, still needs this record. Not to be asked while a
   * removal is under way, which may have let go of records that it has not released yet.
   */
  isLive(record: RecordView): boolean {
    assert(this.#compaction.cutCount === 0, "nothing waits for its release during a rewrite");
    if (isChange(record)) {
      return this.#slotOf(record) !== NO_SLOT;
    }
    if (isState(record)) return this.#states.isLive(record);
    return this.#marks.some((mark) => mark.location === record.location);
  }

  /** The record lies elsewhere from now on. Records that are not live are passed over. */
  moved(record: RecordView, location: Location): void {
    if (isChange(record)) {
      const slot = this.#slotOf(record);
      if (slot !== NO_SLOT) this.#versions.setLocation(slot, location);
      return;
    }
    if (isState(record)) {
      this.#states.moved(record, location);
      return;
    }
    for (const mark of this.#marks) {
      if (mark.location === record.location) mark.location = location;
    }
  }

  // Corruption checking

  /** HashKV at a revision, worked out in steps (K70). It is at most `head`. */
  hashJob(at: Revision): HashJob {
    assert(at <= this.#head, "what is hashed is not in the future");
    return new HashJob(this.#parts, at, this.#readCompacted);
  }

  /** Walks what is stored of keys at a revision: see `RecordWalk`. */
  recordWalk(at: Revision, compacted: number): RecordWalk {
    return new RecordWalk(this.#parts, at, compacted);
  }

  /** HashKV in one go, at a revision from `compacted` to `head`. */
  hashKv(at: Revision): KeyValueHash {
    const job = this.hashJob(at);
    const progress = job.step(Number.POSITIVE_INFINITY);
    assert(progress === "done", "what is hashed at once is in the history");
    return job.result;
  }

  /** For tests: walks everything. */
  checkInvariants(): void {
    this.#keys.checkInvariants();
    const chained = this.#versions.checkInvariants();
    assert(
      chained + this.#compaction.cutCount === this.#versions.count,
      "every version is in a chain or waits to be freed",
    );
    let live = 0;
    const { order, table } = this.#keys;
    for (let at = order.start; at < order.end; at = order.next(at)) {
      const head = table.head(order.idAt(at));
      assert(head !== NO_SLOT, "a key in the index has a version");
      if (!this.#versions.isTombstone(head)) live++;
      assert(this.#versions.main(head) <= this.#head, "no version is above the head");
    }
    assert(live === this.#liveKeys, "the live keys are counted");
  }

  #txnEnded(txn: WriteTxn): void {
    this.#writing = false;
    this.#head = txn.visibleRevision;
    this.#liveKeys += txn.liveDelta;
  }

  #replayChange(record: RecordView): void {
    const key = keyOf(record.payload);
    const hash = this.#keys.hashOf(key);
    let id = this.#keys.findHashed(key, hash);
    let wasLive = false;
    if (id === NO_KEY) id = this.#keys.add(key, hash);
    else wasLive = !this.#versions.isTombstone(this.#keys.table.head(id));
    const isDelete = isTombstone(record.kind);
    this.#versions.add(id, record.main, stampOf(record.sub, isDelete), record.location);
    if (!isDelete) {
      const { payload } = record;
      this.#keys.table.setGeneration(id, createRevisionOf(payload), versionOf(payload));
    }
    this.#liveKeys += (isDelete ? 0 : 1) - (wasLive ? 1 : 0);
  }

  #replayMark(record: RecordView): void {
    const revision = new WireReader(record.payload).uint();
    this.#marks.push({ kind: record.kind, revision, location: record.location });
    this.#compacted = Math.max(this.#compacted, revision);
    if (record.kind === RecordKind.compactionFinished) {
      this.#finished = Math.max(this.#finished, revision);
    }
  }

  #startCompaction(): void {
    this.#isUnfinished = true;
    this.#compaction.start(this.#compacted);
  }

  #appendMark(kind: RecordKind, revision: number): void {
    const payload = this.#log.append(kind, this.#head, 0, varintSize(revision));
    writeVarint(payload, 0, revision);
    this.#marks.push({ kind, revision, location: this.#log.appendedAt });
  }

  /** The newest compaction's two marks say all that a restart has to know. */
  #releaseOldMarks(): void {
    const kept: Mark[] = [];
    for (const mark of this.#marks) {
      if (mark.revision === this.#compacted) kept.push(mark);
      else this.#log.release(mark.location);
    }
    this.#marks = kept;
  }

  #slotOf(record: RecordView): Slot {
    const id = this.#keys.find(keyOf(record.payload));
    return id === NO_KEY ? NO_SLOT : this.#versions.exact(id, record.main, record.sub);
  }

  /** Whether a record at or below the compacted revision is history for readers from `from` on. */
  #isShown(record: RecordView, from: Revision): boolean {
    const slot = this.#slotOf(record);
    if (slot === NO_SLOT || from < this.#compacted) return slot !== NO_SLOT;
    // Of several changes of one key at the compacted revision itself, only the last is kept (K62).
    return slot === this.#versions.newestAt(this.#versions.key(slot), this.#compacted);
  }
}

/** Whether the record is a version of a key. */
function isChange({ kind }: RecordView): boolean {
  return kind === RecordKind.put || isTombstone(kind);
}

function isState({ kind }: RecordView): boolean {
  return kind === RecordKind.stateSet || kind === RecordKind.stateDelete;
}
