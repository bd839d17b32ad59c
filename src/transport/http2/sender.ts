import { copyBytes } from "../../base/bytes.ts";
import { ConnectionError, ErrorCode, Flag, FRAME_HEADER_BYTES, FrameType } from "./frames.ts";
import { writeUint32 } from "./frames.ts";
import {
  ANSWERS_QUEUE_BYTES_MAX,
  FLUSH_BYTES,
  FRAME_BYTES_MAX,
  MESSAGE_PREFIX_BYTES,
  REFERENCE_BYTES_MIN,
  SENT_DATA_FRAME_BYTES_MAX,
  STREAM_QUANTUM_BYTES,
  STREAM_QUEUE_BYTES_MAX,
  STREAMS_QUEUE_BYTES_HARD_MAX,
  STREAMS_QUEUE_BYTES_MAX,
  TIGHT_BYTES_MAX,
  WINDOW_BYTES_INITIAL,
  WINDOW_BYTES_MAX,
} from "./limits.ts";
import type { Output } from "./output.ts";
import { SendQueue, type Stream } from "./stream.ts";

/** What the sender tells its connection. */
export interface SenderEvents {
  /** Something was written to the output and must be flushed at the end of the turn. */
  wrote(): void;
  /** END_STREAM of this stream is written. */
  sentEnd(stream: Stream): void;
  /** A stream that was told to wait has room; passed on at the end of the turn, never at once. */
  hasRoomAgain(stream: Stream): void;
}

/** A unary answer: header block, message, trailer block. */
export interface UnaryAnswer {
  readonly headers: Uint8Array;
  readonly trailers: Uint8Array;
}

/** Type * 256 + flags of the three frames of a unary answer. */
const HEADERS_FRAME: number = FrameType.headers * 256 + Flag.endHeaders;
const DATA_FRAME: number = FrameType.data * 256;
const TRAILERS_FRAME: number = HEADERS_FRAME + Flag.endStream;
/** A dynamic table size update to zero (RFC 7541 §6.3). */
const TABLE_SIZE_ZERO = 0x20;

/**
 * The sending half of a connection and its flow control (RFC 9113 §5.2): who may send how much, in
 * which order.
 *
 * A stream is in one of three places: nothing queued, what it sends goes out at once; *waiting*, in
 * the round of streams that are served a quantum each as soon as the connection's window and the
 * socket allow; *blocked*, its own window used up, until the peer raises that window. Headers and
 * trailers are not subject to windows, but stay behind their stream's data.
 */
export class Sender {
  readonly #output: Output;
  readonly #events: SenderEvents;
  #window = WINDOW_BYTES_INITIAL;
  #initialWindow = WINDOW_BYTES_INITIAL;
  #owesTableSizeUpdate = false;
  /** The round of waiting streams; those before `#waitingFirst` have had their turn. */
  #waiting: Stream[] = [];
  #waitingFirst = 0;
  /** Bytes in the queues of streaming calls, and of all others. */
  #streamBytes = 0;
  #answerBytes = 0;
  /** Streams that wait for the connection to have room, not for their own queue. */
  #refused: Stream[] = [];
  /** Whether a walk over these may find some that may go on although the queues are full. */
  #isReleaseLikely = false;
  #headerFrames = 0;

  constructor(output: Output, events: SenderEvents) {
    this.#output = output;
    this.#events = events;
  }

  /** The send window that new streams begin with. */
  get initialWindow(): number {
    return this.#initialWindow;
  }

  /** Bytes of answers that wait for this client, in queues and at the socket. */
  get answerBytes(): number {
    return this.#answerBytes + this.#output.backlogBytes;
  }

  /** So many answers wait for this client that it gets no more. */
  get isCongested(): boolean {
    const isTight = this.#output.waiting.isTooMany;
    return this.answerBytes > (isTight ? TIGHT_BYTES_MAX : ANSWERS_QUEUE_BYTES_MAX);
  }

  /** HEADERS and DATA frames sent so far. */
  get usefulFrames(): number {
    return this.#headerFrames + this.#output.dataFrames;
  }

  /** Sends a header block; with `isLast` it ends the stream, which has nothing queued. */
  headers(stream: Stream, block: Uint8Array, isLast: boolean): void {
    this.#writeHeaders(stream.id, block, isLast);
    this.#events.wrote();
    if (isLast) this.#events.sentEnd(stream);
  }

  /**
   * Answers a unary call whole. The message is copied. In the common case all three frames are
   * written in one place, without a queue or an allocation.
   */
  unary(stream: Stream, answer: UnaryAnswer, message: Uint8Array): void {
    const dataBytes = MESSAGE_PREFIX_BYTES + message.length;
    if (
      message.length >= REFERENCE_BYTES_MIN ||
      this.#owesTableSizeUpdate ||
      !this.#passes(stream, dataBytes)
    ) {
      this.headers(stream, answer.headers, false);
      const isLong = message.length >= REFERENCE_BYTES_MIN;
      const body = isLong ? copyBytes(message) : message;
      if (isLong) this.message(stream, message, 0, body);
      else this.message(stream, body, body.length, message.subarray(0, 0));
      this.finish(stream, answer.trailers);
      return;
    }
    const { headers, trailers } = answer;
    const output = this.#output;
    const start = output.reserve(
      3 * FRAME_HEADER_BYTES + headers.length + dataBytes + trailers.length,
    );
    const room = output.room;
    let at = writeHeader(room, start, headers.length, HEADERS_FRAME);
    at = writeUint32(room, at, stream.id);
    room.set(headers, at);
    at = writeHeader(room, at + headers.length, dataBytes, DATA_FRAME);
    at = writeUint32(room, at, stream.id);
    room[at] = 0;
    at = writeUint32(room, at + 1, message.length);
    room.set(message, at);
    at = writeHeader(room, at + message.length, trailers.length, TRAILERS_FRAME);
    room.set(trailers, writeUint32(room, at, stream.id));
    output.countDataFrame();
    this.#headerFrames += 2;
    this.#window -= dataBytes;
    stream.sendWindow -= dataBytes;
    this.#events.wrote();
    this.#events.sentEnd(stream);
  }

  /** Sends or queues one gRPC message: the head is copied, the body must never change again. */
  message(stream: Stream, head: Uint8Array, headLength: number, body: Uint8Array): void {
    const length = headLength + body.length;
    const total = MESSAGE_PREFIX_BYTES + length;
    if (this.#passes(stream, total)) {
      const output = this.#output;
      output.message(stream.id, head, headLength, body);
      output.trace.collected();
      this.#window -= total;
      stream.sendWindow -= total;
      this.#events.wrote();
      if (output.pendingBytes >= FLUSH_BYTES) output.flush();
      return;
    }
    const piece = new Uint8Array(MESSAGE_PREFIX_BYTES + headLength);
    writeUint32(piece, 1, length);
    piece.set(
      head.length === headLength ? head : head.subarray(0, headLength),
      MESSAGE_PREFIX_BYTES,
    );
    this.#enqueue(stream, piece, body);
  }

  /** Sends or queues plain body bytes that never change again. */
  body(stream: Stream, bytes: Uint8Array): void {
    this.#enqueue(stream, bytes, undefined);
  }

  /** Ends the stream behind what it has queued, with a trailer block or bare. */
  finish(stream: Stream, ending: Uint8Array | "end"): void {
    stream.ending = ending;
    this.#settle(stream);
  }

  /** Grants the peer more to send, on a stream or (0) on the connection. */
  windowUpdate(streamId: number, bytes: number): void {
    this.#output.frame(4, FrameType.windowUpdate, 0, streamId);
    this.#output.uint32(bytes);
    this.#events.wrote();
  }

  /**
   * Whether more of this stream's messages are welcome; when not, `hasRoomAgain` follows once. What
   * other streams have waiting does not count against one whose client reads, or those who lie
   * still would silence all streams of their connection.
   */
  hasRoom(stream: Stream): boolean {
    if (this.#hasRoomNow(stream)) return true;
    if (stream.queuedBytes > STREAM_QUEUE_BYTES_MAX) {
      stream.drainWanted = "queue";
      return false;
    }
    stream.drainWanted = "connection";
    if (this.#output.isFull) this.#isReleaseLikely = true;
    if (!stream.isRefused) this.#refused.push(stream);
    stream.isRefused = true;
    return false;
  }

  #hasRoomNow(stream: Stream): boolean {
    const queued = stream.queuedBytes;
    if (queued > STREAM_QUEUE_BYTES_MAX || this.#output.isFull) return false;
    const { isTooMany } = this.#output.waiting;
    if (this.#streamBytes < STREAMS_QUEUE_BYTES_MAX && !isTooMany) return true;
    if (queued > 0 || stream.sendWindow <= 0 || this.#window <= 0) return false;
    return this.#streamBytes < STREAMS_QUEUE_BYTES_HARD_MAX;
  }

  /** Whether the stream's client should read what waits on it before it asks for more. */
  mustReadFirst(stream: Stream): boolean {
    const queued = stream.queuedBytes;
    if (queued === 0 || this.#streamBytes < STREAMS_QUEUE_BYTES_MAX) return false;
    return queued > STREAM_QUEUE_BYTES_MAX || this.#streamBytes > STREAMS_QUEUE_BYTES_HARD_MAX;
  }

  /** `hasRoomAgain` follows once when some of what waits on the stream has been sent. */
  tellWhenRead(stream: Stream): void {
    stream.drainWanted = "queue";
  }

  /** Forgets what a closed stream has queued. */
  drop(stream: Stream): void {
    if (stream.queue === undefined) return;
    this.#count(stream, -stream.queue.bytes);
    stream.queue.clear();
    this.#output.trace.dropped(stream);
    this.#releaseRefused();
  }

  /** The peer's WINDOW_UPDATE for the connection. */
  grantConnection(bytes: number): void {
    this.#window += bytes;
    if (this.#window > WINDOW_BYTES_MAX) {
      throw new ConnectionError(ErrorCode.flowControlError, "connection window overflow");
    }
    this.#isReleaseLikely = true;
    this.pump();
  }

  /** The peer's WINDOW_UPDATE for a stream; false when the window would overflow. */
  grantStream(stream: Stream, bytes: number): boolean {
    if (stream.sendWindow + bytes > WINDOW_BYTES_MAX) return false;
    stream.sendWindow += bytes;
    this.#wait(stream);
    this.pump();
    this.#releaseIfRoom(stream);
    return true;
  }

  /** The peer's SETTINGS_INITIAL_WINDOW_SIZE: open streams move by the difference (§6.9.2). */
  setInitialWindow(bytes: number, streams: Iterable<Stream>): void {
    const difference = bytes - this.#initialWindow;
    this.#initialWindow = bytes;
    for (const stream of streams) {
      stream.sendWindow += difference;
      if (stream.sendWindow > WINDOW_BYTES_MAX) {
        throw new ConnectionError(ErrorCode.flowControlError, "stream window overflow by SETTINGS");
      }
      this.#wait(stream);
    }
    this.#isReleaseLikely = true;
    this.pump();
  }

  /** The peer's SETTINGS_MAX_FRAME_SIZE; we use less of it where fairness asks for that. */
  setFrameBytesMax(bytes: number): void {
    this.#output.frameBytesMax = Math.min(bytes, SENT_DATA_FRAME_BYTES_MAX);
  }

  /**
   * The peer's SETTINGS_HEADER_TABLE_SIZE. We never use the dynamic table, but must acknowledge a
   * smaller one at the start of the next header block (RFC 7541 §4.2).
   */
  setHeaderTableBytes(bytes: number, before: number): void {
    if (bytes < before) this.#owesTableSizeUpdate = true;
  }

  /** Serves the waiting streams in turn as far as the window and the socket allow. */
  pump(): void {
    while (this.#waitingFirst < this.#waiting.length && this.#canSend()) {
      const stream = this.#waiting[this.#waitingFirst++] as Stream;
      stream.isWaiting = false;
      if (stream.isClosed || stream.queuedBytes === 0) continue;
      this.#sendSome(stream, STREAM_QUANTUM_BYTES);
      this.#settle(stream);
    }
    this.#forgetServed();
    this.#releaseRefused();
  }

  #canSend(): boolean {
    return this.#window > 0 && !this.#output.isFull;
  }

  #count(stream: Stream, bytes: number): void {
    this.#output.waiting.bytes += bytes;
    if (stream.isStreaming) this.#streamBytes += bytes;
    else this.#answerBytes += bytes;
  }

  /** Whether `bytes` of this stream may go out at once, as (part of) one frame. */
  #passes(stream: Stream, bytes: number): boolean {
    return (
      stream.queuedBytes === 0 &&
      bytes <= stream.sendWindow &&
      bytes <= this.#window &&
      bytes <= this.#output.frameBytesMax &&
      !this.#output.isFull
    );
  }

  #enqueue(stream: Stream, first: Uint8Array, second: Uint8Array | undefined): void {
    stream.queue ??= new SendQueue();
    stream.queue.push(first);
    if (second !== undefined) stream.queue.push(second);
    this.#output.trace.queued(stream);
    this.#count(stream, first.length + (second === undefined ? 0 : second.length));
    this.#wait(stream);
    this.pump();
    // What could not leave may stay for long, and must not keep the buffer that it is a part of.
    if (second !== undefined) stream.queue.copyLast();
  }

  #wait(stream: Stream): void {
    if (stream.isWaiting || stream.queuedBytes === 0 || stream.sendWindow <= 0) return;
    stream.isWaiting = true;
    this.#waiting.push(stream);
  }

  #sendSome(stream: Stream, limit: number): void {
    const queue = stream.queue;
    if (queue === undefined) return;
    let allowed = Math.min(limit, queue.bytes, stream.sendWindow, this.#window);
    if (allowed <= 0) return;
    this.#window -= allowed;
    stream.sendWindow -= allowed;
    this.#count(stream, -allowed);
    while (allowed > 0) {
      const bytes = Math.min(allowed, this.#output.frameBytesMax);
      this.#output.data(stream.id, bytes);
      queue.moveTo(this.#output, bytes);
      allowed -= bytes;
      this.#output.trace.moved(stream, bytes);
    }
    this.#events.wrote();
  }

  /** After a turn, or when an end was added: ends the stream, or gives it its next place. */
  #settle(stream: Stream): void {
    const queued = stream.queuedBytes;
    if (queued > 0) this.#wait(stream);
    else if (stream.ending !== undefined) this.#writeEnding(stream, stream.ending);
    this.#releaseIfRoom(stream);
  }

  #writeEnding(stream: Stream, ending: Uint8Array | "end"): void {
    if (ending === "end") this.#output.endData(stream.id);
    else this.#writeHeaders(stream.id, ending, true);
    this.#events.wrote();
    this.#events.sentEnd(stream);
  }

  #writeHeaders(streamId: number, block: Uint8Array, isLast: boolean): void {
    const extra = this.#owesTableSizeUpdate ? 1 : 0;
    const first = Math.min(block.length, FRAME_BYTES_MAX - extra);
    const isWhole = first === block.length;
    const flags = (isLast ? Flag.endStream : 0) | (isWhole ? Flag.endHeaders : 0);
    this.#output.frame(first + extra, FrameType.headers, flags, streamId);
    if (extra > 0) this.#output.byte(TABLE_SIZE_ZERO);
    this.#owesTableSizeUpdate = false;
    this.#output.copy(block, 0, first);
    for (let at = first; at < block.length; ) {
      const end = Math.min(block.length, at + FRAME_BYTES_MAX);
      const flag = end === block.length ? Flag.endHeaders : 0;
      this.#output.frame(end - at, FrameType.continuation, flag, streamId);
      this.#output.copy(block, at, end);
      at = end;
    }
    this.#headerFrames++;
  }

  #forgetServed(): void {
    if (this.#waitingFirst === this.#waiting.length) {
      this.#waiting.length = 0;
      this.#waitingFirst = 0;
    } else if (this.#waitingFirst >= 1024) {
      this.#waiting = this.#waiting.slice(this.#waitingFirst);
      this.#waitingFirst = 0;
    }
  }

  /** Walks only when it is likely to find somebody: there is room, or the socket took all. */
  #releaseRefused(): void {
    if (this.#refused.length === 0 || this.#output.isFull) return;
    const isTight = this.#streamBytes >= STREAMS_QUEUE_BYTES_MAX || this.#output.waiting.isTooMany;
    if (isTight && !this.#isReleaseLikely) return;
    this.#isReleaseLikely = false;
    const refused = this.#refused;
    this.#refused = [];
    for (const stream of refused) {
      if (stream.isClosed || stream.drainWanted !== "connection") stream.isRefused = false;
      else if (this.#hasRoomNow(stream)) {
        stream.isRefused = false;
        this.#release(stream);
      } else this.#refused.push(stream);
    }
  }

  #releaseIfRoom(stream: Stream): void {
    const wanted = stream.drainWanted;
    if (wanted === "no") return;
    const hasRoom =
      wanted === "queue" ? stream.queuedBytes <= STREAM_QUEUE_BYTES_MAX : this.#hasRoomNow(stream);
    if (hasRoom) this.#release(stream);
  }

  #release(stream: Stream): void {
    stream.drainWanted = "no";
    this.#events.hasRoomAgain(stream);
  }
}

/** Writes all of a frame header but the stream id and returns the offset behind it. */
function writeHeader(target: Uint8Array, at: number, length: number, typeAndFlags: number): number {
  target[at] = length >>> 16;
  target[at + 1] = length >>> 8;
  target[at + 2] = length;
  target[at + 3] = typeAndFlags >>> 8;
  target[at + 4] = typeAndFlags;
  return at + 5;
}
