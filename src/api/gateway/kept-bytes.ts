const NO_BYTES: Uint8Array = new Uint8Array(0);
/** First room that is made; it doubles, so that many small pieces cost no more than one. */
const FIRST_ROOM_BYTES = 1024;

/** Bytes that are kept until more come, or until somebody takes them. */
export class KeptBytes {
  #room: Uint8Array = NO_BYTES;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Memory that is held. */
  get heldBytes(): number {
    return this.#room.length;
  }

  add(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#room.length) {
      const room = new Uint8Array(Math.max(FIRST_ROOM_BYTES, this.#room.length * 2, length));
      room.set(this.view());
      this.#room = room;
    }
    this.#room.set(bytes, this.#length);
    this.#length = length;
  }

  /** All of them, in place: borrowed until the next `add`. */
  view(): Uint8Array {
    return this.#room.subarray(0, this.#length);
  }

  /** All of them, which are the caller's; nothing is kept any more. */
  take(): Uint8Array {
    const bytes = this.view();
    this.#room = NO_BYTES;
    this.#length = 0;
    return bytes;
  }
}
