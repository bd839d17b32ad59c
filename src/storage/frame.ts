import { assert } from "../base/assert.ts";
import { crc32c, crc32cWord } from "../base/crc32c.ts";
import { type Revision, toRevision } from "../base/revision.ts";
import type { Location, RecordKind, RecordView } from "./record.ts";
import type { Slab } from "./slab.ts";

/**
 * How frames and records stand in a file. Numbers are little-endian.
 *
 *   frame header, 40 bytes            record header, 20 bytes, then the payload
 *    0 u32 magic "VFRM"                0 u32 crc of all that follows, payload included
 *    4 u32 crc of bytes 8 to 39        4 u32 payload bytes
 *    8 u32 bytes of records            8 u32 main, low 32 bits
 *   12 u32 number of records          12 u24 main, high bits
 *   16 u32 chain                      15 u8  kind
 *   20 u32 kind, always 1             16 u32 sub
 *   24 u64 frame number
 *   32 u64 main of the first record
 *
 * A frame is one group commit. Its chain is the checksum of its records' checksums, started from
 * the chain of the frame before it: one pass over the payloads gives both a record that can be
 * checked alone and a frame that fits nowhere else. The crc of the header is seeded with the
 * store's secret, the segment's number and the offset, so that no bytes a client stores can pass
 * for a header.
 */
export const FRAME_HEADER_BYTES = 40;
export const RECORD_HEADER_BYTES = 20;
const FRAME_MAGIC = 0x4d524656;
const FRAME_KIND = 1;
const TWO_32 = 0x100000000;

/**
 * Offsets of records stay below this in every segment; the unit of `Location`. Far more than a
 * segment's size: one frame, in which a delete has a record for each of its keys, ends it.
 */
export const SEGMENT_SPAN: number = 2 ** 31;

export function toLocation(segmentNumber: number, offset: number): Location {
  assert(offset < SEGMENT_SPAN, "a record starts inside its segment's span");
  return (segmentNumber * SEGMENT_SPAN + offset) as Location;
}

/** What a frame's header says. */
export interface FrameHeader {
  payloadBytes: number;
  records: number;
  chain: number;
  frameNumber: number;
  firstMain: number;
}

/** `seed` is `frameSeed` of the place. */
export function writeFrameHeader(slab: Slab, at: number, header: FrameHeader, seed: number): void {
  const view = slab.view;
  view.setUint32(at, FRAME_MAGIC, true);
  view.setUint32(at + 8, header.payloadBytes, true);
  view.setUint32(at + 12, header.records, true);
  view.setUint32(at + 16, header.chain, true);
  view.setUint32(at + 20, FRAME_KIND, true);
  writeUint64(view, at + 24, header.frameNumber);
  writeUint64(view, at + 32, header.firstMain);
  view.setUint32(at + 4, crc32c(slab.bytes, seed, at + 8, at + FRAME_HEADER_BYTES), true);
}

/** Reads the header at `at`; undefined when no valid one of this place stands there. */
export function readFrameHeader(slab: Slab, at: number, seed: number): FrameHeader | undefined {
  const view = slab.view;
  if (at + FRAME_HEADER_BYTES > slab.capacity) return undefined;
  if (view.getUint32(at, true) !== FRAME_MAGIC) return undefined;
  const crc = crc32c(slab.bytes, seed, at + 8, at + FRAME_HEADER_BYTES);
  if (crc !== view.getUint32(at + 4, true)) return undefined;
  if (view.getUint32(at + 20, true) !== FRAME_KIND) return undefined;
  return {
    payloadBytes: view.getUint32(at + 8, true),
    records: view.getUint32(at + 12, true),
    chain: view.getUint32(at + 16, true),
    frameNumber: readUint64(view, at + 24),
    firstMain: readUint64(view, at + 32),
  };
}

/** The seed of a header's crc: `segmentSeed` is a secret of the store and the segment. */
export function frameSeed(segmentSeed: number, offset: number): number {
  return (segmentSeed ^ offset) >>> 0;
}

/** Everything of a record's header but its crc, which is filled in by `sealRecords`. */
export function writeRecordHeader(slab: Slab, at: number, length: number, sub: number): void {
  slab.view.setUint32(at + 4, length, true);
  slab.view.setUint32(at + 16, sub, true);
}

export function writeRecordName(slab: Slab, at: number, kind: RecordKind, main: Revision): void {
  const high = Math.floor(main / TWO_32);
  slab.view.setUint32(at + 8, main >>> 0, true);
  slab.view.setUint32(at + 12, high | (kind << 24), true);
}

/** Fills in the checksums of the records in `[from, to)` and returns the chain behind them. */
export function sealRecords(slab: Slab, from: number, to: number, chain: number): number {
  let at = from;
  let running = chain;
  while (at < to) {
    const end = at + RECORD_HEADER_BYTES + slab.view.getUint32(at + 4, true);
    const crc = crc32c(slab.bytes, 0, at + 4, end);
    slab.view.setUint32(at, crc, true);
    running = crc32cWord(crc, running);
    at = end;
  }
  assert(at === to, "records end where the frame ends");
  return running;
}

/** Whether the records in `[from, to)` are whole and give the chain that the header names. */
export function recordsAreSound(
  slab: Slab,
  from: number,
  header: FrameHeader,
  chain: number,
): boolean {
  const to = from + header.payloadBytes;
  let at = from;
  let running = chain;
  let records = 0;
  while (at + RECORD_HEADER_BYTES <= to) {
    const end = at + RECORD_HEADER_BYTES + slab.view.getUint32(at + 4, true);
    if (end > to) return false;
    const crc = crc32c(slab.bytes, 0, at + 4, end);
    if (crc !== slab.view.getUint32(at, true)) return false;
    running = crc32cWord(crc, running);
    records++;
    at = end;
  }
  return at === to && running === header.chain && records === header.records;
}

/** Whether the record at `at`, which ends inside the slab, is whole. */
export function recordIsSound(slab: Slab, at: number): boolean {
  const end = at + recordBytes(slab, at);
  return (
    end <= slab.capacity && crc32c(slab.bytes, 0, at + 4, end) === slab.view.getUint32(at, true)
  );
}

/** Length of the record at `at`, header included. */
export function recordBytes(slab: Slab, at: number): number {
  return RECORD_HEADER_BYTES + slab.view.getUint32(at + 4, true);
}

/** The record that a scan stands on. Its fields are read from the slab when they are asked for. */
export class RecordCursor implements RecordView {
  #slab: Slab;
  #at = 0;
  #segmentNumber = 0;
  /** Stands in for the true place while a rewrite tells where a record was. */
  #location: Location | undefined;

  constructor(slab: Slab) {
    this.#slab = slab;
  }

  /** Moves to the record at `at` and returns where the next one starts, in the slab. */
  moveTo(slab: Slab, at: number, segmentNumber: number): number {
    this.#slab = slab;
    this.#at = at;
    this.#segmentNumber = segmentNumber;
    this.#location = undefined;
    return at + recordBytes(slab, at);
  }

  nameAs(location: Location): void {
    this.#location = location;
  }

  get kind(): RecordKind {
    return this.#slab.view.getUint8(this.#at + 15) as RecordKind;
  }

  get main(): Revision {
    const view = this.#slab.view;
    const high = view.getUint32(this.#at + 12, true) & 0xffffff;
    return toRevision(high * TWO_32 + view.getUint32(this.#at + 8, true));
  }

  get sub(): number {
    return this.#slab.view.getUint32(this.#at + 16, true);
  }

  get payload(): Uint8Array {
    const end = this.#at + recordBytes(this.#slab, this.#at);
    return this.#slab.bytes.subarray(this.#at + RECORD_HEADER_BYTES, end);
  }

  get location(): Location {
    return this.#location ?? toLocation(this.#segmentNumber, this.#slab.fileStart + this.#at);
  }
}

export function writeUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / TWO_32), true);
}

/** A 64-bit number that was below 2^53 when written; anything else cannot pass its checksum. */
export function readUint64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * TWO_32 + view.getUint32(at, true);
}
