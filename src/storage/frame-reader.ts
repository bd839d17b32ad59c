import { assert } from "../base/assert.ts";
import type { DiskFile } from "./disk.ts";
import {
  FRAME_HEADER_BYTES,
  type FrameHeader,
  frameSeed,
  readFrameHeader,
  recordsAreSound,
} from "./frame.ts";
import type { Segment } from "./segment.ts";
import { Slab } from "./slab.ts";
import type { FramePlace } from "./sparse-index.ts";

/** What stands at the place where a frame was looked for. */
export type FrameFound = "frame" | "end" | "damaged";

/**
 * Reads the frames of one segment's file in order and checks each of them whole: header, records,
 * chain, number. Blocks are read into slabs of their own that begin and end with whole frames, so
 * they can become resident as they are.
 */
export class FrameReader {
  readonly #segment: Segment;
  readonly #file: DiskFile;
  readonly #blockBytes: number;
  readonly #fileBytes: number;
  #slab: Slab | undefined;
  #offset: number;
  #chain: number;
  #frameNumber: number;
  #header: FrameHeader | undefined;
  #recordsAt = 0;
  /** Why the last place was "damaged". */
  problem = "";

  /** `start` is a frame's place, or the place behind the last one. */
  constructor(segment: Segment, start: FramePlace, blockBytes: number) {
    this.#segment = segment;
    this.#file = segment.openFile;
    this.#fileBytes = this.#file.size();
    this.#blockBytes = blockBytes;
    this.#offset = start.offset;
    this.#chain = start.chain;
    this.#frameNumber = start.frameNumber;
  }

  /** Offset behind the last good frame. */
  get offset(): number {
    return this.#offset;
  }

  /** Chain behind the last good frame. */
  get chain(): number {
    return this.#chain;
  }

  /** Number of the frame that follows the last good one. */
  get frameNumber(): number {
    return this.#frameNumber;
  }

  get fileBytes(): number {
    return this.#fileBytes;
  }

  /** The good frame that the reader stands behind. */
  get header(): FrameHeader {
    assert(this.#header !== undefined, "a frame has been read");
    return this.#header;
  }

  /** Where the records of that frame are. */
  get slab(): Slab {
    assert(this.#slab !== undefined, "a frame has been read");
    return this.#slab;
  }

  /** Offset of its records in the slab; they end at `slab.end`. */
  get recordsAt(): number {
    return this.#recordsAt;
  }

  next(): FrameFound {
    const found = this.#load(FRAME_HEADER_BYTES);
    if (!found) return this.#restIsZero() ? "end" : this.#damaged("a frame header is cut off");
    let slab = this.slab;
    let at = this.#offset - slab.fileStart;
    const seed = frameSeed(this.#segment.seed, this.#offset);
    const header = readFrameHeader(slab, at, seed);
    if (header === undefined) {
      return this.#restIsZero() ? "end" : this.#damaged("the frame header is damaged");
    }
    if (header.frameNumber !== this.#frameNumber) {
      return this.#damaged(`frame ${this.#frameNumber} is missing, ${header.frameNumber} is there`);
    }
    const frameBytes = FRAME_HEADER_BYTES + header.payloadBytes;
    if (!this.#load(frameBytes)) return this.#damaged("the frame is cut off");
    slab = this.slab;
    at = this.#offset - slab.fileStart;
    if (!recordsAreSound(slab, at + FRAME_HEADER_BYTES, header, this.#chain)) {
      return this.#damaged("the records of the frame do not match their checksums");
    }
    slab.end = at + frameBytes;
    this.#header = header;
    this.#recordsAt = at + FRAME_HEADER_BYTES;
    this.#offset += frameBytes;
    this.#chain = header.chain;
    this.#frameNumber++;
    return "frame";
  }

  #damaged(problem: string): FrameFound {
    this.problem = problem;
    return "damaged";
  }

  /** Makes sure that the slab holds `count` bytes from the offset on; false when the file ends. */
  #load(count: number): boolean {
    const slab = this.#slab;
    if (slab !== undefined && this.#offset + count <= slab.fileStart + slab.capacity) return true;
    if (this.#offset + count > this.#fileBytes) return false;
    const rest = this.#fileBytes - this.#offset;
    const next = new Slab(Math.min(rest, Math.max(count, this.#blockBytes)), this.#offset);
    const got = this.#file.read(this.#offset, next.bytes);
    if (got < count) return false;
    this.#slab = next;
    return true;
  }

  /** Whether nothing but zeros follows: room that was made ahead, never written. */
  #restIsZero(): boolean {
    const block = new Uint8Array(Math.min(this.#blockBytes, 64 * 1024));
    for (let at = this.#offset; at < this.#fileBytes; ) {
      const target = block.subarray(0, Math.min(block.length, this.#fileBytes - at));
      const got = this.#file.read(at, target);
      if (got === 0) return true;
      for (let i = 0; i < got; i++) {
        if (block[i] !== 0) return false;
      }
      at += got;
    }
    return true;
  }
}

/**
 * Looks for a frame header that is valid in its place, at or behind `from`, with a number of at
 * least `frameNumber`: a trace of an acknowledged frame. Returns its offset.
 */
export function findLaterFrame(
  segment: Segment,
  from: number,
  frameNumber: number,
): number | undefined {
  const file = segment.openFile;
  const size = file.size();
  const blockBytes = 256 * 1024;
  for (let start = from; start + FRAME_HEADER_BYTES <= size; start += blockBytes) {
    // Blocks overlap by a header, so that none is missed between two.
    const block = new Slab(Math.min(blockBytes + FRAME_HEADER_BYTES - 1, size - start), start);
    const got = file.read(start, block.bytes);
    for (let at = 0; at + FRAME_HEADER_BYTES <= got; at++) {
      if (block.bytes[at] !== 0x56 || block.bytes[at + 1] !== 0x46) continue;
      const header = readFrameHeader(block, at, frameSeed(segment.seed, start + at));
      if (header !== undefined && header.frameNumber >= frameNumber) return start + at;
    }
  }
  return undefined;
}
