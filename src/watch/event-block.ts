import { assert } from "../base/assert.ts";
import { toRevision, type Revision } from "../base/revision.ts";
import type { DeleteReason } from "../mvcc/change.ts";
import { varintSize, writeVarint } from "../base/wire.ts";

/** One change of one key, as the store made it. Its bytes are never overwritten. */
export interface EventSource {
  readonly type: "put" | "delete";
  readonly revision: Revision;
  /** The KeyValue in wire form; of a delete the form with only key and mod_revision (W23). */
  readonly keyValue: Uint8Array;
  readonly isCreate: boolean;
  /** Undefined or absent for a put. */
  readonly deleteReason?: DeleteReason | undefined;
  /** The KeyValue before this revision; undefined when there was none or nobody asked (W29). */
  readonly previous: Uint8Array | undefined;
}

/** Bits of an event. */
export const EventFlag: {
  readonly isDelete: 1;
  readonly isCreate: 2;
  readonly hasPrevious: 4;
  /** A delete because of a lease that ran out. */
  readonly isExpiry: 8;
} = { isDelete: 1, isCreate: 2, hasPrevious: 4, isExpiry: 8 };

/** Tags: of the events in a WatchResponse, and of what stands in an Event (W2). */
export const EventField: {
  readonly events: number;
  readonly type: number;
  readonly kv: number;
  readonly prevKv: number;
  /** Of our own, for those who asked (docs/watch-extensions.md). */
  readonly deleteReason: number;
} = { events: 11 * 8 + 2, type: 1 * 8, kv: 2 * 8 + 2, prevKv: 3 * 8 + 2, deleteReason: 1001 * 8 };
export const TYPE_DELETE = 1;

/**
 * A run of events of consecutive revisions, each encoded once, one behind the other, in the form in
 * which it stands in a WatchResponse (field 11). Whoever wants a stretch of them takes a view of
 * the bytes. Bytes once written never change; a revision never straddles two blocks.
 *
 *     slab:   | 5a len 12 len KeyValue | 5a len 08 01 12 len KeyValue | ...      room |
 *     index:    revision, start, key, flags, place of the previous KeyValue    (typed arrays)
 *     previous KeyValues lie in a slab of their own, so that the events stay contiguous
 */
export class EventBlock {
  readonly #slab: Uint8Array;
  #used = 0;
  #count = 0;
  #revisions = new Float64Array(64);
  /** Start of event i in the slab; entry `count` is the end of the last one. */
  #starts = new Uint32Array(65);
  #keyStarts = new Uint32Array(64);
  #keyLengths = new Uint32Array(64);
  #flags = new Uint8Array(64);
  #previousStarts = new Uint32Array(65);
  #previous: Uint8Array | null = null;
  #previousUsed = 0;

  /** @param previousBytes Room for previous KeyValues from the start; more is made when needed. */
  constructor(capacityBytes: number, previousBytes: number = 0) {
    this.#slab = new Uint8Array(capacityBytes);
    if (previousBytes > 0) this.#previous = new Uint8Array(previousBytes);
  }

  get count(): number {
    return this.#count;
  }

  /** Memory held, in bytes, the index included. */
  get bytes(): number {
    const previous = this.#previous === null ? 0 : this.#previous.length;
    return this.#slab.length + previous + this.#revisions.length * 25;
  }

  get firstRevision(): Revision {
    assert(this.#count > 0, "an empty block has no revision");
    return this.revision(0);
  }

  get lastRevision(): Revision {
    assert(this.#count > 0, "an empty block has no revision");
    return this.revision(this.#count - 1);
  }

  hasRoomFor(encodedBytes: number): boolean {
    return this.#used + encodedBytes <= this.#slab.length;
  }

  /** Bytes that the event takes in a block, its previous KeyValue not counted. */
  static encodedSize(event: EventSource): number {
    const inner = innerSize(event);
    return 1 + varintSize(inner) + inner;
  }

  append(event: EventSource): void {
    const slab = this.#slab;
    const inner = innerSize(event);
    assert(this.hasRoomFor(1 + varintSize(inner) + inner), "the event fits in its block");
    const index = this.#count;
    if (index === this.#revisions.length) this.#growIndex();
    let at = this.#used;
    slab[at++] = EventField.events;
    at = writeVarint(slab, at, inner);
    if (event.type === "delete") {
      slab[at++] = EventField.type;
      slab[at++] = TYPE_DELETE;
    }
    slab[at++] = EventField.kv;
    at = writeVarint(slab, at, event.keyValue.length);
    slab.set(event.keyValue, at);
    this.#locateKey(index, at, event.keyValue);
    this.#used = at + event.keyValue.length;
    this.#revisions[index] = event.revision;
    this.#starts[index + 1] = this.#used;
    this.#flags[index] =
      (event.type === "delete" ? EventFlag.isDelete : 0) |
      (event.isCreate ? EventFlag.isCreate : 0) |
      (event.previous === undefined ? 0 : EventFlag.hasPrevious) |
      (event.deleteReason === "lease-expiry" ? EventFlag.isExpiry : 0);
    if (event.previous !== undefined) this.#keepPrevious(event.previous);
    this.#previousStarts[index + 1] = this.#previousUsed;
    this.#count++;
  }

  revision(index: number): Revision {
    return toRevision(this.#revisions[index] as number);
  }

  flags(index: number): number {
    return this.#flags[index] as number;
  }

  /** Where the encoded event starts in `slab`; of `count`, where the last one ends. */
  start(index: number): number {
    return this.#starts[index] as number;
  }

  get slab(): Uint8Array {
    return this.#slab;
  }

  keyStart(index: number): number {
    return this.#keyStarts[index] as number;
  }

  keyEnd(index: number): number {
    return (this.#keyStarts[index] as number) + (this.#keyLengths[index] as number);
  }

  /** The event's KeyValue, as a view: it begins with the key and is the last of the message. */
  keyValue(index: number): Uint8Array {
    const length = this.#keyLengths[index] as number;
    // Of an empty key nothing is written: its place is behind a tag that is not the key's.
    const head = length === 0 ? 1 : 1 + varintSize(length);
    return this.#slab.subarray(this.keyStart(index) - head, this.start(index + 1));
  }

  /** The kept KeyValue before the event's revision, as a view. */
  previous(index: number): Uint8Array | undefined {
    if ((this.flags(index) & EventFlag.hasPrevious) === 0 || this.#previous === null) {
      return undefined;
    }
    const start = this.#previousStarts[index] as number;
    return this.#previous.subarray(start, this.#previousStarts[index + 1] as number);
  }

  /** The index of the first event with revision >= `from`; `count` when there is none. */
  indexOf(from: Revision): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#revisions[middle] as number) < from) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #keepPrevious(previous: Uint8Array): void {
    const held = this.#previous;
    if (held === null || this.#previousUsed + previous.length > held.length) {
      const grown = new Uint8Array(
        Math.max(4096, this.#previousUsed * 2, this.#previousUsed + previous.length),
      );
      if (held !== null) grown.set(held.subarray(0, this.#previousUsed));
      this.#previous = grown;
    }
    this.#previous?.set(previous, this.#previousUsed);
    this.#previousUsed += previous.length;
  }

  /** A KeyValue starts with its key: tag 0a, length, bytes (fields in number order, K70). */
  #locateKey(index: number, keyValueStart: number, keyValue: Uint8Array): void {
    let length = 0;
    let scale = 1;
    let at = 1;
    if (keyValue[0] === 0x0a) {
      for (;;) {
        const byte = keyValue[at++] as number;
        length += (byte & 0x7f) * scale;
        if (byte < 0x80) break;
        scale *= 128;
      }
    }
    this.#keyStarts[index] = keyValueStart + at;
    this.#keyLengths[index] = length;
  }

  #growIndex(): void {
    const capacity = this.#revisions.length * 2;
    const grown = <A extends { set(from: A): void }>(larger: A, held: A): A => {
      larger.set(held);
      return larger;
    };
    this.#revisions = grown(new Float64Array(capacity), this.#revisions);
    this.#starts = grown(new Uint32Array(capacity + 1), this.#starts);
    this.#keyStarts = grown(new Uint32Array(capacity), this.#keyStarts);
    this.#keyLengths = grown(new Uint32Array(capacity), this.#keyLengths);
    this.#flags = grown(new Uint8Array(capacity), this.#flags);
    this.#previousStarts = grown(new Uint32Array(capacity + 1), this.#previousStarts);
  }
}

/** Length of the Event message itself, without prev_kv. */
function innerSize(event: EventSource): number {
  const type = event.type === "delete" ? 2 : 0;
  return type + 1 + varintSize(event.keyValue.length) + event.keyValue.length;
}
