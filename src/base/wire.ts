import { assert } from "./assert.ts";
import { MESSAGE_DEPTH_MAX } from "./limits.ts";

/**
 * Protocol-buffer primitives. Numbers stand for int64 wherever the value is known to stay within
 * 2^53 (revisions, counts); ids that use all 64 bits are bigint and have methods of their own.
 */

/** 64 bits in groups of 7. */
const VARINT_BYTES_MAX = 10;
/** A writer's buffer may stay this large between messages: a page of a range, not all of it. */
const WRITER_KEPT_BYTES_MAX = 4 * 1024 * 1024;

/** Bytes of a non-negative integer below 2^53 as a varint. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < 0x10000000) return 4;
  let size = 5;
  for (let rest = value / 0x800000000; rest >= 1; rest /= 128) size++;
  return size;
}

/** Writes the varint at `offset` and returns the offset behind it. */
export function writeVarint(target: Uint8Array, offset: number, value: number): number {
  let rest = value;
  let at = offset;
  while (rest >= 0x10000000) {
    target[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 0x80) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

/** Bytes of a 64-bit id as a varint: negative ones take 10, as in protobuf. */
export function varint64Size(value: bigint): number {
  const upper = Number(BigInt.asUintN(64, value) >> 28n);
  if (upper === 0) return varintSize(Number(BigInt.asUintN(28, value)));
  return 4 + varintSize(upper);
}

/** Writes the 64 bits of an id as a varint at `offset` and returns the offset behind it. */
export function writeVarint64(target: Uint8Array, offset: number, value: bigint): number {
  // A bigint costs an allocation a step, so the 64 bits are taken apart as numbers: 28 and 36 of
  // them, because the lower part must be whole groups of 7 bits that fit a bitwise operation.
  const lower = Number(BigInt.asUintN(28, value));
  const upper = Number(BigInt.asUintN(64, value) >> 28n);
  if (upper === 0) return writeVarint(target, offset, lower);
  target[offset] = (lower & 0x7f) | 0x80;
  target[offset + 1] = ((lower >>> 7) & 0x7f) | 0x80;
  target[offset + 2] = ((lower >>> 14) & 0x7f) | 0x80;
  target[offset + 3] = (lower >>> 21) | 0x80;
  return writeVarint(target, offset + 4, upper);
}

/** Bytes of a string in UTF-8; a lone surrogate counts as the replacement character. */
export function utf8Size(text: string): number {
  let size = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    size += unit < 0x800 ? 1 : 2;
    if (unit >= 0xd800 && unit < 0xdc00) {
      const next = text.charCodeAt(i + 1);
      // A pair is 4 bytes for two units: 2 of them are counted by `length`.
      if (next >= 0xdc00 && next < 0xe000) i++;
    }
  }
  return size;
}

/** A message that cannot be decoded. `message` is the detail that etcd's clients see (E82). */
export class WireError extends Error {
  override readonly name = "WireError";
}

/** Checks while it decodes: proto3 strings are UTF-8, and a BOM is a character like any other. */
const UTF8_DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const UTF8_ENCODER = new TextEncoder();

/**
 * Reads one message and, by `enter` and `leave`, the messages inside it. Every method throws
 * WireError when the bytes end too early or say what no message can; nothing else can go wrong,
 * whatever the bytes are. After a WireError the reader is of no more use.
 */
export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #buffer: ArrayBufferLike;
  readonly #byteOffset: number;
  #at: number;
  #end: number;
  #depth = 0;
  /** The two halves of the last varint that `#long` read, as signed 32-bit integers. */
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    assert(start >= 0 && start <= end && end <= bytes.length, "a reader stays inside its bytes");
    this.#bytes = bytes;
    this.#buffer = bytes.buffer;
    this.#byteOffset = bytes.byteOffset;
    this.#at = start;
    this.#end = end;
  }

  /** True at the end of the message that is being read. */
  get done(): boolean {
    return this.#at >= this.#end;
  }

  get offset(): number {
    return this.#at;
  }

  /** The next tag: field number * 8 + wire type. */
  tag(): number {
    const tag = this.uint();
    if (tag < 8 || tag > 0xffffffff) throw new WireError("proto: illegal tag");
    return tag;
  }

  /** A varint as a number; a value of 2^53 or more is rounded, so only for flags and lengths. */
  uint(): number {
    const at = this.#at;
    if (at < this.#end) {
      const byte = this.#bytes[at] as number;
      if (byte < 0x80) {
        this.#at = at + 1;
        return byte;
      }
    }
    this.#long();
    return (this.#high >>> 0) * 0x100000000 + (this.#low >>> 0);
  }

  /** An int32 or enum: the lower 32 bits of the varint, as Go takes them. */
  int32(): number {
    this.#long();
    return this.#low;
  }

  /** A uint32: the lower 32 bits of the varint, as Go takes them. */
  uint32(): number {
    this.#long();
    return this.#low >>> 0;
  }

  /** An int64 as a number; values outside +-(2^53 - 1) come back clamped to the nearest one. */
  int64(): number {
    const at = this.#at;
    if (at < this.#end) {
      const byte = this.#bytes[at] as number;
      if (byte < 0x80) {
        this.#at = at + 1;
        return byte;
      }
    }
    this.#long();
    const high = this.#high;
    const value = high * 0x100000000 + (this.#low >>> 0);
    if (high >= -0x200000 && high <= 0x1fffff) return Math.max(value, Number.MIN_SAFE_INTEGER);
    return high < 0 ? Number.MIN_SAFE_INTEGER : Number.MAX_SAFE_INTEGER;
  }

  /** A uint64 as a number; values above 2^53 - 1 come back clamped to it. */
  uint64(): number {
    return Math.min(this.uint(), Number.MAX_SAFE_INTEGER);
  }

  /** An int64 with all its bits. */
  bigint64(): bigint {
    this.#long();
    const high = this.#high;
    const low = this.#low >>> 0;
    if (high >= 0 && high <= 0x1fffff) return BigInt(high * 0x100000000 + low);
    return BigInt(high) * 0x100000000n + BigInt(low);
  }

  /** A uint64 with all its bits. */
  biguint64(): bigint {
    this.#long();
    const high = this.#high >>> 0;
    const low = this.#low >>> 0;
    if (high <= 0x1fffff) return BigInt(high * 0x100000000 + low);
    return BigInt(high) * 0x100000000n + BigInt(low);
  }

  bool(): boolean {
    return this.uint() !== 0;
  }

  /** A length-delimited field, borrowed from the message's bytes. */
  bytes(): Uint8Array {
    const length = this.#length();
    const start = this.#at;
    this.#at = start + length;
    // Not `subarray`: this costs half, and gives a plain Uint8Array where the message is a Buffer.
    return new Uint8Array(this.#buffer, this.#byteOffset + start, length);
  }

  /** A string; bytes that are not UTF-8 are an error, as in Go's proto3. */
  string(): string {
    const bytes = this.bytes();
    if (bytes.length === 0) return "";
    try {
      return UTF8_DECODER.decode(bytes);
    } catch (cause) {
      throw new WireError("string field contains invalid UTF-8", { cause });
    }
  }

  /**
   * Narrows the reader to the embedded message (or packed list) that follows: `done` tells its end.
   * What it returns is handed to `leave` there. Costs no allocation.
   */
  enter(): number {
    const length = this.#length();
    this.#deeper();
    const outerEnd = this.#end;
    this.#end = this.#at + length;
    return outerEnd;
  }

  /** Back to the message around the one that `enter` opened. */
  leave(outerEnd: number): void {
    assert(this.#at === this.#end, "an embedded message is left at its end");
    this.#end = outerEnd;
    this.#depth--;
  }

  /** A reader of its own over an embedded message, which this one passes over. */
  message(): WireReader {
    const length = this.#length();
    const start = this.#at;
    this.#at = start + length;
    const reader = new WireReader(this.#bytes, start, this.#at);
    reader.#depth = this.#depth;
    reader.#deeper();
    return reader;
  }

  /** Passes over the field of this tag, unknown groups included. */
  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.#long();
        return;
      case 1:
        this.#advance(8);
        return;
      case 2:
        this.#advance(this.#length());
        return;
      case 3:
        this.#skipGroup(tag);
        return;
      case 5:
        this.#advance(4);
        return;
      default:
        throw new WireError(`proto: illegal wireType ${tag & 7}`);
    }
  }

  /** Groups are long gone from protobuf, but an unknown one must still be passed over whole. */
  #skipGroup(startTag: number): void {
    this.#deeper();
    for (;;) {
      const tag = this.tag();
      if ((tag & 7) === 4) {
        if (tag !== startTag + 1) throw new WireError("proto: mismatching end group marker");
        this.#depth--;
        return;
      }
      this.skip(tag);
    }
  }

  #deeper(): void {
    if (this.#depth >= MESSAGE_DEPTH_MAX) {
      throw new WireError("proto: exceeded maximum recursion depth");
    }
    this.#depth++;
  }

  #length(): number {
    const length = this.uint();
    if (length > this.#end - this.#at) throw new WireError("unexpected EOF");
    return length;
  }

  #advance(count: number): void {
    if (count > this.#end - this.#at) throw new WireError("unexpected EOF");
    this.#at += count;
  }

  /** Any varint, all 64 bits of it, into `#low` and `#high`. */
  #long(): void {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.#at;
    let low = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      if (at >= end) throw new WireError("unexpected EOF");
      const byte = bytes[at++] as number;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.#at = at;
        this.#low = low;
        this.#high = 0;
        return;
      }
    }
    // The fifth byte belongs to both halves: 4 bits complete the lower one.
    if (at >= end) throw new WireError("unexpected EOF");
    let byte = bytes[at++] as number;
    low |= (byte & 0x7f) << 28;
    let high = (byte & 0x7f) >>> 4;
    for (let shift = 3; byte >= 0x80; shift += 7) {
      if (at >= end) throw new WireError("unexpected EOF");
      byte = bytes[at++] as number;
      // Only one bit of the tenth byte is left for the 64th bit of the value.
      if (shift === 31 && byte > 1) throw new WireError("proto: integer overflow");
      high |= (byte & 0x7f) << shift;
    }
    this.#at = at;
    this.#low = low;
    this.#high = high;
  }
}

/**
 * Writes messages into one growing buffer that is used again and again: `bytes()` is borrowed until
 * the next `reset()`. Embedded messages are written by size first (`varintSize` and friends).
 */
export class WireWriter {
  #bytes: Uint8Array;
  #at = 0;

  constructor(capacity = 1024) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#at;
  }

  /** Empties the writer; a buffer that one huge message made is let go. */
  reset(): void {
    if (this.#bytes.length > WRITER_KEPT_BYTES_MAX) {
      this.#bytes = new Uint8Array(WRITER_KEPT_BYTES_MAX);
    }
    this.#at = 0;
  }

  /** What has been written since the last reset, borrowed. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Makes room for `count` bytes and returns the buffer, to be written from `length` on. */
  reserve(count: number): Uint8Array {
    if (this.#at + count > this.#bytes.length) this.#grow(count);
    return this.#bytes;
  }

  /** Takes `count` bytes that were written into `reserve`d room. */
  advance(count: number): void {
    assert(this.#at + count <= this.#bytes.length, "only reserved room is taken");
    this.#at += count;
  }

  varint(value: number): void {
    this.#at = writeVarint(this.reserve(VARINT_BYTES_MAX), this.#at, value);
  }

  varint64(value: bigint): void {
    this.#at = writeVarint64(this.reserve(VARINT_BYTES_MAX), this.#at, value);
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length).set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** A whole varint field; proto3's default 0 is left out. */
  uintField(field: number, value: number): void {
    if (value === 0) return;
    const target = this.reserve(2 * VARINT_BYTES_MAX);
    this.#at = writeVarint(target, writeVarint(target, this.#at, field * 8), value);
  }

  /** An int64 field held in a number: negative values take ten bytes. 0 is left out. */
  intField(field: number, value: number): void {
    if (value >= 0) this.uintField(field, value);
    else this.int64Field(field, BigInt(value));
  }

  int64Field(field: number, value: bigint): void {
    if (value === 0n) return;
    const target = this.reserve(2 * VARINT_BYTES_MAX);
    this.#at = writeVarint64(target, writeVarint(target, this.#at, field * 8), value);
  }

  boolField(field: number, value: boolean): void {
    if (value) this.uintField(field, 1);
  }

  /** A whole length-delimited field; an empty one is left out. */
  bytesField(field: number, value: Uint8Array): void {
    if (value.length === 0) return;
    const target = this.reserve(2 * VARINT_BYTES_MAX + value.length);
    const at = writeVarint(target, writeVarint(target, this.#at, field * 8 + 2), value.length);
    target.set(value, at);
    this.#at = at + value.length;
  }

  /** A whole string field; an empty one is left out. */
  stringField(field: number, value: string): void {
    if (value === "") return;
    this.messageField(field, utf8Size(value));
    this.text(value);
  }

  /** A string's UTF-8 bytes alone. */
  text(value: string): void {
    const size = utf8Size(value);
    const target = this.reserve(size).subarray(this.#at, this.#at + size);
    const { written } = UTF8_ENCODER.encodeInto(value, target);
    assert(written === size, "a string takes as many bytes as were counted");
    this.#at += size;
  }

  /** The tag and length of an embedded message of `size` bytes, written next by the caller. */
  messageField(field: number, size: number): void {
    const target = this.reserve(2 * VARINT_BYTES_MAX);
    this.#at = writeVarint(target, writeVarint(target, this.#at, field * 8 + 2), size);
  }

  #grow(count: number): void {
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + count));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }
}
