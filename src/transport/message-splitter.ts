import { GrpcCode } from "../base/errors.ts";
import { readUint32 } from "./http2/frames.ts";

/** Flag and length before each message. */
export const MESSAGE_PREFIX_BYTES = 5;
/**
 * First room for a message that comes in parts; it grows as bytes come, never by the prefix alone.
 */
const FIRST_ROOM_BYTES = 1024;

export interface MessageSink {
  /** One whole message, borrowed until this returns. False stops the splitting behind it. */
  message(bytes: Uint8Array): boolean;
  /** The call cannot go on; nothing more is split. */
  refused(code: GrpcCode, text: string): void;
}

/**
 * Cuts the body of a request into gRPC messages. A message that lies whole in the bytes pushed is
 * shown in place. A message that is too long or compressed is refused by its prefix, before any of
 * it is kept (E80).
 */
export class MessageSplitter {
  readonly #messageBytesMax: number;
  readonly #prefix: Uint8Array = new Uint8Array(MESSAGE_PREFIX_BYTES);
  #prefixBytes = 0;
  #length = 0;
  #body: Buffer | undefined;
  #bodyBytes = 0;

  constructor(messageBytesMax: number) {
    this.#messageBytesMax = messageBytesMax;
  }

  /** Memory held for a message that is not whole. */
  get heldBytes(): number {
    return this.#body === undefined ? 0 : this.#body.length;
  }

  /** Whether a message has begun and not ended. */
  get isInMessage(): boolean {
    return this.#prefixBytes > 0;
  }

  /** Splits `bytes[start..end)`; returns where it stopped: `end`, unless the sink said so. */
  push(bytes: Buffer, start: number, end: number, sink: MessageSink): number {
    let at = start;
    while (at < end) {
      if (this.#prefixBytes < MESSAGE_PREFIX_BYTES) {
        at = this.#readPrefix(bytes, at, end);
        if (this.#prefixBytes < MESSAGE_PREFIX_BYTES) return at;
        if (this.#isRefused(sink)) return end;
      }
      const whole = this.#readBody(bytes, at, end);
      if (whole === undefined) return end;
      at += this.#length - this.#bodyBytes;
      this.#prefixBytes = 0;
      this.#bodyBytes = 0;
      this.#body = undefined;
      if (!sink.message(whole)) return at;
    }
    return at;
  }

  #readPrefix(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && this.#prefixBytes < MESSAGE_PREFIX_BYTES) {
      this.#prefix[this.#prefixBytes++] = bytes[at++] as number;
    }
    return at;
  }

  #isRefused(sink: MessageSink): boolean {
    const flag = this.#prefix[0] as number;
    this.#length = readUint32(this.#prefix, 1);
    if (flag === 1) {
      const text = "grpc: compressed flag set with identity or empty encoding";
      sink.refused(GrpcCode.internal, text);
      return true;
    }
    if (flag > 1) {
      sink.refused(GrpcCode.internal, `grpc: received unexpected payload format ${flag}`);
      return true;
    }
    if (this.#length <= this.#messageBytesMax) return false;
    sink.refused(GrpcCode.resourceExhausted, tooLargeText(this.#length, this.#messageBytesMax));
    return true;
  }

  /** The body when it is whole; else what there is of it is kept. */
  #readBody(bytes: Buffer, start: number, end: number): Uint8Array | undefined {
    const missing = this.#length - this.#bodyBytes;
    const available = end - start;
    if (this.#body === undefined && available >= missing) {
      return bytes.subarray(start, start + missing);
    }
    const take = Math.min(missing, available);
    if (take === 0) return undefined;
    const body = this.#room(this.#bodyBytes + take);
    bytes.copy(body, this.#bodyBytes, start, start + take);
    if (take === missing) return body.subarray(0, this.#length);
    this.#bodyBytes += take;
    return undefined;
  }

  #room(bytes: number): Buffer {
    const present = this.#body;
    if (present !== undefined && bytes <= present.length) return present;
    const doubled = present === undefined ? FIRST_ROOM_BYTES : present.length * 2;
    const room = Buffer.allocUnsafe(Math.min(this.#length, Math.max(doubled, bytes)));
    if (present !== undefined) present.copy(room, 0, 0, this.#bodyBytes);
    this.#body = room;
    return room;
  }
}

/** E80. */
export function tooLargeText(length: number, max: number): string {
  return `grpc: received message larger than max (${length} vs. ${max})`;
}
