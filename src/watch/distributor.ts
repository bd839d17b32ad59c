import { assert } from "../base/assert.ts";
import { EMPTY_BYTES } from "../base/bytes.ts";
import type { Revision } from "../base/revision.ts";
import { type Audience, seatsTaken, watcherAt } from "./audience.ts";
import { BodyEncoder, type EventForm } from "./body-encoder.ts";
import type { ClassIndex } from "./class-index.ts";
import type { EventBlock } from "./event-block.ts";
import type { EventSink } from "./event-sink.ts";
import { EventChains, NO_ENTRY } from "./event-chains.ts";
import type { History } from "./history.ts";
import { Piece } from "./piece.ts";
import type { ResponseHead } from "./response-head.ts";
import type { AudienceKind, WatchClass } from "./watch-class.ts";
import { NOT_WAITING, type Position, type Watcher } from "./watcher.ts";

export interface DistributorOptions {
  readonly head: ResponseHead;
  readonly index: ClassIndex;
  readonly history: History;
  /** The revision of the key's newest change that watchers may know; 0 when none is stored. */
  readonly newestRevision: (key: Uint8Array) => number;
  /** Responses are cut between revisions at this many bytes of events (D9). */
  readonly responseBytesMax: number;
  /** A response of this size is fragmented for a watcher that asked for it (W60). */
  readonly fragmentBytes: number;
  /**
   * Called for a watcher whose stream refused events; `nextRevision` is the first one not taken.
   */
  readonly refused: (watcher: Watcher, nextRevision: Revision) => void;
}

/** A stretch of one block, and who it is for. */
export interface Stretch {
  readonly block: EventBlock;
  /** Indices of the first event and the one behind the last. */
  readonly from: number;
  readonly to: number;
  readonly audience: AudienceKind;
  /** Every event up to this revision is in this stretch or was sent before. */
  readonly through: Revision;
}

/**
 * Takes a stretch of events to all watchers of one kind that want them: walks the events once,
 * finds the classes, encodes each class's events once (a view of the block where they lie side by
 * side) and offers head + shared bytes to each stream. Nothing here waits, and in the steady state
 * nothing is allocated per watcher and event.
 */
export class Distributor {
  readonly #options: DistributorOptions;
  readonly #found: WatchClass[] = [];
  readonly #touched: WatchClass[] = [];
  readonly #chains = new EventChains();
  readonly #piece = new Piece();
  readonly #encoder: BodyEncoder;
  /** Events sent to watchers so far, each counted once for every watcher. */
  eventsSent = 0;
  /** Bytes of these events. */
  eventBytesSent = 0;
  /** Bytes of states: each is read from the store for one audience. */
  #stateBytes = 0;

  constructor(options: DistributorOptions) {
    this.#options = options;
    this.#encoder = new BodyEncoder(options.history);
  }

  /** Bytes put together so far: states, and events for classes that want them in another form. */
  get bytesEncoded(): number {
    return this.#stateBytes + this.#encoder.bytesEncoded;
  }

  distribute(stretch: Stretch): void {
    this.#gather(stretch);
    for (const watchClass of this.#touched) {
      const audience = watchClass.audience(stretch.audience);
      this.#serve(watchClass, audience, stretch);
    }
    this.#touched.length = 0;
    this.#chains.clear();
  }

  /** Takes one slice of a state, which is the whole block, to those who are listing it. */
  sendState(block: EventBlock, watchClass: WatchClass, audience: Audience): void {
    const { extras } = watchClass.wishes;
    // An event of a state tells of no change, so there is nothing before it.
    const form = { prevKv: false, ...(extras === undefined ? {} : { extras }) };
    const piece = this.#piece;
    piece.clear();
    for (let event = 0; event < block.count; event++) {
      this.#encoder.add(piece, block, event, form);
    }
    piece.headerRevision = block.firstRevision;
    piece.body = this.#encoder.encode(piece, block);
    this.#stateBytes += block.start(block.count);
    this.#offerToAll(audience, piece, block);
  }

  /** Tells those who were listing the state at this revision that they have all of it. */
  sendStateComplete(audience: Audience, revision: Revision): void {
    const { head, refused } = this.#options;
    head.begin(revision);
    for (let seat = seatsTaken(audience) - 1; seat >= 0; seat--) {
      const watcher = watcherAt(audience, seat);
      const length = head.withStateComplete(head.withId(watcher.id));
      if (this.#offerMessage(watcher, length, EMPTY_BYTES)) watcher.waitsSince = NOT_WAITING;
      else refused(watcher, revision);
    }
  }

  #gather({ block, from, to, audience: kind }: Stretch): void {
    if (this.#options.index.size === 0) return;
    const found = this.#found;
    for (let event = from; event < to; event++) {
      found.length = 0;
      this.#options.index.find(block, event, found);
      for (const watchClass of found) {
        if (!watchClass.listens(kind)) continue;
        const audience = watchClass.audience(kind);
        const isSkipped =
          kind !== "synced" &&
          watchClass.wishes.extras?.latestOnly === true &&
          this.#isOutdated(block, event);
        const isFirst = this.#chains.add(audience, event, isSkipped);
        if (isFirst) this.#touched.push(watchClass);
      }
    }
  }

  /** Whether its key has changed again since, by what watchers may know. */
  #isOutdated(block: EventBlock, event: number): boolean {
    const key = block.slab.subarray(block.keyStart(event), block.keyEnd(event));
    return this.#options.newestRevision(key) > block.revision(event);
  }

  /** Cuts the class's events into responses and offers each to all of the audience. */
  #serve(watchClass: WatchClass, audience: Audience, { block, through }: Stretch): void {
    const form = watchClass.wishes;
    const piece = this.#piece;
    let entry = this.#chains.take(audience);
    while (entry !== NO_ENTRY) {
      entry = this.#cutPiece(piece, block, entry, form);
      piece.headerRevision =
        entry === NO_ENTRY ? through : block.revision(this.#chains.event(entry)) - 1;
      if (piece.count > 0) {
        piece.body = this.#encoder.encode(piece, block);
        this.#offerToAll(audience, piece, block);
      } else {
        for (let seat = seatsTaken(audience) - 1; seat >= 0; seat--) {
          noteSkip(watcherAt(audience, seat), piece.lastSkip);
        }
      }
    }
  }

  /**
   * Fills the piece with whole revisions up to the byte bound; returns the first entry left over.
   */
  #cutPiece(piece: Piece, block: EventBlock, firstEntry: number, form: EventForm): number {
    const bytesMax = this.#options.responseBytesMax;
    piece.clear();
    piece.fromRevision = block.revision(this.#chains.event(firstEntry));
    let entry = firstEntry;
    while (entry !== NO_ENTRY) {
      const revision = block.revision(this.#chains.event(entry));
      const countBefore = piece.count;
      const skipBefore = piece.lastSkip;
      let next = entry;
      while (next !== NO_ENTRY && block.revision(this.#chains.event(next)) === revision) {
        if (this.#chains.isSkipped(next)) piece.lastSkip = revision;
        else this.#encoder.add(piece, block, this.#chains.event(next), form);
        next = this.#chains.next(next);
      }
      if (countBefore > 0 && piece.bytes > bytesMax) {
        piece.truncate(countBefore);
        piece.lastSkip = skipBefore;
        return entry;
      }
      entry = next;
    }
    return NO_ENTRY;
  }

  #offerToAll(audience: Audience, piece: Piece, block: EventBlock): void {
    const { head, refused } = this.#options;
    const firstRevision = block.revision(piece.event(0));
    const lastRevision = block.revision(piece.event(piece.count - 1));
    head.begin(piece.headerRevision);
    // Backwards: a refused watcher gives its seat to the last one, which has been served already.
    for (let seat = seatsTaken(audience) - 1; seat >= 0; seat--) {
      const watcher = watcherAt(audience, seat);
      const { position } = watcher;
      const skipped = piece.lastSkip > 0 && noteSkip(watcher, piece.lastSkip);
      let first = 0;
      if (position.kind === "riding" && position.boarded > firstRevision) {
        if (position.boarded > lastRevision) continue;
        first = piece.indexFrom(position.boarded, block);
      }
      if (this.#offer(watcher, piece, first)) {
        watcher.sent();
        this.eventsSent += piece.count - first;
        this.eventBytesSent += piece.bytes - piece.offset(first);
      } else {
        // It is met again, and said then.
        if (skipped) watcher.skipped = false;
        refused(watcher, cursorOf(position, piece, block.revision(piece.event(first))));
      }
    }
  }

  #offer(watcher: Watcher, piece: Piece, first: number): boolean {
    const { head, fragmentBytes } = this.#options;
    const body = first === 0 ? piece.body : piece.body.subarray(piece.offset(first));
    const idLength = head.withId(watcher.id);
    const headLength = watcher.skipped ? head.withSkipped(idLength) : idLength;
    const isFragmented =
      watcher.fragment && piece.count - first > 1 && headLength + body.length >= fragmentBytes;
    if (!isFragmented) return this.#offerMessage(watcher, headLength, body);
    return this.#offerFragments(watcher, piece, first, headLength);
  }

  /** Offers the head as it stands, and a body. A stream that owes this watcher takes it anyway. */
  #offerMessage(watcher: Watcher, headLength: number, body: Uint8Array): boolean {
    const { head } = this.#options;
    const { stream } = watcher;
    if (stream.sink.offer(head.bytes, headLength, body)) return true;
    if (!stream.mustTake(watcher)) return false;
    sendWhole(stream.sink, head.bytes.subarray(0, headLength), body);
    return true;
  }

  /**
   * W61: as many events as stay below the bound, at least one. The first fragment may be refused;
   * the others follow at once whatever the stream says, since nothing may come between (W63).
   */
  #offerFragments(watcher: Watcher, piece: Piece, first: number, headLength: number): boolean {
    const { head, fragmentBytes } = this.#options;
    const { sink } = watcher.stream;
    let from = first;
    while (from < piece.count) {
      let to = from + 1;
      while (
        to < piece.count &&
        headLength + 2 + piece.offset(to + 1) - piece.offset(from) < fragmentBytes
      ) {
        to++;
      }
      const isLast = to === piece.count;
      const length = isLast ? headLength : head.withFragment(headLength);
      const body = piece.body.subarray(piece.offset(from), piece.offset(to));
      if (from === first) {
        if (!this.#offerMessage(watcher, length, body)) return false;
      } else sendWhole(sink, head.bytes.subarray(0, length), body);
      from = to;
    }
    return true;
  }
}

/**
 * A change is skipped for a rider unless it boarded above it. True when it is the first one since
 * the rider's last response.
 */
function noteSkip(watcher: Watcher, lastSkip: number): boolean {
  const { position } = watcher;
  assert(position.kind === "riding", "nobody who is level skips a change");
  if (watcher.skipped || position.boarded > lastSkip) return false;
  watcher.skipped = true;
  return true;
}

/** The first revision not taken: of the event refused, or lower when some were skipped before. */
function cursorOf(position: Position, piece: Piece, refused: Revision): Revision {
  if (piece.lastSkip === 0 || position.kind !== "riding") return refused;
  return position.boarded > piece.fromRevision ? position.boarded : piece.fromRevision;
}

/** Sends a message that may not be refused. */
function sendWhole(sink: EventSink, head: Uint8Array, body: Uint8Array): void {
  const message = new Uint8Array(head.length + body.length);
  message.set(head);
  message.set(body, head.length);
  sink.control(message);
}
