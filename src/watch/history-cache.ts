import { assert } from "../base/assert.ts";
import type { Revision } from "../base/revision.ts";
import { EventBlock, type EventSource } from "./event-block.ts";
import type { History } from "./history.ts";

export interface HistoryCacheOptions {
  readonly history: History;
  /** Memory that read stretches may take, in bytes; the one read last is always kept. */
  readonly bytesMax: number;
  /** A stretch ends behind the revision with which it has so many events ... */
  readonly eventsPerStretch: number;
  /** ... or bytes of events. */
  readonly bytesPerStretch: number;
}

/** Events of the revisions from `first` on, below `end`: all there are. */
export interface HistoryStretch {
  readonly block: EventBlock;
  readonly first: Revision;
  readonly end: Revision;
}

interface Held extends HistoryStretch {
  lastUse: number;
}

/**
 * History below the event log, read from the store a stretch at a time. The stretches used last are
 * kept, so that watchers which follow one another at a small distance (some read faster than
 * others) cost the store one read and not one each.
 */
export class HistoryCache {
  readonly #options: HistoryCacheOptions;
  /** Ascending, no two overlap. */
  readonly #held: Held[] = [];
  #bytes = 0;
  #uses = 0;
  /** Events read from the store so far. */
  eventsRead = 0;
  /** Bytes of these events, encoded for watchers. */
  bytesRead = 0;

  constructor(options: HistoryCacheOptions) {
    this.#options = options;
  }

  /** Memory held, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The stretch with revision `at`, which has history, and ends at or before `limit`, above it. */
  read(at: Revision, limit: Revision): HistoryStretch {
    assert(at < limit, "there is something to read");
    let next = 0;
    while (next < this.#held.length && (this.#held[next] as Held).end <= at) next++;
    const found = this.#held[next];
    if (found !== undefined && found.first <= at) {
      found.lastUse = ++this.#uses;
      return found;
    }
    const end = found === undefined || found.first > limit ? limit : found.first;
    const stretch = this.#readStore(at, end);
    this.#held.splice(next, 0, { ...stretch, lastUse: ++this.#uses });
    this.#bytes += stretch.block.bytes;
    this.#evict();
    return stretch;
  }

  #readStore(first: Revision, limit: Revision): HistoryStretch {
    const { history, eventsPerStretch, bytesPerStretch } = this.#options;
    const events: EventSource[] = [];
    let size = 0;
    let end = limit;
    history.history(first, (event) => {
      const isNewRevision = events.at(-1)?.revision !== event.revision;
      const isFull = events.length >= eventsPerStretch || size >= bytesPerStretch;
      if (event.revision >= limit || (isNewRevision && isFull)) {
        end = Math.min(event.revision, limit) as Revision;
        return false;
      }
      // The visited object is borrowed; its previous KeyValue is asked for only where it is wanted.
      const { type, revision, keyValue, isCreate, deleteReason } = event;
      const kept = { type, revision, keyValue, isCreate, deleteReason, previous: undefined };
      events.push(kept);
      size += EventBlock.encodedSize(kept);
      return true;
    });
    this.eventsRead += events.length;
    this.bytesRead += size;
    const block = new EventBlock(size);
    for (const event of events) block.append(event);
    return { block, first, end };
  }

  #evict(): void {
    while (this.#bytes > this.#options.bytesMax && this.#held.length > 1) {
      let oldest = 0;
      for (let i = 1; i < this.#held.length; i++) {
        if ((this.#held[i] as Held).lastUse < (this.#held[oldest] as Held).lastUse) oldest = i;
      }
      const [gone] = this.#held.splice(oldest, 1);
      assert(gone !== undefined, "the oldest is one of those held");
      this.#bytes -= gone.block.bytes;
    }
  }
}
