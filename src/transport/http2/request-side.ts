import { Deadline } from "../deadline-queue.ts";
import type { ConnectionContext } from "./connection-context.ts";
import type { FloodGuard } from "./flood-guard.ts";
import type { FrameHeader } from "./frame-reader.ts";
import { ConnectionError, ErrorCode, Flag, readUint32 } from "./frames.ts";
import { HeaderAssembler } from "./header-assembler.ts";
import {
  EMPTY_DATA_BYTES_MAX,
  HEADER_BLOCK_TIMEOUT_MS,
  REQUEST_BODY_TIMEOUT_MS,
  STREAM_RECEIVE_WINDOW_BYTES,
} from "./limits.ts";
import { malformedTrailers } from "./request-head.ts";
import { Stream, type StreamHost } from "./stream.ts";
import type { StreamTable } from "./stream-table.ts";

const NO_BYTES: Buffer = Buffer.alloc(0);

/** What the request side needs of its connection beside what calls need. */
export interface RequestHost extends StreamHost {
  readonly isDraining: boolean;
  /** Sends RST_STREAM; the stream need not exist. */
  writeReset(streamId: number, code: ErrorCode): void;
  /** Takes the stream out of the table and tells its consumer. */
  abort(stream: Stream, by: "client" | "us"): void;
  /** The connection cannot go on; for faults found outside of reading. */
  fail(error: ConnectionError): void;
}

/**
 * The frames of streams, as they come in: opens streams, feeds their consumers, refuses the rest.
 */
export class RequestSide {
  readonly #host: RequestHost;
  readonly #context: ConnectionContext;
  readonly #table: StreamTable;
  readonly #guard: FloodGuard;
  readonly #headers: HeaderAssembler;
  readonly #headerDeadline: Deadline;
  readonly #bodyDeadline: Deadline;
  /** Of the header block that is open: its stream and what its HEADERS said. */
  #blockStreamId = 0;
  #blockFlags = 0;
  #blockIsSelfDependent = false;
  /** The stream of the DATA frame being read; undefined when its bytes are to be ignored. */
  #dataStream: Stream | undefined;

  constructor(
    host: RequestHost,
    context: ConnectionContext,
    table: StreamTable,
    guard: FloodGuard,
  ) {
    this.#host = host;
    this.#context = context;
    this.#table = table;
    this.#guard = guard;
    this.#headers = new HeaderAssembler(context.hashSeed);
    this.#headerDeadline = new Deadline(() => {
      host.fail(new ConnectionError(ErrorCode.enhanceYourCalm, "header block takes too long"));
    });
    this.#bodyDeadline = new Deadline(() => this.#resetSlowRequests());
  }

  /** The stream whose header block is open; 0 when none is. Only its CONTINUATION may follow. */
  get openBlockStreamId(): number {
    return this.#headers.isOpen ? this.#blockStreamId : 0;
  }

  close(): void {
    this.#context.deadlines.clear(this.#headerDeadline);
    this.#context.deadlines.clear(this.#bodyDeadline);
  }

  beginData(header: FrameHeader): void {
    const stream = this.#table.get(header.streamId);
    this.#dataStream = undefined;
    if (stream === undefined) this.#dataOnAbsent(header.streamId);
    else if (stream.hasWholeRequest) this.#streamError(stream, ErrorCode.streamClosed);
    else if (header.length > stream.receiveWindow) {
      this.#streamError(stream, ErrorCode.flowControlError);
    } else {
      stream.receiveWindow -= header.length;
      this.#dataStream = stream;
    }
  }

  data(header: FrameHeader, bytes: Buffer, start: number, end: number): void {
    const isLast = header.dataRemaining === 0 && (header.flags & Flag.endStream) !== 0;
    if (end > start || isLast || header.length > EMPTY_DATA_BYTES_MAX) this.#guard.usefulFrame();
    else this.#countControl();
    const stream = this.#dataStream;
    if (stream === undefined || stream.isClosed) return;
    stream.receivedBytes += end - start;
    if (!this.#hasRightLength(stream, isLast)) {
      this.#streamError(stream, ErrorCode.protocolError);
      return;
    }
    if (isLast) stream.state = "half-closed-remote";
    stream.consumer?.data(bytes, start, end, isLast);
    if (!isLast) this.grant(stream);
  }

  /** Raises the stream's receive window again once a good part of it is used up. */
  grant(stream: Stream): void {
    if (stream.hasWholeRequest) return;
    const used = STREAM_RECEIVE_WINDOW_BYTES - stream.withheldBytes - stream.receiveWindow;
    if (used < STREAM_RECEIVE_WINDOW_BYTES / 4) return;
    stream.receiveWindow += used;
    this.#host.sender.windowUpdate(stream.id, used);
  }

  headers(header: FrameHeader, bytes: Buffer, start: number, end: number): void {
    let from = start;
    let to = end;
    if ((header.flags & Flag.padded) !== 0) {
      if (from === to) throw new ConnectionError(ErrorCode.frameSizeError, "no pad length");
      to -= bytes[from++] as number;
    }
    this.#blockIsSelfDependent = false;
    if ((header.flags & Flag.priority) !== 0) {
      if (to - from < 5) throw new ConnectionError(ErrorCode.frameSizeError, "no priority");
      this.#blockIsSelfDependent = (readUint32(bytes, from) & 0x7fffffff) === header.streamId;
      from += 5;
    }
    if (to < from) throw new ConnectionError(ErrorCode.protocolError, "padding too long");
    if (header.streamId % 2 === 0) {
      throw new ConnectionError(ErrorCode.protocolError, "a client's stream has an odd id");
    }
    this.#blockStreamId = header.streamId;
    this.#blockFlags = header.flags;
    if ((header.flags & Flag.endHeaders) !== 0) {
      this.#block(bytes, from, to);
      return;
    }
    this.#headers.add(bytes, from, to);
    this.#context.deadlines.set(this.#headerDeadline, this.#host.nowMs + HEADER_BLOCK_TIMEOUT_MS);
  }

  continuation(header: FrameHeader, bytes: Buffer, start: number, end: number): void {
    this.#headers.add(bytes, start, end);
    if ((header.flags & Flag.endHeaders) === 0) return;
    this.#context.deadlines.clear(this.#headerDeadline);
    const block = this.#headers.join();
    this.#block(block, 0, block.length);
  }

  resetStream(header: FrameHeader): void {
    const stream = this.#table.get(header.streamId);
    if (stream !== undefined) {
      this.#host.abort(stream, "client");
      this.#guard.clientReset(stream.openedAtMs, this.#host.nowMs);
      return;
    }
    this.#refuseIdle(header.streamId);
    this.#countControl();
  }

  priority(header: FrameHeader, bytes: Buffer, start: number, end: number): void {
    this.#countControl();
    const stream = this.#table.get(header.streamId);
    if (end - start !== 5) {
      this.#errorOn(stream, ErrorCode.frameSizeError, "PRIORITY has five bytes");
    } else if ((readUint32(bytes, start) & 0x7fffffff) === header.streamId) {
      this.#errorOn(stream, ErrorCode.protocolError, "a stream depends on itself");
    }
  }

  windowUpdate(header: FrameHeader, increment: number): void {
    const stream = this.#table.get(header.streamId);
    if (stream === undefined) this.#refuseIdle(header.streamId);
    else if (increment === 0) this.#streamError(stream, ErrorCode.protocolError);
    else if (!this.#host.sender.grantStream(stream, increment)) {
      this.#streamError(stream, ErrorCode.flowControlError);
    }
  }

  /** A whole header block: a request, trailers, or too late. */
  #block(bytes: Buffer, start: number, end: number): void {
    const id = this.#blockStreamId;
    if (id > this.#table.highestId) {
      this.#table.use(id);
      this.#request(id, bytes, start, end);
      return;
    }
    const fields = this.#headers.fields(bytes, start, end);
    const stream = this.#table.get(id);
    if (stream === undefined) {
      this.#headersOnAbsent(id);
      return;
    }
    const isEnd = (this.#blockFlags & Flag.endStream) !== 0;
    if (stream.hasWholeRequest) this.#streamError(stream, ErrorCode.streamClosed);
    else if (!isEnd || fields.isTooLarge || malformedTrailers(fields) !== undefined) {
      this.#streamError(stream, ErrorCode.protocolError);
    } else if (!this.#hasRightLength(stream, true)) {
      this.#streamError(stream, ErrorCode.protocolError);
    } else {
      stream.state = "half-closed-remote";
      stream.consumer?.data(NO_BYTES, 0, 0, true);
    }
  }

  #request(id: number, bytes: Buffer, start: number, end: number): void {
    const head = this.#headers.request(bytes, start, end);
    const isEnd = (this.#blockFlags & Flag.endStream) !== 0;
    if (head === "too-large") this.#refuse(id, ErrorCode.enhanceYourCalm);
    else if ("malformed" in head || this.#blockIsSelfDependent) {
      this.#refuse(id, ErrorCode.protocolError);
    } else if (isEnd && head.contentLength > 0) this.#refuse(id, ErrorCode.protocolError);
    else if (this.#host.isDraining || this.#table.size >= this.#context.maxConcurrentStreams) {
      this.#refuse(id, ErrorCode.refusedStream);
    } else {
      this.#guard.usefulFrame();
      const windows = {
        send: this.#host.sender.initialWindow,
        receive: STREAM_RECEIVE_WINDOW_BYTES,
      };
      const stream = new Stream(id, head, windows, this.#host.nowMs);
      this.#open(stream, isEnd);
    }
  }

  #open(stream: Stream, isEnd: boolean): void {
    if (isEnd) stream.state = "half-closed-remote";
    this.#table.add(stream);
    this.#context.counters.streamsOpened++;
    this.#context.counters.streamsOpen++;
    stream.consumer = this.#context.open(this.#host, stream);
    if (isEnd) stream.consumer?.data(NO_BYTES, 0, 0, true);
    else if (!stream.isStreaming && this.#bodyDeadline.index < 0) {
      const atMs = stream.openedAtMs + REQUEST_BODY_TIMEOUT_MS;
      this.#context.deadlines.set(this.#bodyDeadline, atMs);
    }
  }

  /** Streams are walked oldest first, so the first young one says when to look again. */
  #resetSlowRequests(): void {
    const nowMs = this.#context.clock.monotonicMs();
    for (const stream of this.#table.values()) {
      if (stream.isStreaming || stream.hasWholeRequest) continue;
      const dueMs = stream.openedAtMs + REQUEST_BODY_TIMEOUT_MS;
      if (dueMs > nowMs) {
        this.#context.deadlines.set(this.#bodyDeadline, dueMs);
        return;
      }
      this.#host.writeReset(stream.id, ErrorCode.cancel);
      this.#host.abort(stream, "us");
    }
  }

  #hasRightLength(stream: Stream, isLast: boolean): boolean {
    const declared = stream.head.contentLength;
    if (declared < 0) return true;
    return isLast ? stream.receivedBytes === declared : stream.receivedBytes <= declared;
  }

  #dataOnAbsent(id: number): void {
    const absent = this.#table.absent(id);
    if (absent === "idle")
      throw new ConnectionError(ErrorCode.protocolError, "DATA on idle stream");
    if (absent === "ended") {
      throw new ConnectionError(ErrorCode.streamClosed, "DATA on a closed stream");
    }
    // What was under way when we reset the stream is no fault of the client.
    if (absent === "reset-by-us") this.#countControl();
    else this.#refuse(id, ErrorCode.streamClosed);
  }

  #headersOnAbsent(id: number): void {
    const absent = this.#table.absent(id);
    if (absent === "ended") {
      throw new ConnectionError(ErrorCode.streamClosed, "HEADERS on a closed stream");
    }
    if (absent === "skipped") {
      throw new ConnectionError(ErrorCode.protocolError, "stream ids must grow");
    }
    if (absent === "reset-by-us") this.#countControl();
    else this.#refuse(id, ErrorCode.streamClosed);
  }

  #refuseIdle(id: number): void {
    if (id > this.#table.highestId) {
      throw new ConnectionError(ErrorCode.protocolError, "frame on an idle stream");
    }
  }

  /** Resets a stream that is in no table. */
  #refuse(id: number, code: ErrorCode): void {
    this.#host.writeReset(id, code);
    this.#table.remember(id, code === ErrorCode.streamClosed ? "reset-by-client" : "reset-by-us");
    this.#guard.brokenStream(this.#host.nowMs);
  }

  #streamError(stream: Stream, code: ErrorCode): void {
    this.#host.writeReset(stream.id, code);
    this.#host.abort(stream, "us");
    this.#guard.brokenStream(this.#host.nowMs);
  }

  #errorOn(stream: Stream | undefined, code: ErrorCode, reason: string): void {
    if (stream === undefined) throw new ConnectionError(code, reason);
    this.#streamError(stream, code);
  }

  #countControl(): void {
    this.#guard.controlFrame(this.#host.nowMs, this.#host.sender.usefulFrames);
  }
}
