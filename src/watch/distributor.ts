import type { Revision } from "../base/revision.ts";
import { BodyEncoder, type EventForm } from "./body-encoder.ts";
import type { EventBlock } from "./event-block.ts";
import type { History } from "./history.ts";
import { Piece } from "./piece.ts";
import type { ResponseHead } from "./response-head.ts";
import type { Audience, AudienceKind, ClassIndex, WatchClass } from "./watch-class.ts";
import type { Watcher } from "./watcher.ts";

export interface DistributorOptions {
  readonly head: ResponseHead;
  readonly index: ClassIndex;
  readonly history: History;
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
  /** Chains of gathered events: event index and next entry (-1 = last). */
  #entryEvent = new Uint32Array(1024);
  #entryNext = new Int32Array(1024);
  #entries = 0;
  readonly #piece = new Piece();
  readonly #encoder: BodyEncoder;
  /** Events sent to watchers so far, each counted once for every watcher. */
  eventsSent = 0;
  /** Bytes of these events. */
  eventBytesSent = 0;
  /** Bytes of events that were read from the store, and so encoded for one stretch alone. */
  #storeBytes = 0;

  constructor(options: DistributorOptions) {
    this.#options = options;
    this.#encoder = new BodyEncoder(options.history);
  }

  /** Bytes of events encoded so far beside those of the event log. */
  get bytesEncoded(): number {
    return this.#storeBytes + this.#encoder.bytesEncoded;
  }

  distribute(stretch: Stretch): void {
    if (stretch.audience === "store") {
      this.#storeBytes += stretch.block.start(stretch.to) - stretch.block.start(stretch.from);
    }
    this.#gather(stretch);
    for (const watchClass of this.#touched) {
      const audience = watchClass.audience(stretch.audience);
      this.#serve(watchClass, audience, stretch);
      audience.firstGathered = -1;
      audience.lastGathered = -1;
    }
    this.#touched.length = 0;
    this.#entries = 0;
  }

  #gather({ block, from, to, audience: kind }: Stretch): void {
    const found = this.#found;
    for (let event = from; event < to; event++) {
      found.length = 0;
      this.#options.index.find(block, event, found);
      for (const watchClass of found) {
        if (!watchClass.listens(kind)) continue;
        const audience = watchClass.audience(kind);
        const entry = this.#newEntry(event);
        if (audience.lastGathered === -1) {
          audience.firstGathered = entry;
          this.#touched.push(watchClass);
        } else this.#entryNext[audience.lastGathered] = entry;
        audience.lastGathered = entry;
      }
    }
  }

  #newEntry(event: number): number {
    const entry = this.#entries++;
    if (entry === this.#entryEvent.length) {
      const events = new Uint32Array(entry * 2);
      events.set(this.#entryEvent);
      this.#entryEvent = events;
      const nexts = new Int32Array(entry * 2);
      nexts.set(this.#entryNext);
      this.#entryNext = nexts;
    }
    this.#entryEvent[entry] = event;
    this.#entryNext[entry] = -1;
    return entry;
  }

  /** Cuts the class's events into responses and offers each to all of the audience. */
  #serve(watchClass: WatchClass, audience: Audience, { block, through }: Stretch): void {
    const form = watchClass.interest;
    const piece = this.#piece;
    let entry = audience.firstGathered;
    while (entry !== -1) {
      entry = this.#cutPiece(piece, block, entry, form);
      piece.headerRevision =
        entry === -1 ? through : block.revision(this.#entryEvent[entry] as number) - 1;
      piece.body = this.#encoder.encode(piece, block);
      this.#offerToAll(audience, piece, block);
    }
  }

  /**
   * Fills the piece with whole revisions up to the byte bound; returns the first entry left over.
   */
  #cutPiece(piece: Piece, block: EventBlock, firstEntry: number, form: EventForm): number {
    const bytesMax = this.#options.responseBytesMax;
    piece.clear();
    let entry = firstEntry;
    while (entry !== -1) {
      const revision = block.revision(this.#entryEvent[entry] as number);
      const countBefore = piece.count;
      let next = entry;
      while (next !== -1 && block.revision(this.#entryEvent[next] as number) === revision) {
        this.#encoder.add(piece, block, this.#entryEvent[next] as number, form);
        next = this.#entryNext[next] as number;
      }
      if (countBefore > 0 && piece.bytes > bytesMax) {
        piece.truncate(countBefore);
        return entry;
      }
      entry = next;
    }
    return -1;
  }

  #offerToAll(audience: Audience, piece: Piece, block: EventBlock): void {
    const { head, refused } = this.#options;
    const firstRevision = block.revision(piece.event(0));
    const lastRevision = block.revision(piece.event(piece.count - 1));
    const { watchers } = audience;
    head.begin(piece.headerRevision);
    // Backwards: a refused watcher gives its seat to the last one, which has been served already.
    for (let i = watchers.length - 1; i >= 0; i--) {
      const watcher = watchers[i] as Watcher;
      const { position } = watcher;
      let first = 0;
      if (position.kind === "riding" && position.boarded > firstRevision) {
        if (position.boarded > lastRevision) continue;
        first = piece.indexFrom(position.boarded, block);
      }
      if (this.#offer(watcher, piece, first)) {
        watcher.sentSinceTick = true;
        this.eventsSent += piece.count - first;
        this.eventBytesSent += piece.bytes - piece.offset(first);
      } else refused(watcher, block.revision(piece.event(first)));
    }
  }

  #offer(watcher: Watcher, piece: Piece, first: number): boolean {
    const { head, fragmentBytes } = this.#options;
    const body = first === 0 ? piece.body : piece.body.subarray(piece.offset(first));
    const headLength = head.withId(watcher.id);
    const { sink } = watcher.stream;
    const isFragmented =
      watcher.fragment && piece.count - first > 1 && headLength + body.length >= fragmentBytes;
    if (!isFragmented) return sink.offer(head.bytes, headLength, body);
    return this.#offerFragments(watcher, piece, first, headLength);
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
        if (!sink.offer(head.bytes, length, body)) return false;
      } else {
        const message = new Uint8Array(length + body.length);
        message.set(head.bytes.subarray(0, length));
        message.set(body, length);
        sink.control(message);
      }
      from = to;
    }
    return true;
  }
}
