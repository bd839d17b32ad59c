import { FIRST_REVISION, type Revision } from "../base/revision.ts";
import type { EventParts } from "./body-encoder.ts";
import type { EventBlock } from "./event-block.ts";

/** The events of one response: their indices in the block and their places in the body. */
export class Piece {
  count = 0;
  bytes = 0;
  body: Uint8Array = new Uint8Array(0);
  headerRevision = 0;
  /** The first revision that it is about, be it only to skip. */
  fromRevision: Revision = FIRST_REVISION;
  /** The newest revision of which something is left out here, because it is outdated; 0 = none. */
  lastSkip = 0;
  /** Whether every event is sent as it stands in the block. */
  isPlain = true;
  /** One an event where the class has wishes; undefined for an event that is plain all the same. */
  readonly parts: (EventParts | undefined)[] = [];
  #events = new Uint32Array(256);
  #offsets = new Float64Array(256);

  clear(): void {
    this.count = 0;
    this.bytes = 0;
    this.lastSkip = 0;
    this.isPlain = true;
    this.parts.length = 0;
  }

  /** Leaves out all events from number `count` on. */
  truncate(count: number): void {
    this.bytes = this.offset(count);
    this.count = count;
    this.parts.length = Math.min(this.parts.length, count);
  }

  /** Adds an event that takes `size` bytes of the body. */
  add(event: number, size: number): void {
    if (this.count === this.#events.length) {
      const events = new Uint32Array(this.count * 2);
      events.set(this.#events);
      this.#events = events;
      const offsets = new Float64Array(this.count * 2);
      offsets.set(this.#offsets);
      this.#offsets = offsets;
    }
    this.#events[this.count] = event;
    this.#offsets[this.count] = this.bytes;
    this.count++;
    this.bytes += size;
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
