import { EMPTY_BYTES } from "../../base/bytes.ts";
import { WATCH_RANGES_MAX } from "../../base/limits.ts";
import { WireReader } from "../../base/wire.ts";

/**
 * What a WatchCreateRequest may say beside etcd's fields, with numbers that etcd will not come to
 * (docs/watch-extensions.md). They are read apart from the request itself, to which they are
 * unknown fields, so that etcd's schema stays etcd's.
 */
export interface WatchCreateExtensions {
  /** Undefined = not said, so the stream's default counts. The same for the next three. */
  readonly keysOnly: boolean | undefined;
  readonly state: boolean | undefined;
  readonly latestOnly: boolean | undefined;
  readonly deleteReason: boolean | undefined;
  /** Further ranges, borrowed; of too many, one more than the bound. */
  readonly ranges: readonly WatchRangeField[];
}

/** A range as a request writes it. */
export interface WatchRangeField {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
interface Draft extends Mutable<Omit<WatchCreateExtensions, "ranges">> {
  readonly ranges: WatchRangeField[];
}

/** Field number * 8 + wire type. */
const CREATE_REQUEST_TAG = 10;
const KEYS_ONLY_TAG: number = 1001 * 8;
const STATE_TAG: number = 1002 * 8;
const LATEST_ONLY_TAG: number = 1003 * 8;
const DELETE_REASON_TAG: number = 1004 * 8;
const RANGES_TAG: number = 1005 * 8 + 2;
const RANGE_KEY_TAG = 10;
const RANGE_END_TAG = 18;

/**
 * The extensions in a WatchRequest that creates; undefined when there are none, as from every stock
 * client. @throws WireError when the bytes are no such message
 */
export function decodeWatchExtensions(bytes: Uint8Array): WatchCreateExtensions | undefined {
  const reader = new WireReader(bytes);
  let draft: Draft | undefined;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag !== CREATE_REQUEST_TAG) {
      reader.skip(tag);
      continue;
    }
    const outerEnd = reader.enter();
    while (!reader.done) {
      const field = reader.tag();
      if (isExtension(field)) readExtension(reader, field, (draft ??= newDraft()));
      else reader.skip(field);
    }
    reader.leave(outerEnd);
  }
  return draft;
}

function newDraft(): Draft {
  return {
    keysOnly: undefined,
    state: undefined,
    latestOnly: undefined,
    deleteReason: undefined,
    ranges: [],
  };
}

function isExtension(tag: number): boolean {
  return (
    tag === KEYS_ONLY_TAG ||
    tag === STATE_TAG ||
    tag === LATEST_ONLY_TAG ||
    tag === DELETE_REASON_TAG ||
    tag === RANGES_TAG
  );
}

function readExtension(reader: WireReader, tag: number, draft: Draft): void {
  switch (tag) {
    case KEYS_ONLY_TAG:
      draft.keysOnly = reader.bool();
      break;
    case STATE_TAG:
      draft.state = reader.bool();
      break;
    case LATEST_ONLY_TAG:
      draft.latestOnly = reader.bool();
      break;
    case DELETE_REASON_TAG:
      draft.deleteReason = reader.bool();
      break;
    default: {
      const outerEnd = reader.enter();
      const range = readRange(reader);
      reader.leave(outerEnd);
      if (draft.ranges.length <= WATCH_RANGES_MAX) draft.ranges.push(range);
    }
  }
}

function readRange(reader: WireReader): WatchRangeField {
  let key = EMPTY_BYTES;
  let rangeEnd = EMPTY_BYTES;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === RANGE_KEY_TAG) key = reader.bytes();
    else if (tag === RANGE_END_TAG) rangeEnd = reader.bytes();
    else reader.skip(tag);
  }
  return { key, rangeEnd };
}
