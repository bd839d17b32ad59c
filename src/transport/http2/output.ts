import { assert } from "../../base/assert.ts";
import { Flag, FRAME_HEADER_BYTES, FrameType, writeUint32 } from "./frames.ts";
import { FreshTrace, NOTHING_FRESH } from "./fresh-trace.ts";
import {
  FRAME_BYTES_MAX,
  MESSAGE_PREFIX_BYTES,
  OUTPUT_CHUNK_BYTES,
  OUTPUT_CHUNKS_KEPT_MAX,
  REFERENCE_BYTES_MIN,
  REFERENCED_BUFFERS_MAX,
  SOCKET_BACKLOG_BYTES_MAX,
  SOCKET_STALLED_BYTES_MAX,
  TIGHT_BYTES_MAX,
} from "./limits.ts";
import { WaitingBytes } from "./waiting-bytes.ts";

/** Where the bytes go: a socket, or a test. */
export interface ByteSink {
  write(bytes: Uint8Array, written?: (error?: Error | null) => void): boolean;
  cork(): void;
  uncork(): void;
  /** Bytes written that the kernel has not taken. */
  readonly writableLength: number;
}

/** Below this many bytes a loop is faster than `set`, which costs a call into the runtime. */
const LOOP_COPY_BYTES_MAX = 32;
/** Stands for having no chunk: an idle connection holds none. */
const NO_CHUNK: Buffer = Buffer.alloc(0);

/** Free pieces of output buffer, shared by all connections of a listener, and their account. */
export class ChunkPool {
  readonly waiting: WaitingBytes;
  readonly #free: Buffer[] = [];

  constructor(waiting: WaitingBytes = new WaitingBytes()) {
    this.waiting = waiting;
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(OUTPUT_CHUNK_BYTES);
  }

  give(chunk: Buffer): void {
    if (this.#free.length < OUTPUT_CHUNKS_KEPT_MAX) this.#free.push(chunk);
  }
}

/**
 * The way out of one connection. Frames are written into pooled chunks; `flush` hands all that was
 * written since the last one to the socket in one write. What the kernel takes at once is done with
 * at once, and its chunks are used again while they are warm. Of what it cannot take at once, at
 * most one write is under way: what comes meanwhile is collected for the next.
 *
 * Gathered DATA: while the last frame is DATA of a stream, more data of that stream makes it longer
 * instead of starting a frame of its own.
 */
export class Output {
  readonly waiting: WaitingBytes;
  /** The largest DATA frame that is made. */
  frameBytesMax: number = FRAME_BYTES_MAX;
  readonly trace: FreshTrace;
  readonly #sink: ByteSink;
  readonly #pool: ChunkPool;
  /** Called when a write has left the process and `backlogBytes` has shrunk. */
  readonly #onWritten: () => void;
  #chunk: Buffer = NO_CHUNK;
  /** Of the present chunk: where the piece that is not in `#pieces` yet begins, and ends. */
  #start = 0;
  #at = 0;
  #pieces: Uint8Array[] = [];
  #chunks: Buffer[] = [];
  #pendingBytes = 0;
  #chunksInFlight: Buffer[] = [];
  #inFlightBytes = 0;
  #isWriting = false;
  /** Writes that were done with at once, and whose callbacks are still to come. */
  #writtenAtOnce = 0;
  #flushWhenWritten = false;
  /** What the account of all connections has of this one. */
  #accounted = 0;
  #isClosed = false;
  /** The buffer referred to last, and how often that changed since the last flush. */
  #referenced: ArrayBufferLike | undefined;
  #referencedBuffers = 0;
  readonly #written: (error?: Error | null) => void;

  /**
   * The DATA frame that may still grow: its chunk and offset, its stream (0 = none), its length.
   */
  #dataChunk: Buffer = NO_CHUNK;
  #dataOffset = 0;
  #dataStreamId = 0;
  #dataLength = 0;
  #dataFrames = 0;
  #bytesWritten = 0;

  constructor(
    sink: ByteSink,
    pool: ChunkPool,
    onWritten: () => void,
    trace: FreshTrace = new FreshTrace(NOTHING_FRESH),
  ) {
    this.trace = trace;
    this.#sink = sink;
    this.#pool = pool;
    this.waiting = pool.waiting;
    this.#onWritten = onWritten;
    this.#written = (error) => {
      if (error !== undefined && error !== null) return;
      if (this.#writtenAtOnce > 0) this.#writtenAtOnce--;
      else this.#release();
      this.#account();
      this.#onWritten();
    };
  }

  /** Bytes that the kernel has not taken. */
  get backlogBytes(): number {
    return this.#pendingBytes + this.#inFlightBytes;
  }

  /** Bytes that were not handed to the socket yet. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /**
   * Whether DATA should wait: one turn has written all it may, or what an earlier one wrote has not
   * left and the client seems to lie still.
   */
  get isFull(): boolean {
    const backlog = this.#pendingBytes + this.#inFlightBytes;
    const stalled = this.waiting.isTooMany ? TIGHT_BYTES_MAX : SOCKET_STALLED_BYTES_MAX;
    return backlog >= stalled && (this.#isWriting || backlog >= SOCKET_BACKLOG_BYTES_MAX);
  }

  /** DATA frames begun so far. */
  get dataFrames(): number {
    return this.#dataFrames;
  }

  /** Bytes handed to the socket so far. */
  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  /** Begins a frame other than DATA; `length` bytes of payload must follow. */
  frame(length: number, type: number, flags: number, streamId: number): void {
    const at = this.#reserve(FRAME_HEADER_BYTES);
    this.#header(at, length, type, flags);
    writeUint32(this.#chunk, at + 5, streamId);
    this.#dataStreamId = 0;
  }

  /** Begins a DATA frame, or makes the last one longer; `length` bytes of data must follow. */
  data(streamId: number, length: number): void {
    if (this.#dataStreamId === streamId && this.#dataLength + length <= this.frameBytesMax) {
      this.#dataLength += length;
      const chunk = this.#dataChunk;
      chunk[this.#dataOffset] = this.#dataLength >>> 16;
      chunk[this.#dataOffset + 1] = this.#dataLength >>> 8;
      chunk[this.#dataOffset + 2] = this.#dataLength;
      return;
    }
    this.frame(length, FrameType.data, 0, streamId);
    this.#dataChunk = this.#chunk;
    this.#dataOffset = this.#at - FRAME_HEADER_BYTES;
    this.#dataStreamId = streamId;
    this.#dataLength = length;
    this.#dataFrames++;
  }

  /** Marks the end of a stream on its last DATA frame, or with an empty one. */
  endData(streamId: number): void {
    if (this.#dataStreamId !== streamId) this.data(streamId, 0);
    const chunk = this.#dataChunk;
    chunk[this.#dataOffset + 4] = Flag.endStream;
    this.#dataStreamId = 0;
  }

  byte(value: number): void {
    const at = this.#reserve(1);
    this.#chunk[at] = value;
  }

  uint32(value: number): void {
    const at = this.#reserve(4);
    writeUint32(this.#chunk, at, value);
  }

  /** Copies `bytes[from..to)`. */
  copy(bytes: Uint8Array, from: number, to: number): void {
    let source = from;
    while (source < to) {
      if (this.#at === this.#chunk.length) this.#nextChunk();
      const chunk = this.#chunk;
      const count = Math.min(to - source, chunk.length - this.#at);
      if (count <= LOOP_COPY_BYTES_MAX) {
        for (let i = 0; i < count; i++) chunk[this.#at + i] = bytes[source + i] as number;
      } else {
        const isWhole = count === bytes.length;
        chunk.set(isWhole ? bytes : bytes.subarray(source, source + count), this.#at);
      }
      this.#at += count;
      source += count;
      this.#pendingBytes += count;
    }
  }

  /**
   * Writes one gRPC message, which fits one DATA frame: its prefix, the head, which is copied, and
   * the body, which never changes again.
   */
  message(streamId: number, head: Uint8Array, headLength: number, body: Uint8Array): void {
    const length = headLength + body.length;
    this.data(streamId, MESSAGE_PREFIX_BYTES + length);
    const at = this.#reserve(MESSAGE_PREFIX_BYTES);
    this.#chunk[at] = 0;
    writeUint32(this.#chunk, at + 1, length);
    this.copy(head, 0, headLength);
    if (body.length > 0) this.body(body, 0, body.length);
  }

  /**
   * Takes bytes that never change again: short ones are copied, long ones are held, unless so many
   * buffers are held already that a client which lies still would keep too much alive.
   */
  body(bytes: Uint8Array, from: number, to: number): void {
    if (to - from < REFERENCE_BYTES_MIN || !this.#mayRefer(bytes.buffer)) {
      this.copy(bytes, from, to);
      return;
    }
    this.#cutPiece();
    this.#pieces.push(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to));
    this.#pendingBytes += to - from;
  }

  /**
   * Room for `count` bytes (at most a chunk) in one place, to be filled at once by the caller: the
   * bytes count as written. Returns the offset in `room`.
   */
  reserve(count: number): number {
    this.#dataStreamId = 0;
    return this.#reserve(count);
  }

  /** The buffer that the last `reserve` was made in. */
  get room(): Buffer {
    return this.#chunk;
  }

  /** Counts DATA frames that were written into reserved room. */
  countDataFrame(): void {
    this.#dataFrames++;
  }

  /** Hands all that was written to the socket, now or when the write under way is done. */
  flush(): void {
    if (this.#pendingBytes === 0) return;
    if (this.#isWriting) this.#flushWhenWritten = true;
    else this.#flushNow();
    this.#account();
  }

  /** The socket is gone, and what waited for it with it. */
  close(): void {
    this.#isClosed = true;
    this.waiting.bytes -= this.#accounted;
    this.#accounted = 0;
  }

  /** Brings the account of all connections up to what waits here now. */
  #account(): void {
    const backlog = this.#isClosed ? 0 : this.#pendingBytes + this.#inFlightBytes;
    this.waiting.bytes += backlog - this.#accounted;
    this.#accounted = backlog;
  }

  #flushNow(): void {
    this.#dataStreamId = 0;
    this.#cutPiece();
    const pieces = this.#pieces;
    this.#pieces = [];
    if (this.#chunk.length > 0) this.#chunks.push(this.#chunk);
    this.#chunk = NO_CHUNK;
    this.#start = 0;
    this.#at = 0;
    this.#chunksInFlight = this.#chunks;
    this.#chunks = [];
    this.#inFlightBytes = this.#pendingBytes;
    this.#bytesWritten += this.#pendingBytes;
    this.#pendingBytes = 0;
    this.#referenced = undefined;
    this.#referencedBuffers = 0;
    this.#isWriting = true;
    this.trace.writing();
    this.#write(pieces);
    if (this.#sink.writableLength > 0) return;
    this.#writtenAtOnce++;
    this.#release();
  }

  #mayRefer(buffer: ArrayBufferLike): boolean {
    if (buffer === this.#referenced) return true;
    if (this.#referencedBuffers === REFERENCED_BUFFERS_MAX) return false;
    this.#referenced = buffer;
    this.#referencedBuffers++;
    return true;
  }

  #write(pieces: readonly Uint8Array[]): void {
    const last = pieces.length - 1;
    if (last > 0) this.#sink.cork();
    for (let i = 0; i < last; i++) this.#sink.write(pieces[i] as Uint8Array);
    this.#sink.write(pieces[last] as Uint8Array, this.#written);
    if (last > 0) this.#sink.uncork();
  }

  #release(): void {
    for (const chunk of this.#chunksInFlight) this.#pool.give(chunk);
    this.#chunksInFlight = [];
    this.#inFlightBytes = 0;
    this.#isWriting = false;
    this.trace.written();
    if (this.#flushWhenWritten) {
      this.#flushWhenWritten = false;
      this.flush();
    }
  }

  #header(at: number, length: number, type: number, flags: number): void {
    const chunk = this.#chunk;
    chunk[at] = length >>> 16;
    chunk[at + 1] = length >>> 8;
    chunk[at + 2] = length;
    chunk[at + 3] = type;
    chunk[at + 4] = flags;
  }

  #reserve(count: number): number {
    assert(count <= OUTPUT_CHUNK_BYTES, "reserved room fits a chunk");
    if (this.#at + count > this.#chunk.length) this.#nextChunk();
    const at = this.#at;
    this.#at += count;
    this.#pendingBytes += count;
    return at;
  }

  #nextChunk(): void {
    this.#cutPiece();
    if (this.#chunk.length > 0) this.#chunks.push(this.#chunk);
    this.#chunk = this.#pool.take();
    this.#start = 0;
    this.#at = 0;
  }

  #cutPiece(): void {
    if (this.#at === this.#start) return;
    this.#pieces.push(this.#chunk.subarray(this.#start, this.#at));
    this.#start = this.#at;
  }
}
