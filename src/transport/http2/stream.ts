import type { ErrorCode } from "./frames.ts";
import type { RequestHead } from "./request-head.ts";
import type { Sender } from "./sender.ts";

/**
 * The states of a stream as a server sees them (RFC 9113 §5.1). We never push, so the two reserved
 * states do not exist; `idle` is an id above the highest one seen, `closed` one that is in no
 * table.
 *
 *          HEADERS             END_STREAM received
 *     idle --------> open -------------------------> half-closed-remote
 *       |              |                                ^        |
 *       +--------------|--------------------------------+        | END_STREAM sent
 *       HEADERS with   |                                         |
 *       END_STREAM     | END_STREAM sent, RST_STREAM             v
 *                      | NO_ERROR behind it                      |
 *                      +------------------> closed <-------------+
 *                                             ^
 *                                             | RST_STREAM sent or received, from any state
 *
 * half-closed-local is never lasting: whoever is answered early is told to stop sending.
 */
export type StreamState = "open" | "half-closed-remote" | "closed";

/** What reads a stream's request and answers it: a gRPC call or a plain HTTP request. */
export interface StreamConsumer {
  /**
   * Part of the request's body; `isLast` when the client has ended its side. Bytes are borrowed.
   * Each stream gets exactly one call with `isLast`, unless it is closed before.
   */
  data(bytes: Buffer, start: number, end: number, isLast: boolean): void;
  /** There is room again after `Sender.hasRoom` said no. */
  drained(): void;
  /**
   * The stream was reset by the client or broken by it, or the connection is lost: the last call.
   */
  aborted(): void;
  /** The server is stopping and waits no longer: the call must end itself now. */
  cut(): void;
}

/** Bytes of a stream that wait for a window or the socket, oldest first. */
export class SendQueue {
  #pieces: Uint8Array[] = [];
  #first = 0;
  /** Bytes of the first piece that are gone. */
  #offset = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes a piece that never changes again. */
  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#bytes += piece.length;
  }

  /** Moves exactly `count` bytes, at most `bytes`, to `target`. */
  moveTo(target: { body(bytes: Uint8Array, from: number, to: number): void }, count: number): void {
    let rest = count;
    while (rest > 0) {
      const piece = this.#pieces[this.#first] as Uint8Array;
      const take = Math.min(rest, piece.length - this.#offset);
      target.body(piece, this.#offset, this.#offset + take);
      this.#offset += take;
      rest -= take;
      if (this.#offset === piece.length) this.#dropFirst();
    }
    this.#bytes -= count;
  }

  /** Puts a copy in the place of what is left of the last piece, which may be a view. */
  copyLast(): void {
    const last = this.#pieces.length - 1;
    const piece = this.#pieces[last];
    if (piece === undefined || piece.length === piece.buffer.byteLength) return;
    const start = last === this.#first ? this.#offset : 0;
    if (last === this.#first) this.#offset = 0;
    this.#pieces[last] = piece.slice(start);
  }

  clear(): void {
    this.#pieces = [];
    this.#first = 0;
    this.#offset = 0;
    this.#bytes = 0;
  }

  #dropFirst(): void {
    this.#first++;
    this.#offset = 0;
    if (this.#first === this.#pieces.length) {
      this.#pieces.length = 0;
      this.#first = 0;
    } else if (this.#first >= 64 && this.#first * 2 >= this.#pieces.length) {
      this.#pieces = this.#pieces.slice(this.#first);
      this.#first = 0;
    }
  }
}

/** One request and its answer. Sending is `Sender`'s work, opening and closing `StreamTable`'s. */
export class Stream {
  readonly id: number;
  readonly head: RequestHead;
  readonly openedAtMs: number;
  state: StreamState = "open";
  consumer: StreamConsumer | undefined;

  /** What the peer lets us send; below zero after it shrank its initial window. */
  sendWindow: number;
  /** What we still let the peer send. */
  receiveWindow: number;
  /** Bytes of DATA that have come so far, for content-length. */
  receivedBytes = 0;
  /** Request bytes that the consumer holds, as told to `StreamHost.hold`. */
  heldBytes = 0;
  /** Part of these that wait for the api: the windows stay smaller by them. */
  withheldBytes = 0;
  /**
   * A call that may last: its request has no time limit, and what it has to say does not count as
   * an answer that the client waits for.
   */
  isStreaming = false;

  /** Made when something has to wait for the first time. */
  queue: SendQueue | undefined;
  /** Follows the queue: the header block of the trailers, or "end" for a bare END_STREAM. */
  ending: Uint8Array | "end" | undefined;
  /** Whether it stands in the sender's round of waiting streams. */
  isWaiting = false;
  /** Somebody was told there is no room and is owed a `drained`. */
  drainWanted: "no" | "queue" | "connection" = "no";
  /** Whether it stands in the sender's list of streams that wait for the connection. */
  isRefused = false;

  constructor(id: number, head: RequestHead, windows: Windows, openedAtMs: number) {
    this.id = id;
    this.head = head;
    this.sendWindow = windows.send;
    this.receiveWindow = windows.receive;
    this.openedAtMs = openedAtMs;
  }

  get queuedBytes(): number {
    return this.queue === undefined ? 0 : this.queue.bytes;
  }

  get isClosed(): boolean {
    return this.state === "closed";
  }

  /** Whether the client has sent END_STREAM. */
  get hasWholeRequest(): boolean {
    return this.state === "half-closed-remote" || this.state === "closed";
  }
}

export interface Windows {
  readonly send: number;
  readonly receive: number;
}

/** What TLS has found out about the client of a connection. */
export interface Security {
  readonly isSecure: boolean;
  /** See `CallInfo.peerCommonName`. */
  readonly peerCommonName: string | undefined;
}

export const NOT_SECURE: Security = { isSecure: false, peerCommonName: undefined };

/** What waits until the connection may take more work. */
export interface Resumable {
  resume(): void;
}

/** The connection, as the calls on its streams see it. */
export interface StreamHost {
  /** The client's address, for people. */
  readonly peer: string;
  readonly security: Security;
  /** So many answers wait for this client that it gets no more (ANSWERS_QUEUE_BYTES_MAX). */
  readonly isCongested: boolean;
  /** When the bytes that are being handled came. */
  readonly nowMs: number;

  /**
   * Accounts for the request bytes that a consumer now holds, in place of what it told before;
   * `withheld` of them wait for the api, and the client must not send more instead. False: beyond
   * CONNECTION_HELD_REQUEST_BYTES_MAX, the caller must let go of its stream.
   */
  hold(stream: Stream, bytes: number, withheld: number): boolean;
  /**
   * Whether one more message may be handled in this turn of the event loop. After a false the rest
   * waits: see `later`.
   */
  mayGoOn(): boolean;
  /** Calls `resume` when the connection has its turn again. */
  later(task: Resumable): void;
  /** Calls `resume` in the first turn without congestion. */
  afterCongestion(task: Resumable): void;

  /** Where answers go; the connection flushes at the end of the turn by itself. */
  readonly sender: Sender;
  /** Resets the stream; its consumer is not told. */
  reset(stream: Stream, code: ErrorCode): void;
}
