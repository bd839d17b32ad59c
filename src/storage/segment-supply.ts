import { assert } from "../base/assert.ts";
import { type Disk, type DiskFile, isDiskFull } from "./disk.ts";
import { SEGMENTS_MAX } from "./manifest.ts";
import { Segment } from "./segment.ts";
import { SEGMENT_HEADER_BYTES } from "./segment-header.ts";
import type { SegmentSet } from "./segment-set.ts";
import { StorageError } from "./storage-error.ts";
import type { StoreIdentity } from "./store-identity.ts";

/** Zeros are written in pieces small enough not to hold up a commit: 0.5 ms here. */
const ZERO_BYTES_MAX = 512 * 1024;

/** What the supply needs of the store. */
export interface SupplyHost {
  takeNumber(): number;
  nextFrame(): number;
  updateManifest(done: (error: Error | undefined) => void): void;
  /** Final: no commit succeeds any more. */
  fail(error: StorageError): void;
  /** The disk has no room for what is made ahead, or for a segment that a frame waits for. */
  diskFull(): void;
  /** A segment became ready, or a piece of zeros ended: look again at what waits. */
  progressed(): void;
}

export interface SupplyOptions {
  readonly disk: Disk;
  readonly identity: StoreIdentity;
  readonly segments: SegmentSet;
  readonly segmentBytes: number;
}

/**
 * Has the next segment ready before it is needed, and zeros written where frames will go: writing
 * over them makes a commit a third faster than growing a file. All of it in the background.
 */
export class SegmentSupply {
  readonly #disk: Disk;
  readonly #identity: StoreIdentity;
  readonly #segments: SegmentSet;
  readonly #segmentBytes: number;
  readonly #host: SupplyHost;
  readonly #zeros: Uint8Array;
  #next: Segment | undefined;
  #creating: Segment | undefined;
  #zeroing: Segment | undefined;
  #zeroFrom = 0;
  #isDiskFull = false;
  /** A segment that a frame waits for did not fit: it is made again when `retry` says so. */
  #isStalled = false;
  #stopped = false;

  constructor(options: SupplyOptions, next: Segment | undefined, host: SupplyHost) {
    this.#disk = options.disk;
    this.#identity = options.identity;
    this.#segments = options.segments;
    this.#segmentBytes = options.segmentBytes;
    this.#next = next;
    this.#host = host;
    this.#zeros = new Uint8Array(Math.min(ZERO_BYTES_MAX, Math.ceil(options.segmentBytes / 4)));
  }

  /** The segment that follows the last one, when it has been made. */
  get next(): Segment | undefined {
    return this.#next;
  }

  /** The last try to make room ahead found the disk full; it is tried again at each commit. */
  get isDiskFull(): boolean {
    return this.#isDiskFull;
  }

  get isStalled(): boolean {
    return this.#isStalled;
  }

  /** There may be room now. */
  retry(): void {
    this.#isStalled = false;
  }

  get isIdle(): boolean {
    return this.#creating === undefined && this.#zeroing === undefined;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Ends the last segment and puts the next one behind it. Its file may not be there yet. */
  take(): Segment {
    const segment = this.#next ?? this.#make();
    this.#next = undefined;
    this.#segments.last.full = true;
    segment.firstFrame = this.#host.nextFrame();
    this.#segments.add(segment);
    const mayCreate = this.#creating === undefined && !this.#isStalled;
    if (segment.file === undefined && mayCreate) this.#create(segment);
    return segment;
  }

  /** Whether a frame up to `end` may be written now; `progressed` tells when to ask again. */
  isReady(segment: Segment, end: number): boolean {
    if (segment.listed) return this.#zeroing !== segment || end <= this.#zeroFrom;
    const mayCreate = this.#creating === undefined && !this.#stopped && !this.#isStalled;
    if (mayCreate) this.#create(segment);
    return segment.listed;
  }

  /** Does the next piece of work ahead, unless one is under way. Called when anything ended. */
  tend(): void {
    if (this.#stopped) return;
    const last = this.#segments.last;
    const half = this.#segmentBytes / 2;
    // Never two segments ahead: the next one comes when this one has a durable frame.
    const mayCreate = this.#creating === undefined && !this.#isStalled;
    if (mayCreate && last.listed && last.durableEnd >= half) {
      this.#next ??= this.#make();
      if (this.#next.file === undefined) this.#create(this.#next);
    }
    if (!this.#disk.preallocates || this.#zeroing !== undefined || !last.listed) return;
    if (last.allocatedEnd - last.end < this.#zeros.length) {
      if (firstUnwritten(last) < this.#segmentBytes) this.#zero(last);
      return;
    }
    // The next segment is as far ahead as this one is filled beyond its half, and a little more.
    const next = this.#next;
    const due = Math.min(this.#segmentBytes, (last.end - half) * 2.5);
    if (next?.listed === true && next.allocatedEnd < due) this.#zero(next);
  }

  #make(): Segment {
    return new Segment(this.#identity, this.#host.takeNumber(), "log");
  }

  #create(segment: Segment): void {
    if (this.#segments.list.length >= SEGMENTS_MAX) {
      const place = { file: this.#disk.place, advice: "compact the history" };
      this.#host.fail(new StorageError(`more than ${SEGMENTS_MAX} segments`, place));
      return;
    }
    this.#creating = segment;
    this.#disk.create(segment.path, (error, file) => {
      if (file === undefined || error !== undefined) this.#notCreated(segment, error);
      else {
        file.write([segment.header], 0, (unwritten) => this.#syncName(segment, file, unwritten));
      }
    });
  }

  #syncName(segment: Segment, file: DiskFile, unwritten: Error | undefined): void {
    if (unwritten !== undefined) {
      file.close();
      this.#notCreated(segment, unwritten);
      return;
    }
    this.#disk.syncFolder("log", (error) => {
      if (error !== undefined) {
        file.close();
        this.#notCreated(segment, error);
        return;
      }
      segment.file = file;
      segment.allocatedEnd = SEGMENT_HEADER_BYTES;
      this.#host.updateManifest((unlisted) => this.#created(segment, unlisted));
    });
  }

  #created(segment: Segment, error: Error | undefined): void {
    this.#creating = undefined;
    if (error === undefined) {
      segment.listed = true;
      this.tend();
    } else {
      // Nobody knows what the manifest says now.
      this.#fail(segment, error);
    }
    this.#host.progressed();
  }

  #notCreated(segment: Segment, error: Error | undefined): void {
    this.#creating = undefined;
    if (error !== undefined && isDiskFull(error)) this.#isStalled = true;
    this.#failOrWait(segment, error);
    this.#host.progressed();
  }

  #zero(segment: Segment): void {
    const from = firstUnwritten(segment);
    const end = Math.min(from + this.#zeros.length, this.#segmentBytes);
    assert(from < end, "zeros are written inside the segment");
    this.#zeroing = segment;
    this.#zeroFrom = from;
    segment.openFile.write([this.#zeros.subarray(0, end - from)], from, (error) => {
      this.#zeroing = undefined;
      if (error === undefined) {
        this.#isDiskFull = false;
        segment.allocatedEnd = end;
        this.tend();
      } else {
        this.#failOrWait(segment, error);
      }
      this.#host.progressed();
    });
  }

  /** A full disk is no fault: what does not fit now may fit later. All else is final. */
  #failOrWait(segment: Segment, error: Error | undefined): void {
    if (error === undefined || !isDiskFull(error)) {
      this.#fail(segment, error);
      return;
    }
    this.#isDiskFull = true;
    this.#host.diskFull();
  }

  #fail(segment: Segment, error: Error | undefined): void {
    const problem = "the room for the log's next frames could not be made";
    this.#host.fail(new StorageError(problem, { file: segment.path }, error));
  }
}

/** Where zeros may start: the frame that is being written now can reach beyond the last zeros. */
function firstUnwritten(segment: Segment): number {
  return Math.max(segment.allocatedEnd, segment.end);
}
