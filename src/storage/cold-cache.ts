import { RECORD_HEADER_BYTES, recordBytes, recordIsSound, SEGMENT_SPAN } from "./frame.ts";
import type { Segment } from "./segment.ts";
import { Slab } from "./slab.ts";
import { RESTORE_ADVICE, StorageError } from "./storage-error.ts";

/** A page: records are mostly read in another order than they were written in. */
const BLOCK_BYTES = 4 * 1024;
/** 16 MiB of blocks. */
const BLOCKS_MAX = 4096;
const BLOCKS_PER_SEGMENT = SEGMENT_SPAN / BLOCK_BYTES;

/** Single records from disk, each checked every time, through a small cache of blocks. */
export class ColdCache {
  /** By segment and block number; the first one is the oldest. */
  readonly #blocks = new Map<number, Slab>();

  /**
   * The payload of the record at an offset of a durable part of a segment. Never overwritten.
   * @throws StorageError when what stands there is no sound record, or the disk fails.
   */
  payload(segment: Segment, offset: number): Uint8Array {
    const block = this.#block(segment, offset);
    if (block !== undefined) {
      const at = offset - block.fileStart;
      const room = block.capacity - at;
      if (room >= RECORD_HEADER_BYTES && room >= recordBytes(block, at)) {
        return soundPayload(segment, block, at);
      }
    }
    return this.#straddling(segment, offset);
  }

  /** The block an offset lies in; none when the block is not durable as a whole yet. */
  #block(segment: Segment, offset: number): Slab | undefined {
    const index = Math.floor(offset / BLOCK_BYTES);
    const key = segment.number * BLOCKS_PER_SEGMENT + index;
    const cached = this.#blocks.get(key);
    if (cached !== undefined) return cached;
    const start = index * BLOCK_BYTES;
    const end = Math.min(start + BLOCK_BYTES, segment.durableEnd);
    if (end < start + BLOCK_BYTES && !segment.sealed) return undefined;
    const block = readSlab(segment, start, end - start);
    if (this.#blocks.size >= BLOCKS_MAX) {
      for (const oldest of this.#blocks.keys()) {
        this.#blocks.delete(oldest);
        break;
      }
    }
    this.#blocks.set(key, block);
    return block;
  }

  #straddling(segment: Segment, offset: number): Uint8Array {
    const header = readSlab(segment, offset, RECORD_HEADER_BYTES);
    const length = recordBytes(header, 0);
    if (offset + length > segment.durableEnd) throw damagedRecord(segment, offset);
    return soundPayload(segment, readSlab(segment, offset, length), 0);
  }
}

function readSlab(segment: Segment, start: number, length: number): Slab {
  const slab = new Slab(length, start);
  const got = segment.openFile.read(start, slab.bytes);
  if (got < length) throw damagedRecord(segment, start);
  slab.end = got;
  return slab;
}

function soundPayload(segment: Segment, slab: Slab, at: number): Uint8Array {
  if (!recordIsSound(slab, at)) throw damagedRecord(segment, slab.fileStart + at);
  return slab.bytes.subarray(at + RECORD_HEADER_BYTES, at + recordBytes(slab, at));
}

function damagedRecord(segment: Segment, offset: number): StorageError {
  const place = { file: segment.path, offset, advice: RESTORE_ADVICE };
  return new StorageError("a record does not match its checksum", place);
}
