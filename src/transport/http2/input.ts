import type { Socket } from "node:net";
import { InputSlice, type InputTurns, type WaitingInput } from "../input-turns.ts";
import { type FrameHandler, FrameReader } from "./frame-reader.ts";
import { CLIENT_PREFACE, ConnectionError, ErrorCode } from "./frames.ts";
import type { Resumable } from "./stream.ts";

/** The connection, as its input sees it. */
export interface InputOwner extends FrameHandler {
  /** See `StreamHost.isCongested`. */
  readonly isCongested: boolean;
  /** Input is about to be handled. Returns the time, in milliseconds. */
  beginInput(): number;
  /** Some has been handled; may throw ConnectionError. */
  endInput(): void;
  fail(error: ConnectionError): void;
  /** The client sends no more, and all that it had sent has been handled. */
  inputEnded(): void;
}

/**
 * What comes in on a connection, in the order in which it came. What cannot be handled in its slice
 * of a turn waits for a later one; the socket is not read meanwhile, so that a client which sends
 * more than its share is held back by TCP.
 */
export class Input implements WaitingInput {
  readonly #socket: Socket;
  readonly #turns: InputTurns;
  readonly #owner: InputOwner;
  readonly #slice: InputSlice;
  readonly #reader: FrameReader;
  #prefaceBytes = 0;
  /** What has been read and must wait, from `#restAt` on; the socket is paused meanwhile. */
  #rest: Buffer | undefined;
  #restAt = 0;
  /** Calls whose bytes wait for a turn. */
  #later: Resumable[] = [];
  /** Requests that wait for the end of congestion, oldest first. */
  #congested: Resumable[] = [];
  #isWaiting = false;
  #hasEnded = false;
  #isClosed = false;

  constructor(socket: Socket, turns: InputTurns, owner: InputOwner) {
    this.#socket = socket;
    this.#turns = turns;
    this.#owner = owner;
    this.#slice = new InputSlice(turns);
    this.#reader = new FrameReader(owner);
  }

  /** Handles what the socket has brought. */
  read(chunk: Buffer): void {
    this.#slice.begin(this.#owner.beginInput());
    this.#handle(chunk, 0);
  }

  /** The socket will bring no more; node:net says so even while what it brought last must wait. */
  end(): void {
    this.#hasEnded = true;
    if (!this.#hasMore) this.#owner.inputEnded();
  }

  /** Whether one more frame or message may be handled in this turn. */
  mayGoOn(): boolean {
    return !this.#isClosed && this.#slice.mayGoOn();
  }

  countCall(): void {
    this.#slice.countCall();
  }

  later(task: Resumable): void {
    this.#later.push(task);
    this.#wait();
  }

  afterCongestion(task: Resumable): void {
    this.#congested.push(task);
  }

  /** Has those who waited for the end of congestion go on, if that is what has come. */
  wake(): void {
    if (this.#congested.length > 0 && !this.#owner.isCongested) this.#wait();
  }

  /** Nothing more is handled; what comes is read and dropped. */
  close(): void {
    this.#isClosed = true;
    this.#dropRest();
  }

  takeTurn(): void {
    this.#isWaiting = false;
    if (this.#isClosed) return;
    this.#slice.begin(this.#owner.beginInput());
    this.#resumeLater();
    this.#resumeCongested();
    if (this.#rest !== undefined) this.#handle(this.#rest, this.#restAt);
    if (this.#hasMore) this.#wait();
    else if (this.#hasEnded) this.#owner.inputEnded();
    else this.wake();
  }

  get #hasMore(): boolean {
    return this.#rest !== undefined || this.#later.length > 0;
  }

  #wait(): void {
    if (this.#isWaiting || this.#isClosed) return;
    this.#isWaiting = true;
    this.#turns.wait(this);
  }

  /** Those for whom there is no time keep their place; those who have to wait again lose it. */
  #resumeLater(): void {
    const later = this.#later;
    if (later.length === 0) return;
    this.#later = [];
    let resumed = 0;
    for (const task of later) {
      if (!this.mayGoOn()) break;
      task.resume();
      resumed++;
    }
    if (resumed < later.length) this.#later = later.slice(resumed).concat(this.#later);
  }

  /** As many as may before the client has too much to read again; the others keep their place. */
  #resumeCongested(): void {
    let resumed = 0;
    for (const task of this.#congested) {
      if (this.#owner.isCongested || !this.mayGoOn()) break;
      this.#slice.countCall();
      task.resume();
      resumed++;
    }
    if (resumed > 0) this.#congested.splice(0, resumed);
  }

  #handle(chunk: Buffer, start: number): void {
    try {
      const from =
        this.#prefaceBytes < CLIENT_PREFACE.length ? this.#readPreface(chunk, start) : start;
      const at = this.#reader.read(chunk, from);
      this.#owner.endInput();
      if (at === chunk.length) this.#dropRest();
      else if (!this.#isClosed) this.#keepRest(chunk, at);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.#owner.fail(error);
    }
  }

  /** Checks what a chunk holds of the preface; returns where the rest begins. */
  #readPreface(chunk: Buffer, start: number): number {
    let at = start;
    for (; at < chunk.length && this.#prefaceBytes < CLIENT_PREFACE.length; at++) {
      if (chunk[at] !== CLIENT_PREFACE.charCodeAt(this.#prefaceBytes++)) {
        throw new ConnectionError(ErrorCode.protocolError, "wrong connection preface");
      }
    }
    return at;
  }

  #keepRest(chunk: Buffer, at: number): void {
    if (this.#rest === undefined) this.#socket.pause();
    this.#rest = chunk;
    this.#restAt = at;
    this.#wait();
  }

  #dropRest(): void {
    if (this.#rest === undefined) return;
    this.#rest = undefined;
    this.#socket.resume();
  }
}
