import { ConnectionError, ErrorCode, Flag, FRAME_HEADER_BYTES, FrameType } from "./frames.ts";

/** The header of the frame being read: one object, filled anew for each frame. */
export interface FrameHeader {
  /** Bytes of the payload, padding of DATA included. */
  readonly length: number;
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  /** Bytes of DATA, without padding, that are still to come after the part that is shown. */
  readonly dataRemaining: number;
}

/**
 * Who is shown the frames. `begin`, `data` and `frame` may throw ConnectionError; nothing more is
 * read then.
 */
export interface FrameHandler {
  /** Asked before each frame or part of one: false stops the reading there. */
  mayGoOn(): boolean;
  /** A frame begins: length, stream and order are checked before its payload is waited for. */
  begin(header: FrameHeader): void;
  /**
   * Part of a DATA frame without padding, at least one call a frame; the last one has
   * `dataRemaining === 0`. The bytes are the socket's chunk: they may be kept but pin all of it.
   */
  data(header: FrameHeader, bytes: Buffer, start: number, end: number): void;
  /** Any other frame, whole. Borrowed. */
  frame(header: FrameHeader, bytes: Buffer, start: number, end: number): void;
}

type Phase = "header" | "pad-length" | "data" | "padding" | "payload";

/**
 * Cuts the chunks of a socket into frames. Frames that lie whole in a chunk are shown in place;
 * DATA is shown in the parts it comes in, so only another frame that straddles chunks is copied (at
 * most 16 KiB, which `begin` sees to).
 */
export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #header: {
    length: number;
    type: number;
    flags: number;
    streamId: number;
    dataRemaining: number;
  } = {
    length: 0,
    type: 0,
    flags: 0,
    streamId: 0,
    dataRemaining: 0,
  };
  #phase: Phase = "header";
  readonly #partialHeader: Buffer = Buffer.alloc(FRAME_HEADER_BYTES);
  #partialHeaderBytes = 0;
  #payload: Buffer = Buffer.alloc(0);
  #payloadBytes = 0;
  #padding = 0;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /** Reads `chunk` from `start` on; returns where it stopped: at its end, or as told. */
  read(chunk: Buffer, start: number = 0): number {
    let at = start;
    while (at < chunk.length && this.#handler.mayGoOn()) {
      switch (this.#phase) {
        case "header":
          at = this.#readHeader(chunk, at);
          break;
        case "pad-length":
          at = this.#readPadLength(chunk, at);
          break;
        case "data":
          at = this.#readData(chunk, at);
          break;
        case "padding":
          at = this.#skipPadding(chunk, at);
          break;
        case "payload":
          at = this.#collectPayload(chunk, at);
          break;
      }
    }
    return at;
  }

  #readHeader(chunk: Buffer, start: number): number {
    if (this.#partialHeaderBytes > 0 || chunk.length - start < FRAME_HEADER_BYTES) {
      return this.#collectHeader(chunk, start);
    }
    return this.#begin(chunk, start, chunk, start + FRAME_HEADER_BYTES);
  }

  #collectHeader(chunk: Buffer, start: number): number {
    const take = Math.min(FRAME_HEADER_BYTES - this.#partialHeaderBytes, chunk.length - start);
    chunk.copy(this.#partialHeader, this.#partialHeaderBytes, start, start + take);
    this.#partialHeaderBytes += take;
    if (this.#partialHeaderBytes < FRAME_HEADER_BYTES) return start + take;
    this.#partialHeaderBytes = 0;
    return this.#begin(this.#partialHeader, 0, chunk, start + take);
  }

  /** Reads nine bytes of header and as much of the payload as needs no waiting. */
  #begin(bytes: Buffer, offset: number, chunk: Buffer, at: number): number {
    const header = this.#header;
    header.length =
      ((bytes[offset] as number) << 16) |
      ((bytes[offset + 1] as number) << 8) |
      (bytes[offset + 2] as number);
    header.type = bytes[offset + 3] as number;
    header.flags = bytes[offset + 4] as number;
    header.streamId =
      (((bytes[offset + 5] as number) & 0x7f) << 24) |
      ((bytes[offset + 6] as number) << 16) |
      ((bytes[offset + 7] as number) << 8) |
      (bytes[offset + 8] as number);
    this.#handler.begin(header);
    if (header.type === FrameType.data) return this.#beginData(chunk, at);
    const end = at + header.length;
    if (end <= chunk.length) {
      this.#handler.frame(header, chunk, at, end);
      return end;
    }
    this.#payload = Buffer.allocUnsafe(header.length);
    this.#payloadBytes = 0;
    this.#phase = "payload";
    return at;
  }

  #collectPayload(chunk: Buffer, start: number): number {
    const length = this.#header.length;
    const take = Math.min(length - this.#payloadBytes, chunk.length - start);
    chunk.copy(this.#payload, this.#payloadBytes, start, start + take);
    this.#payloadBytes += take;
    if (this.#payloadBytes === length) {
      this.#phase = "header";
      this.#handler.frame(this.#header, this.#payload, 0, length);
    }
    return start + take;
  }

  #beginData(chunk: Buffer, at: number): number {
    this.#padding = 0;
    this.#header.dataRemaining = this.#header.length;
    if ((this.#header.flags & Flag.padded) !== 0) {
      if (this.#header.length === 0) {
        throw new ConnectionError(ErrorCode.frameSizeError, "padded DATA without a pad length");
      }
      this.#phase = "pad-length";
      return at;
    }
    this.#phase = "data";
    return this.#readData(chunk, at);
  }

  #readPadLength(chunk: Buffer, at: number): number {
    this.#padding = chunk[at] as number;
    if (this.#padding >= this.#header.length) {
      throw new ConnectionError(ErrorCode.protocolError, "padding longer than its DATA frame");
    }
    this.#header.dataRemaining = this.#header.length - 1 - this.#padding;
    this.#phase = "data";
    return this.#readData(chunk, at + 1);
  }

  /** Also called with no byte left, so that an empty DATA frame is shown at once. */
  #readData(chunk: Buffer, start: number): number {
    const header = this.#header;
    const end = Math.min(start + header.dataRemaining, chunk.length);
    if (end === start && header.dataRemaining > 0) return start;
    header.dataRemaining -= end - start;
    if (header.dataRemaining === 0) this.#phase = this.#padding > 0 ? "padding" : "header";
    this.#handler.data(header, chunk, start, end);
    return end;
  }

  #skipPadding(chunk: Buffer, start: number): number {
    const take = Math.min(this.#padding, chunk.length - start);
    this.#padding -= take;
    if (this.#padding === 0) this.#phase = "header";
    return start + take;
  }
}
