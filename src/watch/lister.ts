import { type Audience, leaveSeat, newAudience, seatsTaken, watcherAt } from "./audience.ts";
import { unreachable } from "../base/assert.ts";
import { compareBytes, EMPTY_BYTES } from "../base/bytes.ts";
import type { KeyRange } from "../base/key-range.ts";
import { nextRevision, type Revision } from "../base/revision.ts";
import type { Distributor } from "./distributor.ts";
import { EventBlock, type EventSource } from "./event-block.ts";
import type { History } from "./history.ts";
import type { HubEvent } from "./transitions.ts";
import type { WatchClass } from "./watch-class.ts";
import { partsOf } from "./watch-range.ts";
import { type Position, SYNCED, type Watcher } from "./watcher.ts";

/** How far somebody is with the state. Never changed, so shared by all who stand there. */
export interface ListingCursor {
  /** The state is the one at this revision. */
  readonly revision: Revision;
  /** The first key that is still to come; undefined = only the marker is. */
  readonly nextKey: Uint8Array | undefined;
}

/** Watchers of one class that are sent the state at one revision from the same key on, together. */
export class Listing {
  readonly watchClass: WatchClass;
  readonly audience: Audience = newAudience();
  /** The position of all of them. */
  readonly position: Position = { kind: "listing", listing: this };
  cursor: ListingCursor;

  constructor(watchClass: WatchClass, cursor: ListingCursor) {
    this.watchClass = watchClass;
    this.cursor = cursor;
  }
}

/** What a lister needs of the hub around it. */
export interface ListerHost {
  readonly head: Revision;
  readonly compacted: number;
  readonly history: History;
  readonly distributor: Distributor;
  move(watcher: Watcher, to: Position, event: HubEvent): void;
  sendBehind(watcher: Watcher, from: Revision, event: HubEvent): void;
}

export interface ListerBounds {
  /** Keys of the index that one step looks at. */
  readonly keysPerStep: number;
  /** Bytes of events in one response, but for a single larger one. */
  readonly responseBytesMax: number;
}

/**
 * Sends watchers the keys as they are at one revision, before they are sent the changes that
 * follow: as PUT events in key order, one slice a step, and a marker behind the last. Whoever asks
 * for the same keys at the same revision shares the reading and the bytes, as long as streams take
 * them. Listings take turns; whose stream takes no more is parked with the key to go on from.
 *
 *     create ──> listing ──────────> the changes: synced or unsynced
 *                 │   ^
 *         refused v   │ drained            compacted beyond the revision ──> cancelled
 *                victim
 */
export class Lister {
  readonly #host: ListerHost;
  readonly #bounds: ListerBounds;
  /** In the order of their turns. */
  readonly #turns = new Set<Listing>();
  /** The same by class and cursor, for those who may join. */
  readonly #byCursor = new Map<WatchClass, Map<string, Listing>>();

  constructor(host: ListerHost, bounds: ListerBounds) {
    this.#host = host;
    this.#bounds = bounds;
  }

  get busy(): boolean {
    return this.#turns.size > 0;
  }

  /** The position of a watcher that is sent the state as it is now. */
  begin(watchClass: WatchClass): Position {
    // Whoever wants no PUT events is sent the marker alone.
    const nextKey = watchClass.wishes.noPut ? undefined : EMPTY_BYTES;
    return this.resume(watchClass, { revision: this.#host.head, nextKey });
  }

  /** The position of a watcher that goes on from where it was parked. */
  resume(watchClass: WatchClass, cursor: ListingCursor): Position {
    const joined = this.#byCursor.get(watchClass)?.get(nameOf(cursor));
    if (joined !== undefined) return joined.position;
    const listing = new Listing(watchClass, cursor);
    this.#turns.add(listing);
    this.#rememberCursor(listing);
    return listing.position;
  }

  /** Called by the hub when a watcher loses the position "listing". */
  left(watcher: Watcher, listing: Listing): void {
    leaveSeat(listing.audience, watcher);
    if (seatsTaken(listing.audience) === 0) this.#remove(listing);
  }

  /** One slice of one listing. */
  step(): void {
    const [listing] = this.#turns;
    if (listing === undefined) return;
    const { revision, nextKey } = listing.cursor;
    if (revision < this.#host.compacted) {
      this.#cancel(listing);
      return;
    }
    const next = nextKey === undefined ? undefined : this.#sendSlice(listing, nextKey);
    // Whose stream took nothing is parked by now, with the cursor from before the slice.
    if (!this.#turns.delete(listing)) return;
    this.#turns.add(listing);
    this.#advance(listing, { revision, nextKey: next });
    if (next === undefined) this.#finish(listing);
  }

  /** Sends one slice, and returns the key that the next one begins with. */
  #sendSlice({ watchClass, audience, cursor }: Listing, from: Uint8Array): Uint8Array | undefined {
    const { revision } = cursor;
    const { keysPerStep, responseBytesMax } = this.#bounds;
    const events: EventSource[] = [];
    let bytes = 0;
    const take = (keyValue: Uint8Array): boolean => {
      const event = stateEvent(keyValue, revision);
      const size = EventBlock.encodedSize(event);
      if (events.length > 0 && bytes + size > responseBytesMax) return false;
      events.push(event);
      bytes += size;
      return true;
    };
    const slice = { at: revision, keysLeft: keysPerStep };
    let next: Uint8Array | undefined;
    for (const part of partsOf(watchClass.range)) {
      const rest = partFrom(part, from);
      if (rest !== undefined) next = this.#host.history.visitAlive(rest, slice, take);
      if (next !== undefined) break;
    }
    if (events.length === 0) return next;
    const block = new EventBlock(bytes);
    for (const event of events) block.append(event);
    this.#host.distributor.sendState(block, watchClass, audience);
    return next;
  }

  /** The marker, and then the changes, for everybody whose stream takes it. */
  #finish({ audience, cursor: { revision } }: Listing): void {
    this.#host.distributor.sendStateComplete(audience, revision);
    const isLevel = revision === this.#host.head;
    for (let seat = seatsTaken(audience) - 1; seat >= 0; seat--) {
      const watcher = watcherAt(audience, seat);
      if (isLevel) this.#host.move(watcher, SYNCED, "state-complete");
      else this.#host.sendBehind(watcher, nextRevision(revision), "state-outrun");
    }
  }

  /** A compaction beyond the revision: what was still to be listed is gone. */
  #cancel({ audience }: Listing): void {
    for (let seat = seatsTaken(audience) - 1; seat >= 0; seat--) {
      const watcher = watcherAt(audience, seat);
      watcher.stream.cancelCompacted(watcher, this.#host.compacted);
    }
  }

  #advance(listing: Listing, cursor: ListingCursor): void {
    this.#forgetCursor(listing);
    listing.cursor = cursor;
    this.#rememberCursor(listing);
  }

  #remove(listing: Listing): void {
    this.#turns.delete(listing);
    this.#forgetCursor(listing);
  }

  #rememberCursor(listing: Listing): void {
    const { watchClass, cursor } = listing;
    const ofClass = this.#byCursor.get(watchClass) ?? new Map<string, Listing>();
    this.#byCursor.set(watchClass, ofClass);
    ofClass.set(nameOf(cursor), listing);
  }

  #forgetCursor(listing: Listing): void {
    const { watchClass, cursor } = listing;
    const ofClass = this.#byCursor.get(watchClass);
    const name = nameOf(cursor);
    // Another one may stand where this one does, and be the one that is found.
    if (ofClass?.get(name) !== listing) return;
    ofClass.delete(name);
    if (ofClass.size === 0) this.#byCursor.delete(watchClass);
  }
}

function nameOf({ revision, nextKey }: ListingCursor): string {
  const key = nextKey === undefined ? "" : `=${Buffer.from(nextKey).toString("latin1")}`;
  return `${revision}${key}`;
}

/** The revision is that of the state, not of the key's last put: one response is for one state. */
function stateEvent(keyValue: Uint8Array, revision: Revision): EventSource {
  return { type: "put", revision, keyValue, isCreate: false, previous: undefined };
}

/** What is left of the range from this key on. */
function partFrom(range: KeyRange, from: Uint8Array): KeyRange | undefined {
  switch (range.kind) {
    case "single":
      return compareBytes(range.key, from) < 0 ? undefined : range;
    case "range":
      if (compareBytes(range.end, from) <= 0) return undefined;
      return compareBytes(range.start, from) < 0 ? { ...range, start: from } : range;
    case "from":
      return compareBytes(range.start, from) < 0 ? { ...range, start: from } : range;
    case "empty":
      return undefined;
    default:
      return unreachable(range);
  }
}
