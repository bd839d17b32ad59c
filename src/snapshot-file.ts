import { createHash } from "node:crypto";
import { fstatSync, readSync } from "node:fs";
import type { ByteSource } from "./storage/bolt/reader.ts";

/** The file cannot be restored, or not there. Nothing has been made. */
export class RestoreError extends Error {
  override readonly name = "RestoreError";
}

/** A snapshot as it lies on the disk: a database and, usually, its SHA-256 behind it. */
export interface SnapshotFile {
  /** The database alone. */
  readonly source: ByteSource;
  readonly hasHash: boolean;
  /** Reads all of it. @throws RestoreError when the hash is another one */
  readonly checkHash: () => void;
}

const HASH_BYTES = 32;
/** Databases are whole pages, and every page size is a multiple of this. */
const PAGE_STEP = 512;
const READ_BYTES: number = 1024 * 1024;

/** Looks at an open file; `file` is its name, for messages. */
export function openSnapshot(descriptor: number, file: string): SnapshotFile {
  const { size } = fstatSync(descriptor);
  const hasHash = size % PAGE_STEP === HASH_BYTES;
  const source: ByteSource = {
    size: hasHash ? size - HASH_BYTES : size,
    read: (position, target) => readAt(descriptor, position, target),
  };
  return { source, hasHash, checkHash: () => checkHash(source, file) };
}

function checkHash(source: ByteSource, file: string): void {
  const hash = createHash("sha256");
  const buffer = new Uint8Array(READ_BYTES);
  for (let at = 0; at < source.size; ) {
    const part = buffer.subarray(0, Math.min(READ_BYTES, source.size - at));
    const count = source.read(at, part);
    if (count === 0) throw new RestoreError(`${file} became shorter while it was read`);
    hash.update(part.subarray(0, count));
    at += count;
  }
  const stored = new Uint8Array(HASH_BYTES);
  source.read(source.size, stored);
  if (!hash.digest().equals(stored)) {
    throw new RestoreError(`${file} is damaged: it does not have the hash that it ends with`);
  }
}

function readAt(descriptor: number, position: number, target: Uint8Array): number {
  let done = 0;
  while (done < target.length) {
    const count = readSync(descriptor, target, done, target.length - done, position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}
