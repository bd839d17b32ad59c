import { varintSize, writeVarint } from "../base/wire.ts";
import { keysOnly } from "../mvcc/key-value.ts";
import { type EventBlock, EventField, EventFlag, TYPE_DELETE } from "./event-block.ts";
import type { History } from "./history.ts";
import type { Piece } from "./piece.ts";
import type { WatchExtras } from "./interest.ts";

/** What a class wants an event to say. Equal forms of one event are equal bytes. */
export interface EventForm {
  readonly prevKv: boolean;
  readonly extras?: Pick<WatchExtras, "keysOnly" | "deleteReason">;
}

/** An event that is not sent as it stands in the block. */
export interface EventParts {
  readonly isDelete: boolean;
  readonly keyValue: Uint8Array;
  readonly previous: Uint8Array | undefined;
  readonly isExpiry: boolean;
}

const BODY_SLAB_BYTES = 256 * 1024;
const REASON_LEASE_EXPIRY = 1;
/** Two bytes of tag, one of value. */
const REASON_FIELD_BYTES = 3;

/**
 * Makes the body of a response out of a block's events, once for all watchers of a class. Events
 * that are sent as they stand in the block are a view of it; others are put together anew.
 */
export class BodyEncoder {
  readonly #history: History;
  #slab = new Uint8Array(BODY_SLAB_BYTES);
  #slabUsed = 0;
  /** Bytes put together so far; those that are a view of the block are not among them. */
  bytesEncoded = 0;

  constructor(history: History) {
    this.#history = history;
  }

  /** Adds an event to the piece, in the form that the class wants. */
  add(piece: Piece, block: EventBlock, event: number, form: EventForm): void {
    const plainSize = block.start(event + 1) - block.start(event);
    if (!form.prevKv && form.extras === undefined) {
      piece.add(event, plainSize);
      return;
    }
    const parts = this.#partsOf(block, event, form);
    piece.parts.push(parts);
    if (parts === undefined) {
      piece.add(event, plainSize);
      return;
    }
    piece.isPlain = false;
    const inner = messageSize(parts);
    piece.add(event, 1 + varintSize(inner) + inner);
  }

  /** The bytes of all events of the piece. They are never changed again. */
  encode(piece: Piece, block: EventBlock): Uint8Array {
    const first = piece.event(0);
    const last = piece.event(piece.count - 1);
    if (piece.isPlain && last - first + 1 === piece.count) {
      return block.slab.subarray(block.start(first), block.start(last + 1));
    }
    const body = this.#room(piece.bytes);
    for (let i = 0; i < piece.count; i++) {
      const event = piece.event(i);
      const parts = piece.parts[i];
      if (parts === undefined) {
        body.set(block.slab.subarray(block.start(event), block.start(event + 1)), piece.offset(i));
      } else writeEvent(body, piece.offset(i), parts);
    }
    return body;
  }

  /** Undefined when the class wants this event as it stands. */
  #partsOf(block: EventBlock, event: number, form: EventForm): EventParts | undefined {
    const { extras } = form;
    const flags = block.flags(event);
    const isDelete = (flags & EventFlag.isDelete) !== 0;
    const isShort = extras?.keysOnly === true;
    const isExpiry = extras?.deleteReason === true && (flags & EventFlag.isExpiry) !== 0;
    const previous = form.prevKv ? this.#previous(block, event) : undefined;
    if (previous === undefined && !isExpiry && (!isShort || isDelete)) return undefined;
    const whole = block.keyValue(event);
    const keyValue = isShort ? keysOnly(whole) : whole;
    if (previous === undefined && !isExpiry && keyValue === whole) return undefined;
    return {
      isDelete,
      keyValue,
      previous: isShort && previous !== undefined ? keysOnly(previous) : previous,
      isExpiry,
    };
  }

  /** The KeyValue before the event's revision (W29). */
  #previous(block: EventBlock, event: number): Uint8Array | undefined {
    const flags = block.flags(event);
    if ((flags & EventFlag.isCreate) !== 0) return undefined;
    const kept = block.previous(event);
    if (kept !== undefined) return kept;
    const key = block.slab.subarray(block.keyStart(event), block.keyEnd(event));
    return this.#history.previousOf(key, block.revision(event));
  }

  /** Room for a body. Bodies may be held by streams for long, so that room is never used again. */
  #room(length: number): Uint8Array {
    this.bytesEncoded += length;
    if (length > BODY_SLAB_BYTES / 4) return new Uint8Array(length);
    if (this.#slabUsed + length > BODY_SLAB_BYTES) {
      this.#slab = new Uint8Array(BODY_SLAB_BYTES);
      this.#slabUsed = 0;
    }
    const start = this.#slabUsed;
    this.#slabUsed += length;
    return this.#slab.subarray(start, this.#slabUsed);
  }
}

/** Length of the Event message. */
function messageSize({ isDelete, keyValue, previous, isExpiry }: EventParts): number {
  let size = (isDelete ? 2 : 0) + 1 + varintSize(keyValue.length) + keyValue.length;
  if (previous !== undefined) size += 1 + varintSize(previous.length) + previous.length;
  if (isExpiry) size += REASON_FIELD_BYTES;
  return size;
}

function writeEvent(target: Uint8Array, offset: number, parts: EventParts): void {
  const { isDelete, keyValue, previous, isExpiry } = parts;
  target[offset] = EventField.events;
  let at = writeVarint(target, offset + 1, messageSize(parts));
  if (isDelete) {
    target[at++] = EventField.type;
    target[at++] = TYPE_DELETE;
  }
  target[at] = EventField.kv;
  at = writeVarint(target, at + 1, keyValue.length);
  target.set(keyValue, at);
  at += keyValue.length;
  if (previous !== undefined) {
    target[at] = EventField.prevKv;
    at = writeVarint(target, at + 1, previous.length);
    target.set(previous, at);
    at += previous.length;
  }
  if (isExpiry) {
    at = writeVarint(target, at, EventField.deleteReason);
    target[at] = REASON_LEASE_EXPIRY;
  }
}
