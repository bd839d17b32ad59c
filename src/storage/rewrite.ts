import { assert } from "../base/assert.ts";
import type { Disk, DiskFile, Done } from "./disk.ts";
import {
  FRAME_HEADER_BYTES,
  RecordCursor,
  frameSeed,
  sealRecords,
  toLocation,
  writeFrameHeader,
} from "./frame.ts";
import { FrameReader } from "./frame-reader.ts";
import { isErasure, type Location, type RecordView } from "./record.ts";
import { chooseRun } from "./rewrite-choice.ts";
import { Segment } from "./segment.ts";
import { SEGMENT_HEADER_BYTES } from "./segment-header.ts";
import type { SegmentSet } from "./segment-set.ts";
import { Slab } from "./slab.ts";
import { RESTORE_ADVICE, StorageError } from "./storage-error.ts";
import type { StoreIdentity } from "./store-identity.ts";

/** A rewritten frame, and what one step reads and writes at most (but for larger records). */
const CHUNK_BYTES = 256 * 1024;

export interface RewriteCallbacks {
  /**
   * Whether the index still needs the record where `record.location` says. Asked when it is copied
   * and again when it has been. A tombstone may stay all the same, see `LogRewrite`.
   */
  keep(record: RecordView): boolean;
  /**
   * The record at `record.location` lies at `to` as well from now on; the old place can be read
   * until the rewrite is over.
   */
  moved(record: RecordView, to: Location): void;
  /** A step that answered "waiting" can be repeated. May be called from inside the step. */
  wake(): void;
}

/** A rewrite under way, advanced by whoever owns the time. */
export interface Rewrite {
  /**
   * Looks at up to `budgetRecords` records. "waiting": the disk is busy, `wake` follows. "done": it
   * is over; another one may find more to do.
   */
  step(budgetRecords: number): "more" | "waiting" | "done";
  /** What stopped it before its end; the log itself is not touched by that. */
  readonly failure: Error | undefined;
}

export interface RewriteHost {
  readonly disk: Disk;
  readonly identity: StoreIdentity;
  readonly segments: SegmentSet;
  readonly segmentBytes: number;
  /** Segments with a number below it are rewritten for any record that is not needed. */
  readonly thoroughBelow: number;
  takeNumber(): number;
  updateManifest(done: Done): void;
  fail(error: StorageError): void;
  progressed(): void;
}

type Phase = "copy" | "flush" | "swap" | "move" | "remove" | "over";

/**
 * Copies what is needed of neighbouring segments into a new one and puts that in their place:
 *
 *   copy ──> flush ──> swap ──> move ──> remove ──> over
 *    reads the old     names durable,   tells the    unlinks
 *    writes the new    then manifest    index        the old
 *
 * Until the swap is durable the old segments count, from then on the new one; a crash leaves one
 * set or the other, and opening removes the files that do not count. Records keep their bytes and
 * checksums. What is written is read back and checked while the index is told.
 *
 * A tombstone that nobody needs is dropped only when no older segment holds dead records. Else one
 * of them may be a put of its key, and the next opening, which replays all that it finds, would
 * bring the key back.
 */
export class LogRewrite implements Rewrite {
  readonly #callbacks: RewriteCallbacks;
  readonly #host: RewriteHost;
  readonly #sources: readonly Segment[];
  readonly #cursor = new RecordCursor(new Slab(0, 0));
  /** Where the records of the new segment came from, in order. */
  readonly #origins: Location[] = [];
  /** Slabs of the new segment that stay in memory, because what they replace did. */
  readonly #warm: Slab[] = [];
  readonly #staysWarm: boolean;
  #phase: Phase = "copy";
  #isBusy = false;
  #source = 0;
  #reader: FrameReader | undefined;
  #at = 0;
  #end = 0;
  #target: Segment | undefined;
  #chunk: Slab | undefined;
  #chunkRecords = 0;
  #moved = 0;
  #removed = 0;
  failure: Error | undefined;

  constructor(callbacks: RewriteCallbacks, host: RewriteHost) {
    this.#callbacks = callbacks;
    this.#host = host;
    this.#sources = chooseRun(host.segments.list, host.segmentBytes, host.thoroughBelow);
    this.#staysWarm = this.#sources.some((segment) => segment.slabs.length > 0);
    if (this.#sources.length === 0) this.#phase = "over";
  }

  get isOver(): boolean {
    return this.#phase === "over";
  }

  /** Whether a call to the disk is under way. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  step(budgetRecords: number): "more" | "waiting" | "done" {
    assert(budgetRecords > 0, "a step has a budget");
    if (this.#isBusy) return "waiting";
    switch (this.#phase) {
      case "copy":
        this.#copy(budgetRecords);
        break;
      case "flush":
        this.#syncNames();
        break;
      case "swap":
        this.#swap();
        break;
      case "move":
        this.#move(budgetRecords);
        break;
      case "remove":
        this.#remove();
        break;
      case "over":
        return "done";
    }
    if (this.#isBusy) return "waiting";
    return this.isOver ? "done" : "more";
  }

  /** Stops where it is. Files that do not count are removed at the next opening. */
  abandon(): void {
    this.#phase = "over";
  }

  /** Closes the files of segments that have been replaced. */
  closeFiles(): void {
    const isSwapped = this.#target !== undefined && this.#host.segments.list.includes(this.#target);
    if (!isSwapped) this.#target?.file?.close();
    for (const segment of this.#sources.slice(this.#removed)) {
      if (!this.#host.segments.list.includes(segment)) segment.file?.close();
    }
  }

  #copy(budgetRecords: number): void {
    const holdsTombstones = this.#host.segments.hasDeadBefore(this.#sources[0] as Segment);
    for (let budget = budgetRecords; budget > 0; budget--) {
      if (this.#at === this.#end && !this.#nextFrame()) {
        this.#phase = "flush";
        if (this.#chunk !== undefined) this.#writeChunk(this.#chunk);
        return;
      }
      const reader = this.#reader as FrameReader;
      const source = this.#sources[this.#source] as Segment;
      const start = this.#at;
      this.#at = this.#cursor.moveTo(reader.slab, start, source.number);
      const isHeld = holdsTombstones && isErasure(this.#cursor.kind);
      if (!isHeld && !this.#callbacks.keep(this.#cursor)) continue;
      if (this.#append(reader.slab, start, this.#at)) continue;
      // The chunk is full: this record comes first in the next step.
      this.#at = start;
      return;
    }
  }

  /** Goes to the next frame of the sources, checked whole; false behind the last one. */
  #nextFrame(): boolean {
    for (;;) {
      const source = this.#sources[this.#source];
      if (source === undefined) return false;
      this.#reader ??= readerOf(source);
      const reader = this.#reader;
      if (reader.offset >= source.end) {
        this.#source++;
        this.#reader = undefined;
        continue;
      }
      readFrame(source, reader);
      this.#at = reader.recordsAt;
      this.#end = reader.slab.end;
      return true;
    }
  }

  /** Copies one record; false when the chunk has to be written first. */
  #append(slab: Slab, start: number, end: number): boolean {
    const length = end - start;
    let chunk = this.#chunk;
    if (chunk !== undefined && chunk.capacity - chunk.end < length) {
      this.#writeChunk(chunk);
      return false;
    }
    if (chunk === undefined) {
      this.#target ??= new Segment(this.#host.identity, this.#host.takeNumber(), "rewritten");
      const capacity = Math.max(CHUNK_BYTES, FRAME_HEADER_BYTES + length);
      chunk = new Slab(capacity, this.#target.end);
      chunk.end = FRAME_HEADER_BYTES;
      this.#chunk = chunk;
    }
    chunk.bytes.set(slab.bytes.subarray(start, end), chunk.end);
    chunk.end += length;
    this.#chunkRecords++;
    this.#origins.push(this.#cursor.location);
    return true;
  }

  #writeChunk(chunk: Slab): void {
    const target = this.#target as Segment;
    const offset = target.end;
    const frameNumber = target.frames + 1;
    const chain = sealRecords(chunk, FRAME_HEADER_BYTES, chunk.end, target.chain);
    const first = new RecordCursor(chunk);
    first.moveTo(chunk, FRAME_HEADER_BYTES, target.number);
    const header = {
      payloadBytes: chunk.end - FRAME_HEADER_BYTES,
      records: this.#chunkRecords,
      chain,
      frameNumber,
      firstMain: first.main,
    };
    writeFrameHeader(chunk, 0, header, frameSeed(target.seed, offset));
    target.index.add(first.main, { offset, chain: target.chain, frameNumber });
    target.end = offset + chunk.end;
    target.chain = chain;
    target.frames++;
    target.records += this.#chunkRecords;
    this.#chunk = undefined;
    this.#chunkRecords = 0;
    if (this.#staysWarm) this.#warm.push(chunk);
    this.#isBusy = true;
    const bytes = chunk.bytes.subarray(0, chunk.end);
    if (target.file !== undefined) {
      target.file.write([bytes], offset, (error) => this.#chunkWritten(error));
      return;
    }
    this.#host.disk.create(target.path, (error, file) => {
      if (file === undefined) {
        this.#chunkWritten(error);
        return;
      }
      target.file = file;
      file.write([target.header, bytes], 0, (unwritten) => this.#chunkWritten(unwritten));
    });
  }

  #chunkWritten(error: Error | undefined): void {
    if (error !== undefined) this.#giveUp(error);
    this.#wake();
  }

  #syncNames(): void {
    const target = this.#target;
    this.#phase = "swap";
    if (target === undefined) return;
    target.durableEnd = target.end;
    target.allocatedEnd = target.end;
    target.full = true;
    target.listed = true;
    this.#isBusy = true;
    this.#host.disk.syncFolder("log", (error) => {
      if (error !== undefined) this.#giveUp(error);
      this.#wake();
    });
  }

  #swap(): void {
    const { segments } = this.#host;
    segments.replace(this.#sources, this.#target);
    if (this.#target !== undefined) segments.resident.addOldest(this.#target, this.#warm);
    this.#warm.length = 0;
    this.#phase = "move";
    this.#reader = undefined;
    this.#at = 0;
    this.#end = 0;
    this.#isBusy = true;
    this.#host.updateManifest((error) => {
      if (error !== undefined) {
        const place = { file: "MANIFEST" };
        this.#host.fail(new StorageError("the manifest could not be written", place, error));
      }
      this.#wake();
    });
  }

  #move(budgetRecords: number): void {
    const target = this.#target;
    for (let budget = budgetRecords; budget > 0; budget--) {
      if (target === undefined || this.#moved === this.#origins.length) {
        this.#phase = "remove";
        return;
      }
      this.#reader ??= readerOf(target);
      const reader = this.#reader;
      if (this.#at === this.#end) {
        readFrame(target, reader);
        this.#at = reader.recordsAt;
        this.#end = reader.slab.end;
      }
      const start = this.#at;
      this.#at = this.#cursor.moveTo(reader.slab, start, target.number);
      this.#cursor.nameAs(this.#origins[this.#moved] as Location);
      this.#moved++;
      const to = toLocation(target.number, reader.slab.fileStart + start);
      // It may have been released since it was copied.
      if (this.#callbacks.keep(this.#cursor)) this.#callbacks.moved(this.#cursor, to);
      else this.#countUnneeded(target, to, this.#at - start);
    }
  }

  /** Counts a record that was copied and that the index does not need. */
  #countUnneeded(target: Segment, to: Location, bytes: number): void {
    const { segments } = this.#host;
    const isHeld = isErasure(this.#cursor.kind) && segments.hasDeadBefore(target);
    if (isHeld) segments.hold(to, bytes);
    else segments.release(to);
  }

  #remove(): void {
    const source = this.#sources[this.#removed];
    if (source === undefined) {
      this.#phase = "over";
      return;
    }
    this.#removed++;
    this.#host.segments.forget(source);
    source.openFile.close();
    this.#isBusy = true;
    // A file that cannot be removed now is removed by the next opening: nothing names it.
    this.#host.disk.remove(source.path, () => this.#wake());
  }

  /** The log does not need the new segment: on a full disk, compaction just frees nothing yet. */
  #giveUp(error: Error): void {
    this.failure = error;
    this.#phase = "over";
    const target = this.#target;
    if (target?.file === undefined) return;
    const file: DiskFile = target.file;
    target.file = undefined;
    file.close();
    this.#host.disk.remove(target.path, () => {});
  }

  #wake(): void {
    this.#isBusy = false;
    this.#host.progressed();
    this.#callbacks.wake();
  }
}

function readerOf(segment: Segment): FrameReader {
  const start = {
    offset: SEGMENT_HEADER_BYTES,
    chain: segment.firstChain,
    frameNumber: segment.firstFrame,
  };
  return new FrameReader(segment, start, CHUNK_BYTES);
}

/** @throws StorageError: what was written before is damaged now. */
function readFrame(segment: Segment, reader: FrameReader): void {
  if (reader.next() === "frame") return;
  const problem = reader.problem === "" ? "frames are missing" : reader.problem;
  const place = { file: segment.path, offset: reader.offset, advice: RESTORE_ADVICE };
  throw new StorageError(problem, place);
}
