import type { Revision } from "../base/revision.ts";
import { type EventBlock, EventFlag, sizeWithPrevious, writeWithPrevious } from "./event-block.ts";
import type { History } from "./history.ts";
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

const BODY_SLAB_BYTES = 256 * 1024;

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
  #bodySlab = new Uint8Array(BODY_SLAB_BYTES);
  #bodySlabUsed = 0;
  /** Events sent to watchers so far, each counted once for every watcher. */
  eventsSent = 0;

  constructor(options: DistributorOptions) {
    this.#options = options;
  }

  distribute(stretch: Stretch): void {
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
    const { prevKv } = watchClass.interest;
    const piece = this.#piece;
    let entry = audience.firstGathered;
    while (entry !== -1) {
      entry = this.#cutPiece(piece, block, entry, prevKv);
      piece.headerRevision =
        entry === -1 ? through : block.revision(this.#entryEvent[entry] as number) - 1;
      piece.body = prevKv ? this.#bodyWithPrevious(piece, block) : this.#body(piece, block);
      this.#offerToAll(audience, piece, block);
    }
  }

  /**
   * Fills the piece with whole revisions up to the byte bound; returns the first entry left over.
   */
  #cutPiece(piece: Piece, block: EventBlock, firstEntry: number, prevKv: boolean): number {
    const bytesMax = this.#options.responseBytesMax;
    piece.clear();
    let entry = firstEntry;
    let bytes = 0;
    while (entry !== -1) {
      const revision = block.revision(this.#entryEvent[entry] as number);
      const countBefore = piece.count;
      const bytesBefore = bytes;
      let next = entry;
      while (next !== -1 && block.revision(this.#entryEvent[next] as number) === revision) {
        const event = this.#entryEvent[next] as number;
        const previous = prevKv ? this.#previous(block, event) : undefined;
        piece.add(event, bytes);
        if (prevKv) piece.previous.push(previous);
        bytes +=
          previous === undefined
            ? block.start(event + 1) - block.start(event)
            : sizeWithPrevious(block, event, previous);
        next = this.#entryNext[next] as number;
      }
      if (countBefore > 0 && bytes > bytesMax) {
        piece.truncate(countBefore);
        piece.bytes = bytesBefore;
        return entry;
      }
      entry = next;
    }
    piece.bytes = bytes;
    return -1;
  }

  #previous(block: EventBlock, event: number): Uint8Array | undefined {
    const flags = block.flags(event);
    if ((flags & EventFlag.isCreate) !== 0) return undefined;
    const kept = block.previous(event);
    if (kept !== undefined) return kept;
    const key = block.slab.subarray(block.keyStart(event), block.keyEnd(event));
    return this.#options.history.previousOf(key, block.revision(event));
  }

  /** Events as they stand in the block: one view where they are neighbours, else a copy. */
  #body(piece: Piece, block: EventBlock): Uint8Array {
    const first = piece.event(0);
    const last = piece.event(piece.count - 1);
    if (last - first + 1 === piece.count) {
      return block.slab.subarray(block.start(first), block.start(last + 1));
    }
    const body = this.#newBody(piece.bytes);
    for (let i = 0; i < piece.count; i++) {
      const event = piece.event(i);
      body.set(block.slab.subarray(block.start(event), block.start(event + 1)), piece.offset(i));
    }
    return body;
  }

  #bodyWithPrevious(piece: Piece, block: EventBlock): Uint8Array {
    const bytes = this.#newBody(piece.bytes);
    const target = { bytes, offset: 0 };
    for (let i = 0; i < piece.count; i++) {
      const event = piece.event(i);
      const previous = piece.previous[i];
      target.offset = piece.offset(i);
      if (previous !== undefined) writeWithPrevious(block, event, previous, target);
      else
        bytes.set(block.slab.subarray(block.start(event), block.start(event + 1)), target.offset);
    }
    return bytes;
  }

  /** Room for a body. Bodies may be held by streams for long, so that room is never used again. */
  #newBody(length: number): Uint8Array {
    if (length > BODY_SLAB_BYTES / 4) return new Uint8Array(length);
    if (this.#bodySlabUsed + length > BODY_SLAB_BYTES) {
      this.#bodySlab = new Uint8Array(BODY_SLAB_BYTES);
      this.#bodySlabUsed = 0;
    }
    const start = this.#bodySlabUsed;
    this.#bodySlabUsed += length;
    return this.#bodySlab.subarray(start, this.#bodySlabUsed);
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

/** The events of one response: their indices in the block and their places in the body. */
class Piece {
  count = 0;
  bytes = 0;
  body: Uint8Array = new Uint8Array(0);
  headerRevision = 0;
  /** One a event where the class wants previous KeyValues, else empty. */
  readonly previous: (Uint8Array | undefined)[] = [];
  #events = new Uint32Array(256);
  #offsets = new Float64Array(256);

  clear(): void {
    this.count = 0;
    this.bytes = 0;
    this.previous.length = 0;
  }

  truncate(count: number): void {
    this.count = count;
    this.previous.length = Math.min(this.previous.length, count);
  }

  add(event: number, offset: number): void {
    if (this.count === this.#events.length) {
      const events = new Uint32Array(this.count * 2);
      events.set(this.#events);
      this.#events = events;
      const offsets = new Float64Array(this.count * 2);
      offsets.set(this.#offsets);
      this.#offsets = offsets;
    }
    this.#events[this.count] = event;
    this.#offsets[this.count] = offset;
    this.count++;
  }

  event(i: number): number {
    return this.#events[i] as number;
  }

  /** Where event `i` starts in the body; of `count`, where the last one ends. */
  offset(i: number): number {
    return i === this.count ? this.bytes : (this.#offsets[i] as number);
  }

  indexFrom(revision: Revision, block: EventBlock): number {
    let i = 0;
    while (i < this.count && block.revision(this.event(i)) < revision) i++;
    return i;
  }
}
