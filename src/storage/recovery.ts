import { equalBytes } from "../base/bytes.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { RecordCursor } from "./frame.ts";
import { FrameReader, findLaterFrame } from "./frame-reader.ts";
import type { Manifest, ManifestEntry } from "./manifest.ts";
import type { RecordView } from "./record.ts";
import { Segment } from "./segment.ts";
import { SEGMENT_HEADER_BYTES, parseSegmentName, segmentPath } from "./segment-header.ts";
import { SegmentSet } from "./segment-set.ts";
import { Slab } from "./slab.ts";
import { RESTORE_ADVICE, StorageError } from "./storage-error.ts";

const BLOCK_BYTES = 1024 * 1024;

export type Replay = (record: RecordView) => void;

/** The log as it was found. */
export interface Recovered {
  readonly segments: SegmentSet;
  /** An empty segment that was made ahead. */
  readonly next: Segment | undefined;
  readonly lastFrame: number;
  readonly lastMain: number;
  /** Bytes of a frame that was being written when the store stopped, and was never acknowledged. */
  readonly cutBytes: number;
  /**
   * Files left over, which the manifest does not name; to be removed once it is sure to be durable,
   * because an older one may name them.
   */
  readonly unlisted: readonly string[];
}

interface Torn {
  readonly segment: Segment;
  readonly offset: number;
  readonly problem: string;
  readonly expectedFrame: number;
}

/**
 * Reads the whole log, checks every frame and replays every record, in log order.
 *
 * Each frame was written only after the one before it was durable. So the one place where damage
 * can come from a crash is the last frame, when nobody was told of it: it is cut. Any trace of
 * something later (a frame behind it, a manifest that knows of more, a clean end) makes it a loss
 * of acknowledged data, and the store refuses to open.
 */
export class Recovery {
  readonly #disk: Disk;
  readonly #manifest: Manifest;
  readonly #replay: Replay;
  readonly #segments: SegmentSet;
  readonly #cursor = new RecordCursor(new Slab(0, 0));
  readonly #open: Segment[] = [];
  readonly #files: DiskFile[] = [];
  /** The slab that frames are being read from. */
  #warm: Slab | undefined;
  #torn: Torn | undefined;
  #nextFrame: number;
  #lastMain = 0;

  constructor(disk: Disk, manifest: Manifest, residentBytes: number, replay: Replay) {
    this.#disk = disk;
    this.#manifest = manifest;
    this.#replay = replay;
    this.#segments = new SegmentSet(residentBytes);
    this.#nextFrame = manifest.sealedThrough + 1;
  }

  /** @throws StorageError when acknowledged data is damaged or missing; nothing was changed. */
  run(): Recovered {
    try {
      return this.#run();
    } catch (error) {
      for (const file of this.#files) file.close();
      throw error;
    }
  }

  #run(): Recovered {
    for (const entry of this.#manifest.segments) {
      const segment = this.#openSegment(entry);
      if (entry.sealed) this.#readSealed(segment, entry);
      else this.#readOpen(segment);
    }
    const unlisted = this.#unlistedFiles();
    this.#checkTorn();
    const next = this.#chooseLast();
    this.#checkEnd();
    const cutBytes = this.#cutTorn();
    // What was read may stand in the page cache only; it must not be served before it is durable.
    for (const segment of this.#open) segment.openFile.syncNow();
    const lastFrame = this.#nextFrame - 1;
    const lastMain = this.#lastMain;
    return { segments: this.#segments, next, lastFrame, lastMain, cutBytes, unlisted };
  }

  #openSegment(entry: ManifestEntry): Segment {
    const segment = new Segment(this.#manifest.identity, entry.number, entry.kind);
    const known = this.#disk.list("log").includes(segment.path.slice("log/".length));
    if (!known) {
      throw new StorageError("the file is missing", { file: segment.path, advice: RESTORE_ADVICE });
    }
    const file = this.#disk.openNow(segment.path);
    this.#files.push(file);
    segment.file = file;
    segment.listed = true;
    segment.allocatedEnd = file.size();
    const header = new Uint8Array(SEGMENT_HEADER_BYTES);
    file.read(0, header);
    if (!equalBytes(header, segment.header)) {
      throw damaged(segment, 0, "the header is damaged or belongs to another store");
    }
    return segment;
  }

  #readSealed(segment: Segment, entry: ManifestEntry): void {
    segment.firstFrame = entry.firstFrame;
    segment.full = true;
    this.#segments.add(segment);
    const reader = this.#reader(segment);
    while (reader.offset < entry.end) {
      if (!this.#readFrame(segment, reader)) {
        throw damaged(segment, reader.offset, reader.problem || "frames are missing");
      }
    }
    this.#adopt(segment);
    if (reader.offset !== entry.end || reader.chain !== entry.chain) {
      throw damaged(segment, reader.offset, "the segment does not end as it was sealed");
    }
  }

  #readOpen(segment: Segment): void {
    segment.firstFrame = this.#nextFrame;
    segment.full = true;
    this.#open.push(segment);
    if (this.#torn !== undefined) return;
    const reader = this.#reader(segment);
    while (this.#readFrame(segment, reader));
    this.#adopt(segment);
    this.#nextFrame = reader.frameNumber;
    if (reader.problem !== "") {
      this.#torn = {
        segment,
        offset: reader.offset,
        problem: reader.problem,
        expectedFrame: reader.frameNumber,
      };
    }
  }

  #reader(segment: Segment): FrameReader {
    const start = {
      offset: SEGMENT_HEADER_BYTES,
      chain: segment.firstChain,
      frameNumber: segment.firstFrame,
    };
    return new FrameReader(segment, start, BLOCK_BYTES);
  }

  /** Replays the next frame, when there is a good one. */
  #readFrame(segment: Segment, reader: FrameReader): boolean {
    const place = { offset: reader.offset, chain: reader.chain, frameNumber: reader.frameNumber };
    if (reader.next() !== "frame") return false;
    const slab = reader.slab;
    if (slab !== this.#warm) this.#adopt(segment);
    this.#warm = slab;
    segment.index.add(reader.header.firstMain, place);
    segment.frames++;
    segment.records += reader.header.records;
    segment.end = reader.offset;
    segment.durableEnd = reader.offset;
    segment.chain = reader.chain;
    const cursor = this.#cursor;
    for (let at = reader.recordsAt; at < slab.end; ) {
      at = cursor.moveTo(slab, at, segment.number);
      this.#lastMain = Math.max(this.#lastMain, cursor.main);
      this.#replay(cursor);
    }
    return true;
  }

  /** Keeps the slab with the last frames in memory. */
  #adopt(segment: Segment): void {
    if (this.#warm !== undefined) this.#segments.resident.add(segment, this.#warm);
    this.#warm = undefined;
  }

  #checkTorn(): void {
    const torn = this.#torn;
    if (torn === undefined) return;
    const { segment, offset, problem, expectedFrame } = torn;
    if (this.#manifest.clean) {
      throw damaged(segment, offset, `${problem}, though the store was closed cleanly`);
    }
    const behind = this.#open.slice(this.#open.indexOf(segment));
    for (const other of behind) {
      const from = other === segment ? offset : SEGMENT_HEADER_BYTES;
      const later = findLaterFrame(other, from, expectedFrame + 1);
      if (later === undefined) continue;
      const trace = `${problem}, and a later frame stands in ${other.path} at offset ${later}`;
      throw damaged(segment, offset, trace);
    }
  }

  /** Sets the segment that takes the appends, last in the list; returns the empty one behind it. */
  #chooseLast(): Segment | undefined {
    const used = this.#open.filter((segment) => segment.records > 0);
    const empty = this.#open.filter((segment) => segment.records === 0);
    const last = used[used.length - 1] ?? empty.shift();
    if (last === undefined || empty.length > 1) {
      const place = { file: "MANIFEST", advice: RESTORE_ADVICE };
      throw new StorageError("the segments it names cannot be those of one log", place);
    }
    for (const segment of used) this.#segments.add(segment);
    if (used.length === 0) this.#segments.add(last);
    last.full = false;
    const next = empty[0];
    if (next !== undefined) next.full = false;
    return next;
  }

  #checkEnd(): void {
    const { end, clean } = this.#manifest;
    const lastFrame = this.#nextFrame - 1;
    const last = this.#segments.last;
    if (lastFrame < end.lastFrame) {
      const problem = `frames ${lastFrame + 1} to ${end.lastFrame} are missing`;
      throw damaged(last, last.end, problem);
    }
    if (!clean) return;
    const isSame =
      lastFrame === end.lastFrame && last.number === end.segment && last.end === end.offset;
    if (!isSame || last.chain !== end.chain) {
      throw damaged(last, last.end, "the log does not end where it was closed");
    }
  }

  #cutTorn(): number {
    const torn = this.#torn;
    if (torn === undefined) return 0;
    const file = torn.segment.openFile;
    const cutBytes = file.size() - torn.offset;
    file.truncateNow(torn.offset);
    torn.segment.allocatedEnd = torn.offset;
    return cutBytes;
  }

  /** Files of the log that the manifest does not name: left over, and to be removed. */
  #unlistedFiles(): readonly string[] {
    const unlisted: string[] = [];
    const { segments } = this.#manifest;
    const listed = new Set(segments.map((entry) => segmentPath(entry.number, entry.kind)));
    for (const name of this.#disk.list("log")) {
      const parsed = parseSegmentName(name);
      if (parsed === undefined) continue;
      const path = segmentPath(parsed.number, parsed.kind);
      if (listed.has(path)) continue;
      // Frames are written to a segment only when the manifest names it, so a newer one is empty.
      const isNewer = parsed.number >= this.#manifest.nextNumber;
      if (isNewer && parsed.kind === "log" && hasFrames(this.#disk, path)) {
        const place = { file: path, advice: RESTORE_ADVICE };
        throw new StorageError("it holds frames, but the manifest does not know it", place);
      }
      unlisted.push(path);
    }
    return unlisted;
  }
}

/** Whether anything but zeros stands behind the header of a segment's file. */
export function hasFrames(disk: Disk, path: string): boolean {
  const file: DiskFile = disk.openNow(path);
  try {
    const size = file.size();
    const block = new Uint8Array(BLOCK_BYTES);
    for (let at = SEGMENT_HEADER_BYTES; at < size; ) {
      const got = file.read(at, block);
      if (got === 0) return false;
      if (block.subarray(0, got).some((byte) => byte !== 0)) return true;
      at += got;
    }
    return false;
  } finally {
    file.close();
  }
}

function damaged(segment: Segment, offset: number, problem: string): StorageError {
  return new StorageError(problem, { file: segment.path, offset, advice: RESTORE_ADVICE });
}
