import type { Socket } from "node:net";
import { Deadline } from "../deadline-queue.ts";
import type { ConnectionContext, Flushable } from "./connection-context.ts";
import { FloodGuard } from "./flood-guard.ts";
import { checkShape } from "./frame-shape.ts";
import type { FrameHeader } from "./frame-reader.ts";
import { ConnectionError, ErrorCode, Flag, FrameType, readUint32, Setting } from "./frames.ts";
import { Input, type InputOwner } from "./input.ts";
import { Keepalive } from "./keepalive.ts";
import {
  CLOSE_LINGER_MS,
  CONNECTION_HELD_REQUEST_BYTES_MAX,
  CONNECTION_RECEIVE_WINDOW_BYTES,
  FRAME_BYTES_MAX,
  HANDSHAKE_TIMEOUT_MS,
  HEADER_LIST_BYTES_MAX,
  HEADER_TABLE_BYTES_MAX,
  OUTPUT_BACKLOG_BYTES_MAX,
  STREAM_RECEIVE_WINDOW_BYTES,
  WINDOW_BYTES_INITIAL,
  WINDOW_BYTES_MAX,
} from "./limits.ts";
import { FreshTrace } from "./fresh-trace.ts";
import { Output } from "./output.ts";
import { type RequestHost, RequestSide } from "./request-side.ts";
import { Sender, type SenderEvents } from "./sender.ts";
import type { Resumable, Security, Stream } from "./stream.ts";
import { type Closing, StreamTable } from "./stream-table.ts";

/**
 * How far a connection is. Only ever moves down this list:
 * - handshake: preface and the first SETTINGS are awaited
 * - open
 * - draining: GOAWAY is sent, streams that are open go on, new ones are refused
 * - closing: nothing is read any more; the socket ends once all is written, or after a while anyway
 * - closed: the socket is gone
 */
type Phase = "handshake" | "open" | "draining" | "closing" | "closed";

/** One HTTP/2 connection on a socket that has sent the first bytes of the preface. */
export class Connection implements InputOwner, RequestHost, SenderEvents, Flushable {
  readonly peer: string;
  readonly security: Security;
  readonly sender: Sender;
  nowMs: number;
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  readonly #output: Output;
  readonly #table: StreamTable = new StreamTable();
  readonly #guard: FloodGuard;
  readonly #requests: RequestSide;
  readonly #input: Input;
  readonly #closed: () => void;
  #phase: Phase = "handshake";
  /** The last stream that the first GOAWAY named; a later one may not name a higher (§6.8). */
  #lastStreamId = WINDOW_BYTES_MAX;
  #receiveWindow = CONNECTION_RECEIVE_WINDOW_BYTES;
  /** Sums of the streams' `heldBytes` and `withheldBytes`. */
  #heldBytes = 0;
  #withheldBytes = 0;
  #peerTableBytes = HEADER_TABLE_BYTES_MAX;
  #isDirty = false;
  #bytesCounted = 0;
  /** Streams that have room again and are to be told at the end of the turn. */
  #roomy: Stream[] = [];
  readonly #keepalive: Keepalive;
  readonly #handshake: Deadline;
  readonly #linger: Deadline;

  /** `closed` is called once, when the socket is gone. */
  constructor(socket: Socket, security: Security, context: ConnectionContext, closed: () => void) {
    this.security = security;
    this.#socket = socket;
    this.#context = context;
    this.#closed = closed;
    this.peer = `${socket.remoteAddress ?? "unix"}:${socket.remotePort ?? 0}`;
    this.nowMs = context.clock.monotonicMs();
    const trace = new FreshTrace(context.deliveryTimes);
    this.#output = new Output(socket, context.pool, () => this.#onWritten(), trace);
    this.sender = new Sender(this.#output, this);
    this.#guard = new FloodGuard(context.keepaliveMinTimeMs, this.nowMs);
    this.#requests = new RequestSide(this, context, this.#table, this.#guard);
    this.#input = new Input(socket, context.inputTurns, this);
    const destroy = (): void => void socket.destroy();
    this.#keepalive = new Keepalive(context, () => this.#writePing(), destroy);
    this.#handshake = new Deadline(destroy);
    this.#linger = new Deadline(destroy);
  }

  /** Takes over the socket; `first` is what was read from it already. */
  start(first: Buffer): void {
    const { clock, deadlines } = this.#context;
    deadlines.set(this.#handshake, clock.monotonicMs() + HANDSHAKE_TIMEOUT_MS);
    const socket = this.#socket;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("end", () => this.#input.end());
    socket.on("close", () => this.#onClose());
    this.#writeSettings();
    this.#read(first);
  }

  get isDraining(): boolean {
    return this.#phase === "draining";
  }

  get isCongested(): boolean {
    return this.sender.isCongested;
  }

  /** Announces the end: open streams go on, new ones are refused; closes when none is left. */
  drain(): void {
    if (this.#phase !== "handshake" && this.#phase !== "open") return;
    this.#writeGoAway(ErrorCode.noError, "");
    this.#phase = "draining";
    if (this.#table.size === 0) this.#beginClosing();
  }

  /** Ends all streams now and closes. */
  cut(): void {
    if (this.#phase === "closing" || this.#phase === "closed") return;
    this.drain();
    for (const stream of this.#table.values()) stream.consumer?.cut();
    this.#beginClosing();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  // --- InputOwner

  beginInput(): number {
    this.nowMs = this.#context.clock.monotonicMs();
    this.#keepalive.lastReadMs = this.nowMs;
    return this.nowMs;
  }

  mayGoOn(): boolean {
    return this.#input.mayGoOn();
  }

  endInput(): void {
    if (this.#output.backlogBytes > OUTPUT_BACKLOG_BYTES_MAX) {
      throw new ConnectionError(ErrorCode.enhanceYourCalm, "answers are not read");
    }
    this.#input.wake();
  }

  /** None of the client's calls can still mean anything. */
  inputEnded(): void {
    this.#beginClosing();
  }

  begin(header: FrameHeader): void {
    const { type, streamId, length } = header;
    const openBlock = this.#requests.openBlockStreamId;
    const isContinuation = type === FrameType.continuation;
    if (isContinuation ? openBlock === 0 || streamId !== openBlock : openBlock !== 0) {
      throw new ConnectionError(ErrorCode.protocolError, "header block interrupted or not begun");
    }
    if (this.#phase === "handshake") checkFirst(header);
    checkShape(header);
    if (endsRequest(header)) this.#input.countCall();
    if (type !== FrameType.data) return;
    this.#takeFromWindow(length);
    this.#requests.beginData(header);
  }

  data(header: FrameHeader, bytes: Buffer, start: number, end: number): void {
    this.#requests.data(header, bytes, start, end);
  }

  frame(header: FrameHeader, bytes: Buffer, start: number, end: number): void {
    switch (header.type) {
      case FrameType.headers:
        this.#requests.headers(header, bytes, start, end);
        return;
      case FrameType.continuation:
        this.#requests.continuation(header, bytes, start, end);
        return;
      case FrameType.resetStream:
        this.#requests.resetStream(header);
        return;
      case FrameType.priority:
        this.#requests.priority(header, bytes, start, end);
        return;
      default:
        this.#guard.controlFrame(this.nowMs, this.sender.usefulFrames);
        this.#controlFrame(header, bytes, start, end);
    }
  }

  #controlFrame(header: FrameHeader, bytes: Buffer, start: number, end: number): void {
    const isAck = (header.flags & Flag.ack) !== 0;
    switch (header.type) {
      case FrameType.windowUpdate:
        this.#windowUpdate(header, readUint32(bytes, start) & WINDOW_BYTES_MAX);
        return;
      case FrameType.settings:
        if (!isAck) this.#settings(bytes, start, end);
        return;
      case FrameType.ping:
        if (!isAck) this.#ping(bytes, start, end);
        return;
      // GOAWAY needs nothing: we open no streams. Unknown types are ignored (RFC 9113 §4.1).
      default:
        return;
    }
  }

  #windowUpdate(header: FrameHeader, increment: number): void {
    if (header.streamId !== 0) {
      this.#requests.windowUpdate(header, increment);
      return;
    }
    if (increment === 0) throw new ConnectionError(ErrorCode.protocolError, "increment of 0");
    this.sender.grantConnection(increment);
  }

  #settings(bytes: Buffer, start: number, end: number): void {
    for (let at = start; at < end; at += 6) {
      const id = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
      this.#setting(id, readUint32(bytes, at + 2));
    }
    this.#output.frame(0, FrameType.settings, Flag.ack, 0);
    this.wrote();
    if (this.#phase !== "handshake") return;
    this.#phase = "open";
    this.#context.deadlines.clear(this.#handshake);
    this.#keepalive.start();
  }

  #setting(id: number, value: number): void {
    switch (id) {
      case Setting.headerTableSize:
        this.sender.setHeaderTableBytes(value, this.#peerTableBytes);
        this.#peerTableBytes = value;
        return;
      case Setting.enablePush:
        if (value > 1) throw new ConnectionError(ErrorCode.protocolError, "ENABLE_PUSH above 1");
        return;
      case Setting.initialWindowSize:
        if (value > WINDOW_BYTES_MAX) {
          throw new ConnectionError(ErrorCode.flowControlError, "INITIAL_WINDOW_SIZE too large");
        }
        this.sender.setInitialWindow(value, this.#table.values());
        return;
      case Setting.maxFrameSize:
        if (value < FRAME_BYTES_MAX || value > 0xffffff) {
          throw new ConnectionError(ErrorCode.protocolError, "MAX_FRAME_SIZE out of range");
        }
        this.sender.setFrameBytesMax(value);
        return;
      default:
        return;
    }
  }

  #ping(bytes: Buffer, start: number, end: number): void {
    this.#guard.ping(this.nowMs, this.sender.usefulFrames, this.#table.size > 0);
    this.#output.frame(8, FrameType.ping, Flag.ack, 0);
    this.#output.copy(bytes, start, end);
    this.wrote();
  }

  // --- RequestHost: what the request side and the calls ask for

  hold(stream: Stream, bytes: number, withheld: number): boolean {
    this.#heldBytes += bytes - stream.heldBytes;
    this.#withheldBytes += withheld - stream.withheldBytes;
    stream.heldBytes = bytes;
    stream.withheldBytes = withheld;
    this.#requests.grant(stream);
    this.#grant();
    return this.#heldBytes <= CONNECTION_HELD_REQUEST_BYTES_MAX;
  }

  later(task: Resumable): void {
    this.#input.later(task);
  }

  afterCongestion(task: Resumable): void {
    this.#input.afterCongestion(task);
  }

  reset(stream: Stream, code: ErrorCode): void {
    this.writeReset(stream.id, code);
    this.#remove(stream, "reset-by-us");
  }

  writeReset(streamId: number, code: ErrorCode): void {
    this.#output.frame(4, FrameType.resetStream, 0, streamId);
    this.#output.uint32(code);
    this.wrote();
  }

  abort(stream: Stream, by: "client" | "us"): void {
    this.#remove(stream, by === "client" ? "reset-by-client" : "reset-by-us");
    stream.consumer?.aborted();
  }

  fail(error: ConnectionError): void {
    if (this.#phase === "closing" || this.#phase === "closed") return;
    this.#context.counters.connectionsFailed++;
    this.#writeGoAway(error.code, error.message);
    this.#beginClosing();
  }

  // --- SenderEvents

  wrote(): void {
    if (this.#isDirty) return;
    this.#isDirty = true;
    this.#context.flushAtEndOfTurn(this);
  }

  /** An answer is complete. A client that is still sending its request is told to stop. */
  sentEnd(stream: Stream): void {
    this.#guard.callEnded();
    if (stream.hasWholeRequest) this.#remove(stream, "ended");
    else this.reset(stream, ErrorCode.noError);
  }

  hasRoomAgain(stream: Stream): void {
    this.#roomy.push(stream);
    this.wrote();
  }

  // --- The turn of the event loop

  /** The end of a turn: who has room again is told, then all goes out in one write. */
  flush(): void {
    const roomy = this.#roomy;
    this.#roomy = [];
    for (const stream of roomy) {
      if (!stream.isClosed) stream.consumer?.drained();
    }
    this.#input.wake();
    this.#isDirty = false;
    this.#flushOutput();
    if (this.#roomy.length > 0) this.wrote();
  }

  #flushOutput(): void {
    if (this.#phase !== "closed") this.#output.flush();
    this.#context.counters.bytesSent += this.#output.bytesWritten - this.#bytesCounted;
    this.#bytesCounted = this.#output.bytesWritten;
    this.#endWhenWritten();
  }

  #onWritten(): void {
    this.sender.pump();
    this.#input.wake();
    this.#endWhenWritten();
  }

  #read(chunk: Buffer): void {
    this.#context.counters.bytesReceived += chunk.length;
    if (this.#phase === "closing" || this.#phase === "closed") return;
    this.#input.read(chunk);
  }

  #takeFromWindow(bytes: number): void {
    if (bytes > this.#receiveWindow) {
      throw new ConnectionError(ErrorCode.flowControlError, "DATA beyond the connection's window");
    }
    this.#receiveWindow -= bytes;
    this.#grant();
  }

  /** Raises the receive window again, in large steps. */
  #grant(): void {
    const used = CONNECTION_RECEIVE_WINDOW_BYTES - this.#withheldBytes - this.#receiveWindow;
    if (used < CONNECTION_RECEIVE_WINDOW_BYTES / 4) return;
    this.#receiveWindow += used;
    this.sender.windowUpdate(0, used);
  }

  #writeSettings(): void {
    const settings: readonly (readonly [id: number, value: number])[] = [
      [Setting.maxConcurrentStreams, this.#context.maxConcurrentStreams],
      [Setting.initialWindowSize, STREAM_RECEIVE_WINDOW_BYTES],
      [Setting.maxHeaderListSize, HEADER_LIST_BYTES_MAX],
    ];
    this.#output.frame(settings.length * 6, FrameType.settings, 0, 0);
    for (const [id, value] of settings) {
      this.#output.byte(id >>> 8);
      this.#output.byte(id);
      this.#output.uint32(value);
    }
    this.sender.windowUpdate(0, CONNECTION_RECEIVE_WINDOW_BYTES - WINDOW_BYTES_INITIAL);
  }

  #writePing(): void {
    this.#output.frame(8, FrameType.ping, 0, 0);
    this.#output.uint32(0);
    this.#output.uint32(0);
    this.wrote();
  }

  #writeGoAway(code: ErrorCode, reason: string): void {
    this.#lastStreamId = Math.min(this.#lastStreamId, this.#table.highestId);
    this.#output.frame(8 + reason.length, FrameType.goAway, 0, 0);
    this.#output.uint32(this.#lastStreamId);
    this.#output.uint32(code);
    for (let i = 0; i < reason.length; i++) this.#output.byte(reason.charCodeAt(i));
    this.wrote();
  }

  #remove(stream: Stream, closing: Closing): void {
    if (stream.isClosed) return;
    stream.state = "closed";
    this.#table.remove(stream, closing);
    this.sender.drop(stream);
    this.hold(stream, 0, 0);
    this.#context.counters.streamsOpen--;
    if (this.#phase === "draining" && this.#table.size === 0) this.#beginClosing();
  }

  #abortAll(): void {
    for (const stream of this.#table.values()) this.abort(stream, "us");
  }

  #beginClosing(): void {
    if (this.#phase === "closing" || this.#phase === "closed") return;
    this.#phase = "closing";
    this.#input.close();
    this.#abortAll();
    const { deadlines, clock } = this.#context;
    deadlines.clear(this.#handshake);
    deadlines.set(this.#linger, clock.monotonicMs() + CLOSE_LINGER_MS);
    this.wrote();
  }

  #endWhenWritten(): void {
    if (this.#phase !== "closing" || this.#isDirty || this.#output.backlogBytes > 0) return;
    if (!this.#socket.writableEnded) this.#socket.end();
  }

  #onClose(): void {
    this.#phase = "closed";
    this.#output.close();
    this.#input.close();
    this.#abortAll();
    this.#requests.close();
    this.#keepalive.stop();
    this.#context.deadlines.clear(this.#handshake);
    this.#context.deadlines.clear(this.#linger);
    this.#closed();
  }
}

/** The first frame of a client is SETTINGS of its own (RFC 9113 §3.4). */
function checkFirst(header: FrameHeader): void {
  if (header.type === FrameType.settings && (header.flags & Flag.ack) === 0) return;
  throw new ConnectionError(ErrorCode.protocolError, "the first frame is not SETTINGS");
}

/** Whether a request is whole with this frame. */
function endsRequest({ type, flags }: FrameHeader): boolean {
  return (flags & Flag.endStream) !== 0 && (type === FrameType.data || type === FrameType.headers);
}
