import { assert } from "./assert.ts";

/**
 * Protocol-buffer primitives. Numbers stand for int64 wherever the value is known to stay within
 * 2^53 (revisions, counts); ids that use all 64 bits are bigint and have methods of their own.
 */

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
  let rest = BigInt.asUintN(64, value);
  let size = 1;
  while (rest >= 0x80n) {
    rest >>= 7n;
    size++;
  }
  return size;
}

export function writeVarint64(target: Uint8Array, offset: number, value: bigint): number {
  let rest = BigInt.asUintN(64, value);
  let at = offset;
  while (rest >= 0x80n) {
    target[at++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  target[at++] = Number(rest);
  return at;
}

/** A message that cannot be decoded. `message` is the detail that etcd's clients see (E82). */
export class WireError extends Error {
  override readonly name = "WireError";
}

/**
 * Reads one message. Every method throws WireError when the bytes end too early or a varint is
 * longer than 64 bits; nothing else can go wrong, whatever the bytes are.
 */
export class WireReader {
  readonly #bytes: Uint8Array;
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    assert(start <= end && end <= bytes.length, "a reader stays inside its bytes");
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  get offset(): number {
    return this.#at;
  }

  /** The next tag: field number * 8 + wire type. */
  tag(): number {
    const tag = this.uint();
    if (tag >>> 3 === 0 || tag > 0xffffffff) throw new WireError("proto: illegal tag");
    return tag;
  }

  /** A varint as a number; a value of 2^53 or more is rounded, so only for flags, enums, lengths. */
  uint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      if (this.#at >= this.#end) throw new WireError("unexpected EOF");
      const byte = this.#bytes[this.#at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new WireError("proto: integer overflow");
  }

  /** An int64 as a number; values outside +-(2^53 - 1) come back clamped to the nearest of these. */
  int64(): number {
    const start = this.#at;
    const value = this.uint();
    if (value <= Number.MAX_SAFE_INTEGER) return value;
    this.#at = start;
    const exact = this.bigint64();
    if (exact > BigInt(Number.MAX_SAFE_INTEGER)) return Number.MAX_SAFE_INTEGER;
    if (exact < BigInt(Number.MIN_SAFE_INTEGER)) return Number.MIN_SAFE_INTEGER;
    return Number(exact);
  }

  /** An int64 with all its bits. */
  bigint64(): bigint {
    return BigInt.asIntN(64, this.biguint64());
  }

  /** A uint64 with all its bits. */
  biguint64(): bigint {
    let low = 0;
    let high = 0n;
    for (let i = 0; i < 10; i++) {
      if (this.#at >= this.#end) throw new WireError("unexpected EOF");
      const byte = this.#bytes[this.#at++] as number;
      if (i < 7) low += (byte & 0x7f) * 2 ** (7 * i);
      else high |= BigInt(byte & 0x7f) << BigInt(7 * (i - 7));
      if (byte < 0x80) return BigInt.asUintN(64, BigInt(low) | (high << 49n));
    }
    throw new WireError("proto: integer overflow");
  }

  bool(): boolean {
    return this.uint() !== 0;
  }

  /** A length-delimited field, borrowed from the message's bytes. */
  bytes(): Uint8Array {
    const length = this.#length();
    const start = this.#at;
    this.#at = start + length;
    return this.#bytes.subarray(start, this.#at);
  }

  string(): string {
    const bytes = this.bytes();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
  }

  /** A reader over an embedded message. */
  message(): WireReader {
    const length = this.#length();
    const start = this.#at;
    this.#at = start + length;
    return new WireReader(this.#bytes, start, this.#at);
  }

  /** Passes over the field of this tag, unknown groups included. */
  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.uint();
        return;
      case 1:
        this.#advance(8);
        return;
      case 2:
        this.#advance(this.#length());
        return;
      case 5:
        this.#advance(4);
        return;
      default:
        throw new WireError(`proto: illegal wireType ${tag & 7}`);
    }
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

  reset(): void {
    this.#at = 0;
  }

  /** What has been written since the last reset, borrowed. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Makes room for `count` bytes and returns the buffer, to be written from `length` on. */
  reserve(count: number): Uint8Array {
    if (this.#at + count > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + count));
      grown.set(this.#bytes.subarray(0, this.#at));
      this.#bytes = grown;
    }
    return this.#bytes;
  }

  /** Takes `count` bytes that were written into `reserve`d room. */
  advance(count: number): void {
    assert(this.#at + count <= this.#bytes.length, "only reserved room is taken");
    this.#at += count;
  }

  varint(value: number): void {
    this.#at = writeVarint(this.reserve(10), this.#at, value);
  }

  varint64(value: bigint): void {
    this.#at = writeVarint64(this.reserve(10), this.#at, value);
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length).set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** A whole varint field; proto3's default 0 is left out. */
  uintField(field: number, value: number): void {
    if (value === 0) return;
    this.varint(field * 8);
    this.varint(value);
  }

  /** An int64 field held in a number: negative values take ten bytes. 0 is left out. */
  intField(field: number, value: number): void {
    if (value >= 0) this.uintField(field, value);
    else this.int64Field(field, BigInt(value));
  }

  int64Field(field: number, value: bigint): void {
    if (value === 0n) return;
    this.varint(field * 8);
    this.varint64(value);
  }

  boolField(field: number, value: boolean): void {
    if (value) this.uintField(field, 1);
  }

  /** A whole length-delimited field; an empty one is left out. */
  bytesField(field: number, value: Uint8Array): void {
    if (value.length === 0) return;
    this.varint(field * 8 + 2);
    this.varint(value.length);
    this.raw(value);
  }

  /** The tag and length of an embedded message of `size` bytes, written next by the caller. */
  messageField(field: number, size: number): void {
    this.varint(field * 8 + 2);
    this.varint(size);
  }
}
