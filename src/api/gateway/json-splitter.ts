import { isSpace } from "./json-value.ts";
import { KeptBytes } from "./kept-bytes.ts";

/** What is told of a body that brings one JSON value after another. */
export interface JsonPieceSink {
  /** The bytes of one whole object, borrowed until this returns. False: no more are wanted. */
  piece(bytes: Uint8Array): boolean;
  /** A value that is longer than it may be. The last call. */
  tooLong(): void;
}

/**
 * Cuts the body of a streaming request into its JSON values, without reading them: it only counts
 * brackets outside of strings. What does not begin as an object or a list cannot be a message, and
 * is one piece up to the next white space.
 */
export class JsonSplitter {
  readonly #bytesMax: number;
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  #isBare = false;
  readonly #kept: KeptBytes = new KeptBytes();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Memory held for a value that is not whole. */
  get heldBytes(): number {
    return this.#kept.heldBytes;
  }

  /** Splits `bytes`; returns where it stopped: at their end, unless the sink said so. */
  push(bytes: Uint8Array, sink: JsonPieceSink): number {
    let start = 0;
    for (let at = 0; at < bytes.length; ) {
      if (!this.#isInValue) {
        if (isSpace(bytes[at])) {
          start = ++at;
          continue;
        }
        start = at;
      }
      const isEnd = this.#step(bytes[at] as number);
      at++;
      if (!isEnd) continue;
      const piece = this.#whole(bytes.subarray(start, at), sink);
      if (piece === undefined) return bytes.length;
      start = at;
      if (!sink.piece(piece)) return at;
    }
    if (this.#isInValue && !this.#keep(bytes.subarray(start))) sink.tooLong();
    return bytes.length;
  }

  /** What has begun and will not be whole; empty when there is nothing. */
  rest(): Uint8Array {
    return this.#kept.view();
  }

  get #isInValue(): boolean {
    return this.#depth > 0 || this.#isBare;
  }

  /** Whether a value ends with this byte. */
  #step(byte: number): boolean {
    if (this.#isBare) {
      this.#isBare = !isSpace(byte);
      return !this.#isBare;
    }
    if (this.#isInString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === 0x5c) this.#isEscaped = true;
      else if (byte === 0x22) this.#isInString = false;
      return false;
    }
    switch (byte) {
      case 0x7b:
      case 0x5b:
        this.#depth++;
        return false;
      case 0x7d:
      case 0x5d:
        if (this.#depth > 0) return --this.#depth === 0;
        break;
      case 0x22:
        this.#isInString = this.#depth > 0;
        break;
      default:
    }
    this.#isBare = this.#depth === 0;
    return false;
  }

  #whole(last: Uint8Array, sink: JsonPieceSink): Uint8Array | undefined {
    if (this.#kept.length === 0 && last.length <= this.#bytesMax) return last;
    if (!this.#keep(last)) {
      sink.tooLong();
      return undefined;
    }
    return this.#kept.take();
  }

  /** False when there would be too much. */
  #keep(bytes: Uint8Array): boolean {
    if (this.#kept.length + bytes.length > this.#bytesMax) return false;
    this.#kept.add(bytes);
    return true;
  }
}
