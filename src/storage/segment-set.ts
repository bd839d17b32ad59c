import { assert } from "../base/assert.ts";
import type { Revision } from "../base/revision.ts";
import { ColdCache } from "./cold-cache.ts";
import {
  FRAME_HEADER_BYTES,
  RECORD_HEADER_BYTES,
  RecordCursor,
  SEGMENT_SPAN,
  recordBytes,
} from "./frame.ts";
import { FrameReader } from "./frame-reader.ts";
import type { Location, RecordView } from "./record.ts";
import { ResidentSet } from "./resident-set.ts";
import type { Segment } from "./segment.ts";
import { SEGMENT_HEADER_BYTES } from "./segment-header.ts";
import { Slab } from "./slab.ts";
import type { FramePlace } from "./sparse-index.ts";
import { RESTORE_ADVICE, StorageError } from "./storage-error.ts";

/** A scan of cold data reads this much at once. */
const SCAN_BLOCK_BYTES = 256 * 1024;

export type Visit = (record: RecordView) => boolean;

/** The segments that make up the log, in log order, and all reading from them. */
export class SegmentSet {
  readonly resident: ResidentSet;
  readonly #list: Segment[] = [];
  /** Those in the list, and retired ones that the index may still point into. */
  readonly #byNumber = new Map<number, Segment>();
  readonly #cold = new ColdCache();
  /** Where the frame that collects now starts: it has no header yet. */
  collectingSegment: Segment | undefined;
  collectingOffset = 0;

  constructor(residentBytes: number) {
    this.resident = new ResidentSet(residentBytes);
  }

  get list(): readonly Segment[] {
    return this.#list;
  }

  /** The newest segment, which takes the appends. */
  get last(): Segment {
    const last = this.#list[this.#list.length - 1];
    assert(last !== undefined, "a log has a segment that takes appends");
    return last;
  }

  add(segment: Segment): void {
    this.#list.push(segment);
    this.#byNumber.set(segment.number, segment);
  }

  /** Puts `rewritten` where the neighbours `sources` are; they stay readable by location. */
  replace(sources: readonly Segment[], rewritten: Segment | undefined): void {
    const first = this.#list.findIndex((segment) => segment === sources[0]);
    assert(first >= 0, "rewritten segments are part of the log");
    this.#list.splice(first, sources.length, ...(rewritten === undefined ? [] : [rewritten]));
    if (rewritten !== undefined) this.#byNumber.set(rewritten.number, rewritten);
  }

  /** Forgets a segment that has been replaced and that no location points into any more. */
  forget(segment: Segment): void {
    this.resident.remove(segment);
    this.#byNumber.delete(segment.number);
  }

  read(location: Location): Uint8Array {
    const number = Math.floor(location / SEGMENT_SPAN);
    const offset = location - number * SEGMENT_SPAN;
    const segment = this.#segment(number);
    const slab = segment.slabAt(offset);
    if (slab === undefined) return this.#cold.payload(segment, offset);
    const at = offset - slab.fileStart;
    return slab.bytes.subarray(at + RECORD_HEADER_BYTES, at + recordBytes(slab, at));
  }

  /** Counts a record as dead: its exact bytes when it is resident, else its segment's average. */
  release(location: Location): void {
    const number = Math.floor(location / SEGMENT_SPAN);
    const offset = location - number * SEGMENT_SPAN;
    const segment = this.#segment(number);
    const slab = segment.slabAt(offset);
    const isResident = slab !== undefined;
    segment.countDead(isResident ? recordBytes(slab, offset - slab.fileStart) : undefined);
  }

  /** Counts a tombstone as held: dead, but hiding what older segments may hold. */
  hold(location: Location, bytes: number): void {
    this.#segment(Math.floor(location / SEGMENT_SPAN)).heldBytes += bytes;
  }

  /** Whether a segment older than this one holds records that are not needed any more. */
  hasDeadBefore(segment: Segment): boolean {
    for (const older of this.#list) {
      if (older === segment) return false;
      if (older.deadBytes > 0) return true;
    }
    return false;
  }

  scan(from: Revision, visit: Visit): boolean {
    let first = this.#list.length - 1;
    while (first > 0 && !startsBelow(this.#list[first] as Segment, from)) first--;
    const cursor = new RecordCursor(EMPTY_SLAB);
    for (const segment of this.#list.slice(Math.max(0, first))) {
      const isCollecting = segment === this.collectingSegment;
      const start = segment.index.seek(from);
      if (start === undefined && !isCollecting) continue;
      const place = start ?? firstPlace(segment);
      const warmAt = this.#scanCold(segment, place, from, { cursor, visit });
      if (warmAt < 0) return false;
      if (!this.#scanResident(segment, warmAt, from, { cursor, visit })) return false;
    }
    return true;
  }

  /** Visits up to the first frame that is resident whole; returns its offset, -1 when stopped. */
  #scanCold(segment: Segment, start: FramePlace, from: number, to: ScanTarget): number {
    if (start.offset >= segment.residentFrom) return start.offset;
    const reader = new FrameReader(segment, start, SCAN_BLOCK_BYTES);
    while (reader.offset < segment.durableEnd && reader.offset < segment.residentFrom) {
      if (reader.next() !== "frame") {
        const problem = reader.problem === "" ? "frames are missing" : reader.problem;
        const place = { file: segment.path, offset: reader.offset, advice: RESTORE_ADVICE };
        throw new StorageError(problem, place);
      }
      const slab = reader.slab;
      if (!visitRecords(segment, slab, { at: reader.recordsAt, end: slab.end, from }, to))
        return -1;
    }
    return reader.offset;
  }

  #scanResident(segment: Segment, start: number, from: number, to: ScanTarget): boolean {
    // Frames are found by their headers; the collecting one has none yet and is the last.
    let offset = start;
    for (;;) {
      const slab = segment.slabAt(offset);
      if (slab === undefined) {
        assert(offset >= segment.end, "a scan reaches the end of the segment");
        return true;
      }
      const isCollecting = segment === this.collectingSegment && offset === this.collectingOffset;
      const header = slab.view.getUint32(offset - slab.fileStart + 8, true);
      const end = isCollecting ? Number.MAX_SAFE_INTEGER : offset + FRAME_HEADER_BYTES + header;
      let at = offset + FRAME_HEADER_BYTES;
      for (let piece: Slab | undefined = slab; piece !== undefined && at < end; ) {
        const until = Math.min(end, piece.fileEnd) - piece.fileStart;
        const part = { at: at - piece.fileStart, end: until, from };
        if (!visitRecords(segment, piece, part, to)) return false;
        at = piece.fileStart + until;
        piece = at < end ? segment.slabAt(at) : undefined;
      }
      if (isCollecting) return true;
      offset = end;
    }
  }

  #segment(number: number): Segment {
    const segment = this.#byNumber.get(number);
    assert(segment !== undefined, "a location points into a segment of the log");
    return segment;
  }
}

interface ScanTarget {
  readonly cursor: RecordCursor;
  readonly visit: Visit;
}

interface Part {
  readonly at: number;
  readonly end: number;
  readonly from: number;
}

const EMPTY_SLAB: Slab = new Slab(0, 0);

function visitRecords(segment: Segment, slab: Slab, part: Part, to: ScanTarget): boolean {
  const { cursor, visit } = to;
  for (let at = part.at; at < part.end; ) {
    at = cursor.moveTo(slab, at, segment.number);
    if (cursor.main >= part.from && !visit(cursor)) return false;
  }
  return true;
}

function startsBelow(segment: Segment, from: number): boolean {
  const firstMain = segment.index.firstMain;
  return firstMain !== undefined && firstMain < from;
}

function firstPlace(segment: Segment): FramePlace {
  return {
    offset: SEGMENT_HEADER_BYTES,
    chain: segment.firstChain,
    frameNumber: segment.firstFrame,
  };
}
