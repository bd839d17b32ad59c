import { assert } from "../base/assert.ts";
import { copyBytes, EMPTY_BYTES } from "../base/bytes.ts";
import type { Revision } from "../base/revision.ts";
import { varint64Size, varintSize, WireReader, writeVarint, writeVarint64 } from "../base/wire.ts";

/**
 * mvccpb.KeyValue: what a key held at one revision. Its wire form has the fields in the order of
 * their numbers and leaves defaults out, because HashKV runs over it (K70); every KeyValue of the
 * store is in that form, and the readers below rely on it.
 */
export interface KeyValue {
  readonly key: Uint8Array;
  /** Revision of the put that began the present generation (O3). */
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  /** 1 for the first put of a generation (O3). */
  readonly version: number;
  readonly value: Uint8Array;
  /** 0 = none. */
  readonly lease: bigint;
}

const KEY_FIELD = 1;
const CREATE_FIELD = 2;
const MOD_FIELD = 3;
const VERSION_FIELD = 4;
const VALUE_FIELD = 5;
const LEASE_FIELD = 6;

const KEY_TAG: number = KEY_FIELD * 8 + 2;
const CREATE_TAG: number = CREATE_FIELD * 8;
const MOD_TAG: number = MOD_FIELD * 8;
const VERSION_TAG: number = VERSION_FIELD * 8;
const VALUE_TAG: number = VALUE_FIELD * 8 + 2;
const LEASE_TAG: number = LEASE_FIELD * 8;

/** Bytes of the wire form. */
export function keyValueSize(keyValue: KeyValue): number {
  let size = bytesFieldSize(keyValue.key) + bytesFieldSize(keyValue.value);
  if (keyValue.createRevision !== 0) size += 1 + varintSize(keyValue.createRevision);
  if (keyValue.modRevision !== 0) size += 1 + varintSize(keyValue.modRevision);
  if (keyValue.version !== 0) size += 1 + varintSize(keyValue.version);
  if (keyValue.lease !== 0n) size += 1 + varint64Size(keyValue.lease);
  return size;
}

/** Writes the wire form; `target` is exactly as long as `keyValueSize` says. */
export function writeKeyValue(target: Uint8Array, keyValue: KeyValue): void {
  let at = writeBytesField(target, 0, KEY_TAG, keyValue.key);
  if (keyValue.createRevision !== 0) {
    target[at] = CREATE_TAG;
    at = writeVarint(target, at + 1, keyValue.createRevision);
  }
  if (keyValue.modRevision !== 0) {
    target[at] = MOD_TAG;
    at = writeVarint(target, at + 1, keyValue.modRevision);
  }
  if (keyValue.version !== 0) {
    target[at] = VERSION_TAG;
    at = writeVarint(target, at + 1, keyValue.version);
  }
  at = writeBytesField(target, at, VALUE_TAG, keyValue.value);
  if (keyValue.lease !== 0n) {
    target[at] = LEASE_TAG;
    at = writeVarint64(target, at + 1, keyValue.lease);
  }
  assert(at === target.length, "a KeyValue fills the room made for it");
}

/** Bytes of a KeyValue with only a key: what a tombstone holds (K70). */
export function keyOnlySize(key: Uint8Array): number {
  return bytesFieldSize(key);
}

/** Writes a KeyValue with only a key; `target` is exactly as long as `keyOnlySize` says. */
export function writeKeyOnly(target: Uint8Array, key: Uint8Array): void {
  const at = writeBytesField(target, 0, KEY_TAG, key);
  assert(at === target.length, "a KeyValue fills the room made for it");
}

/** The KeyValue of a DELETE event: only key and mod_revision (W23). Owned by the caller. */
export function deletedKeyValue(key: Uint8Array, modRevision: Revision): Uint8Array {
  const bytes = new Uint8Array(bytesFieldSize(key) + 1 + varintSize(modRevision));
  const at = writeBytesField(bytes, 0, KEY_TAG, key);
  bytes[at] = MOD_TAG;
  writeVarint(bytes, at + 1, modRevision);
  return bytes;
}

/** All fields; key and value are borrowed from `bytes`. @throws WireError when malformed */
export function parseKeyValue(bytes: Uint8Array): KeyValue {
  const reader = new WireReader(bytes);
  let key = EMPTY_BYTES;
  let createRevision = 0;
  let modRevision = 0;
  let version = 0;
  let value = EMPTY_BYTES;
  let lease = 0n;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === KEY_TAG) key = reader.bytes();
    else if (tag === CREATE_TAG) createRevision = reader.int64();
    else if (tag === MOD_TAG) modRevision = reader.int64();
    else if (tag === VERSION_TAG) version = reader.int64();
    else if (tag === VALUE_TAG) value = reader.bytes();
    else if (tag === LEASE_TAG) lease = reader.bigint64();
    else reader.skip(tag);
  }
  return {
    key,
    createRevision: createRevision as Revision,
    modRevision: modRevision as Revision,
    version,
    value,
    lease,
  };
}

/** The key, borrowed from `bytes`. */
export function keyOf(bytes: Uint8Array): Uint8Array {
  return bytesAt(bytes, seek(bytes, KEY_FIELD));
}

export function createRevisionOf(bytes: Uint8Array): Revision {
  return varintAt(bytes, seek(bytes, CREATE_FIELD)) as Revision;
}

export function modRevisionOf(bytes: Uint8Array): Revision {
  return varintAt(bytes, seek(bytes, MOD_FIELD)) as Revision;
}

export function versionOf(bytes: Uint8Array): number {
  return varintAt(bytes, seek(bytes, VERSION_FIELD));
}

/** The value, borrowed from `bytes`. */
export function valueOf(bytes: Uint8Array): Uint8Array {
  return bytesAt(bytes, seek(bytes, VALUE_FIELD));
}

/** The lease with all its 64 bits; 0 = none. */
export function leaseOf(bytes: Uint8Array): bigint {
  const at = seek(bytes, LEASE_FIELD);
  return at < 0 ? 0n : new WireReader(bytes, at).bigint64();
}

/** The same KeyValue without its value; the lease stays (K17, D5). `bytes` if it has no value. */
export function keysOnly(bytes: Uint8Array): Uint8Array {
  const at = seek(bytes, VALUE_FIELD);
  if (at < 0) return bytes;
  const end = skipBytes(bytes, at);
  const head = at - 1;
  // A view would do for a key without lease, but it would hold on to the bytes of the value.
  if (end === bytes.length) return copyBytes(bytes.subarray(0, head));
  const shortened = new Uint8Array(head + bytes.length - end);
  shortened.set(bytes.subarray(0, head));
  shortened.set(bytes.subarray(end), head);
  return shortened;
}

function bytesFieldSize(bytes: Uint8Array): number {
  const { length } = bytes;
  return length === 0 ? 0 : 1 + varintSize(length) + length;
}

function writeBytesField(
  target: Uint8Array,
  offset: number,
  tag: number,
  bytes: Uint8Array,
): number {
  const { length } = bytes;
  if (length === 0) return offset;
  target[offset] = tag;
  const at = writeVarint(target, offset + 1, length);
  // A call into the engine costs more than copying a short key here.
  if (length <= 24) {
    for (let i = 0; i < length; i++) target[at + i] = bytes[i] as number;
  } else {
    target.set(bytes, at);
  }
  return at + length;
}

/** The offset behind the tag of a field, or -1 when it is left out. */
function seek(bytes: Uint8Array, field: number): number {
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at] as number;
    const found = tag >>> 3;
    if (found >= field) return found === field ? at + 1 : -1;
    at = (tag & 7) === 2 ? skipBytes(bytes, at + 1) : skipVarint(bytes, at + 1);
  }
  assert(at === bytes.length, "the fields of a stored KeyValue end with its bytes");
  return -1;
}

function skipVarint(bytes: Uint8Array, offset: number): number {
  let at = offset;
  while ((bytes[at] as number) >= 0x80) at++;
  return at + 1;
}

function skipBytes(bytes: Uint8Array, offset: number): number {
  return skipVarint(bytes, offset) + varintAt(bytes, offset);
}

function bytesAt(bytes: Uint8Array, offset: number): Uint8Array {
  if (offset < 0) return EMPTY_BYTES;
  const start = skipVarint(bytes, offset);
  return bytes.subarray(start, start + varintAt(bytes, offset));
}

/** A varint below 2^53; 0 for a field that is left out. */
function varintAt(bytes: Uint8Array, offset: number): number {
  if (offset < 0) return 0;
  let value = 0;
  let scale = 1;
  for (let at = offset; ; at++) {
    const byte = bytes[at] as number;
    if (byte < 0x80) return value + byte * scale;
    value += (byte & 0x7f) * scale;
    scale *= 128;
  }
}
