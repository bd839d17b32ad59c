/** Byte strings: order, equality, hashing, text. Keys and values are never decoded as text. */

export const EMPTY_BYTES: Uint8Array = new Uint8Array(0);

/** Bytewise lexicographic order, as etcd sorts keys: negative, zero or positive. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const shared = Math.min(left.length, right.length);
  for (let i = 0; i < shared; i++) {
    const difference = (left[i] as number) - (right[i] as number);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i++) {
    if (left[i] !== right[i]) return false;
  }
  return true;
}

/**
 * A 32-bit hash of the bytes (FNV-1a, finished with murmur3's mixer), started from `seed`. Tables
 * that clients can fill choose their seed by chance, so that nobody can aim at one bucket.
 */
export function hashBytes(bytes: Uint8Array, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) | 0;
  for (let i = 0; i < bytes.length; i++) {
    hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * Bytes `[from, to)` as a text of one character a byte, in the same order as the bytes: for keys of
 * maps, and where many short keys are kept, of which each takes a third of a byte array's memory.
 */
export function latin1Text(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("latin1");
}

/** The bytes that such a text stands for. */
export function latin1Bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** A copy that the caller owns. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes);
}
