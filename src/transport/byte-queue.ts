import { assert } from "../base/assert.ts";

const NO_BYTES: Buffer = Buffer.alloc(0);
/** The first room that is made, bytes; after that it doubles. */
const FIRST_ROOM_BYTES = 1024;

/**
 * Bytes that wait, first in, first out, in one growing buffer. However small the parts they come
 * in, they cost at most about twice their number: a list of parts would cost a hundred times as
 * much, and a client chooses the parts.
 */
export class ByteQueue {
  #buffer: Buffer = NO_BYTES;
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Copies `bytes[from..to)` to the end. */
  push(bytes: Buffer, from: number, to: number): void {
    const count = to - from;
    if (this.#end + count > this.#buffer.length) this.#makeRoom(count);
    bytes.copy(this.#buffer, this.#end, from, to);
    this.#end += count;
  }

  /** All that waits, in place: borrowed until the next `push`. */
  view(): Buffer {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** Forgets the first `count` bytes. */
  drop(count: number): void {
    assert(count <= this.length, "only bytes that wait are dropped");
    this.#start += count;
    if (this.#start < this.#end) return;
    this.#buffer = NO_BYTES;
    this.#start = 0;
    this.#end = 0;
  }

  #makeRoom(count: number): void {
    const length = this.length;
    const needed = length + count;
    const isHalfFree = needed <= this.#buffer.length / 2;
    const room = isHalfFree
      ? this.#buffer
      : Buffer.allocUnsafe(Math.max(FIRST_ROOM_BYTES, this.#buffer.length * 2, needed));
    this.#buffer.copy(room, 0, this.#start, this.#end);
    this.#buffer = room;
    this.#start = 0;
    this.#end = length;
  }
}
