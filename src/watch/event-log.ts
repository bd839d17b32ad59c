import { assert } from "../base/assert.ts";
import type { Revision } from "../base/revision.ts";
import type { Steps } from "../base/steps.ts";
import { EventBlock, type EventSource } from "./event-block.ts";

/** All events of one revision; of a large one a block that `blockInSteps` has made of them. */
export type RevisionEvents = readonly EventSource[] | EventBlock;

/** Events that one step measures or encodes. */
const EVENTS_PER_STEP = 256;
/** Events of one block; a block of this size keeps index and slab in proportion. */
const BLOCK_BYTES = 1024 * 1024;

/**
 * The newest events of the whole store, shared by all watchers: a queue of blocks, bounded in
 * bytes. When it is full the oldest block goes, and whoever still needs those revisions reads the
 * store.
 */
export class EventLog {
  readonly #bytesMax: number;
  readonly #blockBytes: number;
  readonly #blocks: EventBlock[] = [];
  #bytes = 0;
  #completeFrom: Revision;
  #appendedBytes = 0;
  #appendedRevisions = 0;

  /** @param completeFrom the revision after the newest one: there are no events to hold yet */
  constructor(options: { bytesMax: number; completeFrom: Revision }) {
    this.#bytesMax = options.bytesMax;
    this.#blockBytes = Math.min(BLOCK_BYTES, Math.max(1024, Math.ceil(options.bytesMax / 8)));
    this.#completeFrom = options.completeFrom;
  }

  /** Every event with a revision from here on is held. */
  get completeFrom(): Revision {
    return this.#completeFrom;
  }

  /** Memory held, in bytes: at most `bytesMax` and two blocks. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes of all events ever added, as they stand in a response. */
  get appendedBytes(): number {
    return this.#appendedBytes;
  }

  /** Mean of the encoded bytes of a revision since the log began; undefined before the first. */
  get meanRevisionBytes(): number | undefined {
    return this.#appendedRevisions === 0
      ? undefined
      : this.#appendedBytes / this.#appendedRevisions;
  }

  /** Encoded bytes of the held events with a revision from here on. Cost: the number of blocks. */
  bytesFrom(revision: Revision): number {
    const first = this.blockOf(revision);
    let bytes = 0;
    for (let i = first; i < this.#blocks.length; i++) {
      const block = this.#blocks[i] as EventBlock;
      const from = i === first ? block.indexOf(revision) : 0;
      bytes += block.start(block.count) - block.start(from);
    }
    return bytes;
  }

  get blocks(): readonly EventBlock[] {
    return this.#blocks;
  }

  /** Adds all events of one revision, in order. */
  append(events: RevisionEvents): void {
    if (events instanceof EventBlock) {
      this.#adopt(events);
      return;
    }
    let size = 0;
    for (const event of events) size += EventBlock.encodedSize(event);
    this.#appendedBytes += size;
    this.#appendedRevisions++;
    const block = this.#blockWithRoom(size);
    const before = block.bytes;
    for (const event of events) block.append(event);
    this.#bytes += block.bytes - before;
    this.#evict();
  }

  /** The number of the first block that ends at or above `from`; `blocks.length` when none does. */
  blockOf(from: Revision): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#blocks[middle] as EventBlock).lastRevision < from) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #adopt(block: EventBlock): void {
    this.#appendedBytes += block.start(block.count);
    this.#appendedRevisions++;
    this.#blocks.push(block);
    this.#bytes += block.bytes;
    this.#evict();
  }

  #blockWithRoom(size: number): EventBlock {
    const last = this.#blocks.at(-1);
    if (last?.hasRoomFor(size)) return last;
    const block = new EventBlock(Math.max(this.#blockBytes, size));
    this.#blocks.push(block);
    this.#bytes += block.bytes;
    return block;
  }

  #evict(): void {
    while (this.#bytes > this.#bytesMax && this.#blocks.length > 1) {
      const oldest = this.#blocks.shift();
      const next = this.#blocks[0];
      assert(oldest !== undefined && next !== undefined, "the newest block is never evicted");
      this.#bytes -= oldest.bytes;
      this.#completeFrom = next.firstRevision;
    }
  }
}

/** Encodes the events of one revision, at least one, into a block of their own. */
export function* blockInSteps(events: readonly EventSource[]): Steps<EventBlock> {
  let size = 0;
  let previous = 0;
  for (let i = 0; i < events.length; i++) {
    const event = events[i] as EventSource;
    size += EventBlock.encodedSize(event);
    previous += event.previous?.length ?? 0;
    if (i % EVENTS_PER_STEP === 0) yield;
  }
  const block = new EventBlock(size, previous);
  for (let i = 0; i < events.length; i++) {
    block.append(events[i] as EventSource);
    if (i % EVENTS_PER_STEP === 0) yield;
  }
  return block;
}
