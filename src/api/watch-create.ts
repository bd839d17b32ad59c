import { copyBytes } from "../base/bytes.ts";
import { type KeyRange, parseKeyRange } from "../base/key-range.ts";
import { WATCH_RANGES_MAX } from "../base/limits.ts";
import type { WatchId } from "../watch/response-head.ts";
import type { Interest, WatchExtras } from "../watch/interest.ts";
import { joinRanges, type WatchRange } from "../watch/watch-range.ts";
import type { CreateRequest } from "../watch/watch-stream.ts";
import type { WatchCreateRequest } from "./proto/messages-key-value.ts";
import type { WatchCreateExtensions, WatchRangeField } from "./proto/watch-extensions.ts";

/** What every watcher of a stream asks for unless its create says otherwise. */
export interface WatchDefaults {
  readonly keysOnly: boolean;
  readonly state: boolean;
  readonly latestOnly: boolean;
  readonly deleteReason: boolean;
}

/** The request header that carries the defaults, for clients that cannot set fields of our own. */
export const WATCH_HEADER = "vedette-watch";

const WORDS: Readonly<Record<string, keyof WatchDefaults>> = {
  "keys-only": "keysOnly",
  state: "state",
  latest: "latestOnly",
  "delete-reason": "deleteReason",
};
const NO_DEFAULTS: WatchDefaults = {
  keysOnly: false,
  state: false,
  latestOnly: false,
  deleteReason: false,
};
const FILTER_NO_PUT = 0;
const FILTER_NO_DELETE = 1;
/** Names every key from the smallest on: what an empty key stands for (W6). */
const SMALLEST_KEY: Uint8Array = Uint8Array.of(0);
/** Of a word that nobody knows, as many characters are told back. */
const QUOTED_LENGTH_MAX = 64;
const TOO_MANY_RANGES = `vedette: a watch has at most ${WATCH_RANGES_MAX} further ranges`;

/** Reads the header's value, words between commas; a string says what is wrong with it. */
export function parseWatchHeader(value: string | undefined): WatchDefaults | string {
  if (value === undefined) return NO_DEFAULTS;
  const defaults = { ...NO_DEFAULTS };
  for (const word of value.split(",").map((text) => text.trim())) {
    if (word === "") continue;
    const name = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
    if (name === undefined) {
      const quoted = JSON.stringify(word.slice(0, QUOTED_LENGTH_MAX));
      const known = Object.keys(WORDS).join(", ");
      return `${WATCH_HEADER}: unknown word ${quoted}; the words are ${known}`;
    }
    defaults[name] = true;
  }
  return defaults;
}

/**
 * A create as the watch room knows it; a string is the reason why it is refused. The bytes are
 * copied: a watch outlives its request.
 */
export function parseCreate(
  request: WatchCreateRequest,
  extensions: WatchCreateExtensions | undefined,
  defaults: WatchDefaults,
): CreateRequest | string {
  const further = extensions?.ranges ?? [];
  if (further.length > WATCH_RANGES_MAX) return TOO_MANY_RANGES;
  const extras: WatchExtras = {
    keysOnly: extensions?.keysOnly ?? defaults.keysOnly,
    latestOnly: extensions?.latestOnly ?? defaults.latestOnly,
    deleteReason: extensions?.deleteReason ?? defaults.deleteReason,
  };
  const interest: Interest = {
    range: parseRanges(request, further),
    noPut: request.filters.includes(FILTER_NO_PUT),
    noDelete: request.filters.includes(FILTER_NO_DELETE),
    prevKv: request.prevKv,
  };
  const hasExtras = extras.keysOnly || extras.latestOnly || extras.deleteReason;
  return {
    id: toWatchId(request.watchId),
    interest: hasExtras ? { ...interest, extras } : interest,
    startRevision: request.startRevision,
    // A default gives way to a start_revision, so that clients may go on where they left off.
    state: extensions?.state ?? (defaults.state && request.startRevision === 0),
    progressNotify: request.progressNotify,
    fragment: request.fragment,
  };
}

function parseRanges(request: WatchCreateRequest, further: readonly WatchRangeField[]): WatchRange {
  if (further.length === 0) return parseRange(request);
  const ranges = further.map(parseRange);
  // Who names all ranges as further ones does not mean the empty key by saying nothing.
  const isNamed = request.key.length > 0 || request.rangeEnd.length > 0;
  if (isNamed) ranges.push(parseRange(request));
  return joinRanges(ranges);
}

function parseRange({ key, rangeEnd }: WatchRangeField): KeyRange {
  return parseKeyRange(key.length === 0 ? SMALLEST_KEY : copyBytes(key), copyBytes(rangeEnd));
}

/** Small ids are numbers, so that equal ids are equal keys of a map. */
export function toWatchId(id: bigint): WatchId {
  return id >= 0n && id <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(id) : id;
}
