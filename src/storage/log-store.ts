import { assert } from "../base/assert.ts";
import type { Revision } from "../base/revision.ts";
import { createFolder, readFolder } from "./data-folder.ts";
import { type Disk, type DiskFile, type Done, isDiskFull } from "./disk.ts";
import { DiskReserve } from "./disk-reserve.ts";
import { FrameBuilder, type SealedFrame } from "./frame-builder.ts";
import {
  MANIFEST_SLOT_BYTES,
  type Manifest,
  type ManifestEntry,
  NAME_BYTES_MAX,
  utf8Bytes,
} from "./manifest.ts";
import { ManifestFile, writeManifestNow } from "./manifest-file.ts";
import type { Location, RecordKind, RecordLog } from "./record.ts";
import { type Recovered, Recovery, type Replay } from "./recovery.ts";
import { LogRewrite, type Rewrite, type RewriteCallbacks } from "./rewrite.ts";
import type { Segment } from "./segment.ts";
import { SEGMENT_HEADER_BYTES } from "./segment-header.ts";
import type { SegmentSet, Visit } from "./segment-set.ts";
import { SegmentSupply } from "./segment-supply.ts";
import { StorageError } from "./storage-error.ts";
import type { StoreIdentity } from "./store-identity.ts";

/** Offsets fit a Location, and a frame that starts just below still has room of its own. */
export const SEGMENT_BYTES_MAX: number = 128 * 1024 * 1024;
const SLAB_BYTES_DEFAULT: number = 1024 * 1024;
/** What the reserve of an empty store holds. */
const RESERVE_BYTES_LEAST: number = 1024 * 1024;

export interface LogStoreOptions {
  /** A segment takes no new frame once it is this long. */
  readonly segmentBytes: number;
  /** So much of the newest part of the log stays in memory. */
  readonly residentBytes: number;
  /** Memory is taken in pieces of this size; 1 MiB unless said otherwise. */
  readonly slabBytes?: number;
  /** Room kept for a full disk, at most; 0 = none, as when it is left out. */
  readonly reserveBytes?: number;
  /** Told when the disk is full, again and again while it is. */
  readonly diskFull?: () => void;
  /** Written when the folder is new; an existing folder keeps its own. */
  readonly identity?: StoreIdentity;
}

/**
 * The durable log: records in frames, frames in segments (`frame.ts`, `segment-header.ts`), the
 * list of segments in the manifest (`manifest.ts`).
 *
 *   append ──> collecting frame ──commit──> written and durable ──> `done`
 *                                  one at a time; the next frame collects meanwhile
 *
 * An error of a write is final: this commit and all later ones report it, and nothing is written
 * again, because after a failed sync nobody knows what the disk holds. But for a full disk: then
 * the same bytes are written to the same place again, all of the frame, once the reserve has been
 * given up and whenever `retry` says so; until then the commit is not done.
 */
export class LogStore implements RecordLog {
  readonly identity: StoreIdentity;
  /** Bytes of a torn, never acknowledged frame that opening cut off; usually 0. */
  readonly cutBytes: number;
  readonly #disk: Disk;
  readonly #segmentBytes: number;
  readonly #segments: SegmentSet;
  readonly #builder: FrameBuilder;
  readonly #supply: SegmentSupply;
  readonly #manifest: ManifestFile;
  readonly #reserve: DiskReserve;
  readonly #tellDiskFull: () => void;
  readonly #written: Done = (error) => this.#frameWritten(error);
  #nextNumber: number;
  #durableFrame: number;
  #failure: StorageError | undefined;
  #frame: SealedFrame | undefined;
  #frameDone: Done | undefined;
  #isWriting = false;
  #bytesCommitted = 0;
  /** The frame did not fit on the disk. */
  #isStalled = false;
  /** The next frame begins a segment. */
  #rolls = false;
  #rollDone: (() => void) | undefined;
  #rewrite: LogRewrite | undefined;
  #closed: "open" | "closing" | "closed" = "open";
  #closeDone: Done | undefined;

  /**
   * Opens the store in a folder, or makes one. Synchronous: reads and checks the whole log and
   * replays its records in order before it returns.
   * @throws StorageError when the folder belongs to something else, was made by a newer release, or
   *   when acknowledged data is damaged or missing. The folder is left as it was then.
   */
  static open(disk: Disk, options: LogStoreOptions, replay: Replay): LogStore {
    const { segmentBytes, identity } = options;
    const isInRange = segmentBytes > SEGMENT_HEADER_BYTES && segmentBytes <= SEGMENT_BYTES_MAX;
    assert(isInRange, "segmentBytes is above a header and at most 128 MiB");
    let folder = readFolder(disk);
    if (folder === undefined) {
      assert(identity !== undefined, "a new folder is given an identity");
      assert(utf8Bytes(identity.name).length <= NAME_BYTES_MAX, "a name has at most 1024 bytes");
      folder = createFolder(disk, identity);
    }
    const recovery = new Recovery(disk, folder.manifest, options.residentBytes, replay);
    let recovered: Recovered;
    try {
      recovered = recovery.run();
    } catch (error) {
      folder.file.close();
      throw error;
    }
    const store = new LogStore(disk, options, folder, recovered);
    writeManifestNow(folder.file, store.#describe(folder.manifest.sequence + 1));
    for (const path of recovered.unlisted) disk.removeNow(path);
    disk.syncFolderNow("log");
    disk.syncFolderNow("");
    store.#supply.tend();
    store.#tendReserve();
    return store;
  }

  private constructor(
    disk: Disk,
    options: LogStoreOptions,
    folder: { readonly manifest: Manifest; readonly file: DiskFile },
    recovered: Recovered,
  ) {
    const { manifest, file } = folder;
    const { segments } = recovered;
    this.#disk = disk;
    this.#segmentBytes = options.segmentBytes;
    this.#segments = segments;
    this.identity = manifest.identity;
    this.cutBytes = recovered.cutBytes;
    this.#nextNumber = manifest.nextNumber;
    this.#durableFrame = recovered.lastFrame;
    const sequence = manifest.sequence + 1;
    this.#manifest = new ManifestFile(file, sequence, (next) => this.#describe(next));
    const { segmentBytes } = options;
    const supplyOptions = { disk, identity: this.identity, segments, segmentBytes };
    this.#supply = new SegmentSupply(supplyOptions, recovered.next, {
      takeNumber: () => this.#nextNumber++,
      nextFrame: () => this.#builder.nextFrame,
      updateManifest: (done) => this.#manifest.update(done),
      fail: (error) => this.#fail(error),
      diskFull: () => this.giveUpReserve(),
      progressed: () => this.#progress(),
    });
    this.#tellDiskFull = options.diskFull ?? (() => undefined);
    const reserveBytes = disk.preallocates ? (options.reserveBytes ?? 0) : 0;
    this.#reserve = new DiskReserve(disk, reserveBytes, {
      diskFull: () => this.giveUpReserve(),
      progressed: () => this.#reserveProgressed(),
    });
    const slabBytes = options.slabBytes ?? SLAB_BYTES_DEFAULT;
    const from = { lastMain: recovered.lastMain, nextFrame: recovered.lastFrame + 1 };
    this.#builder = new FrameBuilder(segments, slabBytes, () => this.#segmentForFrame(), from);
  }

  append(kind: RecordKind, main: Revision, sub: number, length: number): Uint8Array {
    return this.#builder.append(kind, main, sub, length);
  }

  get appendedAt(): Location {
    return this.#builder.appendedAt;
  }

  read(location: Location): Uint8Array {
    return this.#segments.read(location);
  }

  scan(from: Revision, visit: Visit): boolean {
    return this.#segments.scan(from, visit);
  }

  release(location: Location): void {
    this.#segments.release(location);
  }

  /** Whether anything has been appended since the last commit began. */
  get hasUncommitted(): boolean {
    return !this.#builder.isEmpty;
  }

  /**
   * Bytes that the next commit will write. A frame must end inside its segment's span, so whoever
   * appends keeps this below 128 MiB.
   */
  get uncommittedBytes(): number {
    return this.#builder.collectedBytes;
  }

  /** Why nothing can be committed any more. */
  get failure(): StorageError | undefined {
    return this.#failure;
  }

  /** The disk is full; what has been prepared ahead (megabytes) is all that still fits. */
  get isDiskFull(): boolean {
    return this.#supply.isDiskFull;
  }

  /** A commit waits for room on the disk. */
  get isStalled(): boolean {
    return this.#isStalled || this.#supply.isStalled;
  }

  /** There may be room on the disk: what did not fit is written again. */
  retry(): void {
    this.#isStalled = false;
    this.#supply.retry();
    this.#progress();
  }

  /** Nobody waits for room any more: the commit under way fails, and the store with it. */
  giveUpWaiting(): void {
    if (!this.isStalled) return;
    this.#fail(new StorageError("the disk is full", { file: this.#disk.place }));
  }

  /** The disk is full: what the reserve holds is for what must go on. */
  giveUpReserve(): void {
    this.#reserve.giveUp();
    this.#tellDiskFull();
  }

  get isReserveGivenUp(): boolean {
    return this.#reserve.isGivenUp;
  }

  /** There should be room again: the reserve is filled anew. */
  restoreReserve(): void {
    this.#reserve.restore();
    this.#tendReserve();
  }

  /** Bytes of all files of the store. */
  get bytesOnDisk(): number {
    let bytes = 2 * MANIFEST_SLOT_BYTES + (this.#supply.next?.allocatedEnd ?? 0);
    for (const segment of this.#segments.list) bytes += Math.max(segment.end, segment.allocatedEnd);
    return bytes;
  }

  /** Bytes of the log in frames, collecting ones included, without what is prepared ahead. */
  get bytesWritten(): number {
    let bytes = this.#builder.collectedBytes;
    for (const segment of this.#segments.list) bytes += segment.end;
    return bytes;
  }

  /** Bytes of frames that were made durable since the store was opened. */
  get bytesCommitted(): number {
    return this.#bytesCommitted;
  }

  /** Bytes of frames without the records that were released, whose sizes are partly averages. */
  get bytesLive(): number {
    let bytes = 0;
    for (const segment of this.#segments.list) bytes += segment.liveBytes;
    return Math.round(bytes);
  }

  /** Bytes of the log that are held in memory. */
  get bytesResident(): number {
    return this.#segments.resident.bytes;
  }

  /**
   * Seals the collecting frame and makes it durable; `done` is called once, possibly before this
   * returns. One at a time. With nothing appended it is done at once.
   */
  commit(done: Done): void {
    assert(this.#frameDone === undefined, "one commit is in flight at a time");
    assert(this.#closed === "open", "a store that is closing takes no commits");
    if (this.#failure !== undefined) {
      done(this.#failure);
      return;
    }
    const frame = this.#builder.seal();
    if (frame === undefined) {
      done(undefined);
      return;
    }
    this.#frame = frame;
    this.#frameDone = done;
    if (this.#rolls) this.#segmentForFrame();
    this.#writeFrame();
  }

  /**
   * Begins to rewrite segments of which less than half is needed, or, of those with a number below
   * `thoroughBelow`, less than all. Undefined when there are none, or a rewrite is under way.
   */
  startRewrite(callbacks: RewriteCallbacks, thoroughBelow: number = 0): Rewrite | undefined {
    if (this.#rewrite?.isOver === false || this.#failure !== undefined) return undefined;
    if (this.#closed !== "open") return undefined;
    const rewrite = new LogRewrite(callbacks, {
      disk: this.#disk,
      identity: this.identity,
      segments: this.#segments,
      segmentBytes: this.#segmentBytes,
      takeNumber: () => this.#nextNumber++,
      updateManifest: (done) => this.#manifest.update(done),
      fail: (error) => this.#fail(error),
      progressed: () => this.#progress(),
      thoroughBelow,
    });
    if (rewrite.isOver) return undefined;
    this.#rewrite = rewrite;
    return rewrite;
  }

  /**
   * Ends the last segment, if it holds anything that is not needed, so that it can be rewritten.
   * `done` follows, possibly before this returns, with the number below which all segments are.
   */
  roll(done: (below: number) => void): void {
    assert(this.#rollDone === undefined, "a log rolls once at a time");
    const { last } = this.#segments;
    if (last.deadBytes === 0 || !last.listed) {
      done(this.#nextNumber);
      return;
    }
    this.#rolls = true;
    this.#rollDone = (): void => done(this.#segments.last.number);
    if (this.#builder.isEmpty) this.#segmentForFrame();
    this.#progress();
  }

  /**
   * Ends the store: waits for what is under way in the background, marks the log's end in the
   * manifest, gives up the folder. Nothing may be uncommitted. `done` gets the store's failure.
   */
  close(done: Done): void {
    assert(this.#closed === "open", "a store is closed once");
    assert(this.#frameDone === undefined, "a store is closed when no commit is in flight");
    const isComplete = this.#builder.isEmpty || this.#failure !== undefined;
    assert(isComplete, "a store is closed when all has been committed");
    this.#closed = "closing";
    this.#closeDone = done;
    this.#supply.stop();
    this.#reserve.stop();
    this.#rewrite?.abandon();
    this.#progress();
  }

  #segmentForFrame(): Segment {
    const last = this.#segments.last;
    if (last.end < this.#segmentBytes && !this.#rolls) return last;
    this.#rolls = false;
    return this.#supply.take();
  }

  #writeFrame(): void {
    const frame = this.#frame;
    if (frame === undefined || this.#isWriting || this.#isStalled) return;
    if (!this.#supply.isReady(frame.segment, frame.end)) return;
    this.#isWriting = true;
    frame.segment.openFile.write(frame.chunks, frame.offset, this.#written);
  }

  #frameWritten(error: Error | undefined): void {
    const frame = this.#frame;
    assert(frame !== undefined, "a frame was being written");
    this.#isWriting = false;
    if (error !== undefined && isDiskFull(error)) {
      this.#isStalled = true;
      this.giveUpReserve();
      return;
    }
    if (error !== undefined) {
      const { segment, offset } = frame;
      const place = {
        file: segment.path,
        offset,
        advice: "restart the server to see what is there",
      };
      this.#fail(new StorageError("a write to the log failed", place, error));
      return;
    }
    const { segment } = frame;
    segment.durableEnd = frame.end;
    this.#bytesCommitted += frame.end - frame.offset;
    if (segment.allocatedEnd < frame.end) segment.allocatedEnd = frame.end;
    this.#durableFrame = frame.frameNumber;
    this.#supply.tend();
    this.#tendReserve();
    this.#finishFrame(this.#failure);
  }

  #finishFrame(error: Error | undefined): void {
    const done = this.#frameDone;
    this.#frame = undefined;
    this.#frameDone = undefined;
    done?.(error);
  }

  #fail(error: StorageError): void {
    this.#failure ??= error;
    this.#supply.stop();
    this.#reserve.stop();
    this.#rewrite?.abandon();
    if (!this.#isWriting) this.#finishFrame(this.#failure);
  }

  /** Something in the background ended: go on with what waited for it. */
  #progress(): void {
    this.#writeFrame();
    const rollDone = this.#rollDone;
    if (rollDone !== undefined && !this.#rolls && this.#segments.last.listed) {
      this.#rollDone = undefined;
      rollDone();
    }
    if (this.#closed !== "closing") return;
    const isIdle = this.#supply.isIdle && this.#manifest.isIdle && this.#rewrite?.isBusy !== true;
    if (!isIdle || !this.#reserve.isIdle) return;
    this.#closed = "closed";
    if (this.#failure !== undefined) this.#closeFiles(this.#failure);
    else this.#manifest.update((error) => this.#closeFiles(error));
  }

  #closeFiles(error: Error | undefined): void {
    for (const segment of this.#segments.list) segment.file?.close();
    this.#supply.next?.file?.close();
    this.#rewrite?.closeFiles();
    this.#reserve.close();
    this.#manifest.close();
    const done = this.#closeDone;
    this.#disk.close((unreleased) => done?.(error ?? unreleased));
  }

  /** The reserve grows with the log, so that a small store does not take much. */
  #tendReserve(): void {
    this.#reserve.tend(Math.max(RESERVE_BYTES_LEAST, this.bytesWritten));
  }

  #reserveProgressed(): void {
    if (this.#reserve.isGivenUp) this.retry();
    else {
      this.#tendReserve();
      this.#progress();
    }
  }

  /** The manifest of the store as it is now. */
  #describe(sequence: number): Manifest {
    const { list, last } = this.#segments;
    const { next } = this.#supply;
    const made = list.filter((segment) => segment.file !== undefined);
    // The last file there is stays open, even when full: a log always has one that takes frames.
    const firstOpen = made.find((segment) => !segment.sealed) ?? made[made.length - 1] ?? last;
    const segments = made.map((segment) => entryOf(segment, segment !== firstOpen));
    if (next?.file !== undefined) segments.push(entryOf(next, false));
    return {
      sequence,
      identity: this.identity,
      nextNumber: this.#nextNumber,
      clean: this.#closed === "closed",
      end: {
        segment: last.number,
        offset: last.durableEnd,
        chain: last.chain,
        lastFrame: this.#durableFrame,
      },
      sealedThrough: firstOpen.firstFrame - 1,
      segments,
    };
  }
}

function entryOf(segment: Segment, maySeal: boolean): ManifestEntry {
  const { number, kind, end, chain, firstFrame } = segment;
  return { number, kind, sealed: maySeal && segment.sealed, end, chain, firstFrame };
}
