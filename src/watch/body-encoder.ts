import { varintSize, writeVarint } from "../base/wire.ts";
import { type EventBlock, EventField, EventFlag } from "./event-block.ts";
import type { History } from "./history.ts";
import type { Piece } from "./piece.ts";

/** What a class wants an event to say. Equal forms of one event are equal bytes. */
export interface EventForm {
  readonly prevKv: boolean;
}

const BODY_SLAB_BYTES = 256 * 1024;

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
    if (!form.prevKv) {
      piece.add(event, plainSize);
      return;
    }
    const previous = this.#previous(block, event);
    piece.previous.push(previous);
    if (previous === undefined) {
      piece.add(event, plainSize);
      return;
    }
    piece.isPlain = false;
    const inner = eventSize(block, event, previous);
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
      const previous = piece.previous[i];
      if (previous === undefined) {
        body.set(block.slab.subarray(block.start(event), block.start(event + 1)), piece.offset(i));
      } else writeEvent(body, piece.offset(i), { block, event, previous });
    }
    return body;
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

/** Length of the Event message with this previous KeyValue. */
function eventSize(block: EventBlock, event: number, previous: Uint8Array): number {
  return block.messageLength(event) + 1 + varintSize(previous.length) + previous.length;
}

function writeEvent(
  target: Uint8Array,
  offset: number,
  parts: { readonly block: EventBlock; readonly event: number; readonly previous: Uint8Array },
): void {
  const { block, event, previous } = parts;
  const end = block.start(event + 1);
  const length = block.messageLength(event);
  target[offset] = EventField.events;
  let at = writeVarint(target, offset + 1, eventSize(block, event, previous));
  target.set(block.slab.subarray(end - length, end), at);
  at += length;
  target[at] = EventField.prevKv;
  at = writeVarint(target, at + 1, previous.length);
  target.set(previous, at);
}
