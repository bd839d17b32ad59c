import { assert } from "../base/assert.ts";
import type { DiskFile } from "./disk.ts";
import { FRAME_HEADER_BYTES } from "./frame.ts";
import {
  SEGMENT_HEADER_BYTES,
  type SegmentKind,
  encodeSegmentHeader,
  firstChain,
  segmentPath,
  segmentSeed,
} from "./segment-header.ts";
import type { Slab } from "./slab.ts";
import { SparseIndex } from "./sparse-index.ts";
import type { StoreIdentity } from "./store-identity.ts";

/** One file of the log, as it is known in memory. */
export class Segment {
  readonly number: number;
  readonly kind: SegmentKind;
  readonly path: string;
  readonly header: Uint8Array;
  /** Seeds the checksums of frame headers. */
  readonly seed: number;
  /** Undefined until the file has been made, durably. */
  file: DiskFile | undefined;
  /** Whether the manifest names it, durably: only then may frames be written. */
  listed = false;

  /** Offset behind the last frame that was sealed. */
  end: number = SEGMENT_HEADER_BYTES;
  /** Offset behind the last frame that is durable. */
  durableEnd: number = SEGMENT_HEADER_BYTES;
  /** Chain at `end`. */
  chain: number;
  /** Number of its first frame, whether that exists or not. */
  firstFrame = 1;
  /** Nothing is appended any more. */
  full = false;
  /** Bytes on disk that have been written, zeros included. */
  allocatedEnd = 0;

  frames = 0;
  records = 0;
  deadBytes = 0;
  /**
   * Bytes of tombstones that the index no longer needs, but a restart does: an older segment may
   * hold dead puts of their keys, which would come back to life without them.
   */
  heldBytes = 0;

  readonly index: SparseIndex = new SparseIndex();
  /** Resident pieces, in order and without gaps: the newest part of the segment. */
  readonly slabs: Slab[] = [];

  constructor(identity: StoreIdentity, number: number, kind: SegmentKind) {
    this.number = number;
    this.kind = kind;
    this.path = segmentPath(number, kind);
    this.header = encodeSegmentHeader(identity, number, kind);
    this.seed = segmentSeed(identity, number);
    this.chain = firstChain(this.header);
  }

  get firstChain(): number {
    return firstChain(this.header);
  }

  /** The file, of a segment that is part of the log on disk. */
  get openFile(): DiskFile {
    assert(this.file !== undefined, "a segment that is read from disk has a file");
    return this.file;
  }

  get sealed(): boolean {
    return this.full && this.durableEnd === this.end;
  }

  /** Offset from which on the segment is in memory. */
  get residentFrom(): number {
    const first = this.slabs[0];
    return first === undefined ? this.end : first.fileStart;
  }

  /** The slab that holds an offset, when it is resident. */
  slabAt(offset: number): Slab | undefined {
    const slabs = this.slabs;
    let low = 0;
    let high = slabs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((slabs[middle] as Slab).fileStart <= offset) low = middle + 1;
      else high = middle;
    }
    const slab = slabs[low - 1];
    return slab !== undefined && offset < slab.fileEnd ? slab : undefined;
  }

  /** Bytes of records and frames that somebody still needs. */
  get liveBytes(): number {
    return Math.max(0, this.end - SEGMENT_HEADER_BYTES - this.deadBytes);
  }

  /** What a record takes on average, with its share of frame headers. */
  get averageRecordBytes(): number {
    return this.records === 0 ? 0 : (this.end - SEGMENT_HEADER_BYTES) / this.records;
  }

  /** A record's share of frame headers. */
  get overheadPerRecord(): number {
    return this.records === 0 ? 0 : (this.frames * FRAME_HEADER_BYTES) / this.records;
  }

  /** Bytes of everything behind the header. */
  get frameBytes(): number {
    return this.end - SEGMENT_HEADER_BYTES;
  }

  /** Counts a record of so many bytes as dead; undefined: as large as the average. */
  countDead(bytes: number | undefined): void {
    this.deadBytes +=
      bytes === undefined ? this.averageRecordBytes : bytes + this.overheadPerRecord;
  }
}
