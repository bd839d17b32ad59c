import { assert } from "../base/assert.ts";
import type { Revision } from "../base/revision.ts";
import {
  FRAME_HEADER_BYTES,
  RECORD_HEADER_BYTES,
  SEGMENT_SPAN,
  frameSeed,
  sealRecords,
  toLocation,
  writeFrameHeader,
  writeRecordHeader,
  writeRecordName,
} from "./frame.ts";
import type { Location, RecordKind } from "./record.ts";
import type { Segment } from "./segment.ts";
import type { SegmentSet } from "./segment-set.ts";
import { Slab } from "./slab.ts";

/** A frame that takes no more records, ready to be written. */
export interface SealedFrame {
  readonly segment: Segment;
  readonly offset: number;
  readonly end: number;
  readonly frameNumber: number;
  /** Its bytes, in order. */
  readonly chunks: readonly Uint8Array[];
}

/**
 * Builds frames in place: a record is written straight into the slab that stays resident. A frame
 * may continue over several slabs; a record never does.
 */
export class FrameBuilder {
  readonly #segments: SegmentSet;
  readonly #slabBytes: number;
  /** Says which segment takes the next frame. */
  readonly #segmentForFrame: () => Segment;
  #segment: Segment | undefined;
  #slab: Slab | undefined;
  /** Earlier slabs of the collecting frame, each with where the frame's part starts. */
  readonly #parts: { readonly slab: Slab; readonly from: number }[] = [];
  #partFrom = 0;
  #records = 0;
  #payloadBytes = 0;
  #firstMain = 0;
  #lastMain: number;
  #nextFrame: number;
  #appendedAt: Location = 0 as Location;

  constructor(
    segments: SegmentSet,
    slabBytes: number,
    segmentForFrame: () => Segment,
    from: { readonly lastMain: number; readonly nextFrame: number },
  ) {
    this.#segments = segments;
    this.#slabBytes = slabBytes;
    this.#segmentForFrame = segmentForFrame;
    this.#lastMain = from.lastMain;
    this.#nextFrame = from.nextFrame;
  }

  get isEmpty(): boolean {
    return this.#records === 0;
  }

  /** Bytes that the next commit writes. */
  get collectedBytes(): number {
    return this.#records === 0 ? 0 : FRAME_HEADER_BYTES + this.#payloadBytes;
  }

  get appendedAt(): Location {
    return this.#appendedAt;
  }

  /** Number of the frame that is collecting, or collects next. */
  get nextFrame(): number {
    return this.#nextFrame;
  }

  append(kind: RecordKind, main: Revision, sub: number, length: number): Uint8Array {
    assert(main >= this.#lastMain, "mains never decrease");
    this.#lastMain = main;
    if (this.#records === 0) this.#begin(main, length);
    const bytes = RECORD_HEADER_BYTES + length;
    const slab = this.#slabFor(bytes);
    const at = slab.end;
    writeRecordHeader(slab, at, length, sub);
    writeRecordName(slab, at, kind, main);
    slab.end = at + bytes;
    this.#records++;
    this.#payloadBytes += bytes;
    const segment = this.#segment as Segment;
    this.#appendedAt = toLocation(segment.number, slab.fileStart + at);
    return slab.bytes.subarray(at + RECORD_HEADER_BYTES, slab.end);
  }

  /** Ends the collecting frame: header and checksums. Undefined when nothing was appended. */
  seal(): SealedFrame | undefined {
    const segment = this.#segment;
    const last = this.#slab;
    if (this.#records === 0 || segment === undefined || last === undefined) return undefined;
    this.#parts.push({ slab: last, from: this.#partFrom });
    const offset = segment.end;
    const place = { offset, chain: segment.chain, frameNumber: this.#nextFrame };
    segment.index.add(this.#firstMain, place);
    const chunks: Uint8Array[] = [];
    let chain = segment.chain;
    for (let i = 0; i < this.#parts.length; i++) {
      const { slab, from } = this.#parts[i] as { readonly slab: Slab; readonly from: number };
      chain = sealRecords(slab, i === 0 ? from + FRAME_HEADER_BYTES : from, slab.end, chain);
      chunks.push(slab.bytes.subarray(from, slab.end));
    }
    const first = this.#parts[0] as { readonly slab: Slab; readonly from: number };
    const header = {
      payloadBytes: this.#payloadBytes,
      records: this.#records,
      chain,
      frameNumber: this.#nextFrame,
      firstMain: this.#firstMain,
    };
    writeFrameHeader(first.slab, first.from, header, frameSeed(segment.seed, offset));
    segment.end = offset + this.collectedBytes;
    segment.chain = chain;
    segment.frames++;
    segment.records += this.#records;
    this.#parts.length = 0;
    this.#partFrom = last.end;
    this.#records = 0;
    this.#payloadBytes = 0;
    this.#segments.collectingSegment = undefined;
    this.#nextFrame++;
    return { segment, offset, end: segment.end, frameNumber: header.frameNumber, chunks };
  }

  #begin(main: Revision, length: number): void {
    const segment = this.#segmentForFrame();
    if (segment !== this.#segment) {
      this.#segment = segment;
      this.#slab = undefined;
    }
    this.#firstMain = main;
    const needed = FRAME_HEADER_BYTES + RECORD_HEADER_BYTES + length;
    let slab = this.#slab;
    if (slab === undefined || slab.capacity - slab.end < needed) {
      slab = this.#addSlab(segment, segment.end, needed);
    }
    this.#partFrom = slab.end;
    slab.end += FRAME_HEADER_BYTES;
    this.#segments.collectingSegment = segment;
    this.#segments.collectingOffset = segment.end;
  }

  /** The current slab when the record fits, else the next one. */
  #slabFor(bytes: number): Slab {
    const slab = this.#slab as Slab;
    if (slab.capacity - slab.end >= bytes) return slab;
    this.#parts.push({ slab, from: this.#partFrom });
    this.#partFrom = 0;
    return this.#addSlab(this.#segment as Segment, slab.fileEnd, bytes);
  }

  #addSlab(segment: Segment, fileStart: number, bytes: number): Slab {
    assert(fileStart + bytes <= SEGMENT_SPAN, "a frame ends inside its segment's span");
    const slab = new Slab(Math.max(this.#slabBytes, bytes), fileStart);
    this.#slab = slab;
    this.#segments.resident.add(segment, slab);
    return slab;
  }
}
