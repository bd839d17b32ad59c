import type { Revision } from "../base/revision.ts";

declare const locationBrand: unique symbol;

/**
 * Where one record lies: segment number * 2^28 + offset of the record in the segment's file. Stays
 * valid until compaction moves the record, which it tells the index in the same step.
 */
export type Location = number & { readonly [locationBrand]: true };

/** What a record is; the byte stands in the file and never changes its meaning. */
export const RecordKind = {
  /** payload: the mvccpb.KeyValue in wire form */
  put: 1,
  /** payload: a mvccpb.KeyValue with only the key (K70) */
  tombstone: 2,
  /** payload: the revision as a varint; history below it is gone for readers (K63) */
  compactionScheduled: 3,
  /** payload: the revision as a varint; the index dropped all that it had to (K63) */
  compactionFinished: 4,
  /** A tombstone in all but its kind, which says that the key went with its lease. */
  expiryTombstone: 5,
  /** payload: number of the state table, length of the key as a varint, key, value */
  stateSet: 6,
  /** payload: number of the state table, length of the key as a varint, key */
  stateDelete: 7,
} as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

/** Whether the record says that a key is gone. */
export function isTombstone(kind: RecordKind): boolean {
  return kind === RecordKind.tombstone || kind === RecordKind.expiryTombstone;
}

/** Whether the record, of no use by itself, keeps an older one from coming back at a restart. */
export function isErasure(kind: RecordKind): boolean {
  return isTombstone(kind) || kind === RecordKind.stateDelete;
}

/** One record as a scan shows it: borrowed, the object is filled anew for the next record. */
export interface RecordView {
  readonly kind: RecordKind;
  /** The revision of a put or tombstone; of other kinds the store's revision when it was logged. */
  readonly main: Revision;
  /** The place inside the revision (O2). */
  readonly sub: number;
  /** Never overwritten: may be kept beyond the visit. */
  readonly payload: Uint8Array;
  readonly location: Location;
}

/**
 * The append-only log of records, as mvcc sees it. Appended records are readable at once; they are
 * durable when the frame that collects them has been committed (`LogStore.commit`).
 */
export interface RecordLog {
  /**
   * Adds a record of `length` payload bytes to the collecting frame and returns the room for them,
   * to be filled before the next call. Its place is in `appendedAt`. Mains never decrease.
   */
  append(kind: RecordKind, main: Revision, sub: number, length: number): Uint8Array;
  readonly appendedAt: Location;

  /** The payload at a location: never overwritten, may be kept. Reads the disk if not resident. */
  read(location: Location): Uint8Array;

  /**
   * Visits records in log order, from the first one with main >= `from` on, until the visitor says
   * false or the end of what has been appended. Returns false when the visitor stopped it.
   */
  scan(from: Revision, visit: (record: RecordView) => boolean): boolean;

  /** The index no longer needs the record here: its bytes count as dead in its segment. */
  release(location: Location): void;
}
