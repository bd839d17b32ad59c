import { PREFIX_BYTES } from "../test/support/client-frames.ts";

/** Told of the WatchResponses of one stream. */
export interface MessageListener {
  /** A message is whole: the counter's fields say what stood in it. */
  message(counter: MessageCounter): void;
  /** An event (field 11) of a sampled message lies in `bytes[start..end)`. */
  sample(bytes: Buffer, start: number, end: number): void;
}

const State = { prefix: 0, tag: 1, number: 2, length: 3, skip: 4 } as const;
type State = (typeof State)[keyof typeof State];

const WIRE_NUMBER = 0;
const WIRE_BYTES = 2;
const HEADER_TAG: number = 1 * 8 + WIRE_BYTES;
const WATCH_ID_TAG: number = 2 * 8 + WIRE_NUMBER;
const EVENTS_TAG: number = 11 * 8 + WIRE_BYTES;
/** In the header. */
const REVISION_TAG: number = 3 * 8 + WIRE_NUMBER;

/**
 * Reads the WatchResponses of one stream in whatever pieces they come, copies nothing and keeps
 * nothing: events are counted by walking over their lengths, about 10 ns each. Only the numbers of
 * the response and the revision in its header are read.
 */
export class MessageCounter {
  watchId = 0;
  /** Of the response's header; 0 when it has none. */
  revision = 0;
  events = 0;
  isCreated = false;
  isCanceled = false;
  readonly #listener: MessageListener;
  readonly #sampleEvery: number;
  #untilSample: number;
  #isSampled = false;
  #state: State = State.prefix;
  #prefixRead = 0;
  /** Bytes of the message that are still to come, and what that is when its header ends. */
  #left = 0;
  #leftAfterHeader = -1;
  #field = 0;
  #number = 0;
  #scale = 1;
  #skip = 0;

  /** One message in `sampleEvery` is sampled, the first one after `offset` others. */
  constructor(listener: MessageListener, { sampleEvery, offset }: SampleOptions) {
    this.#listener = listener;
    this.#sampleEvery = sampleEvery;
    this.#untilSample = offset % sampleEvery;
  }

  /** Takes the next bytes of the stream. */
  take(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#state === State.prefix) at = this.#prefix(bytes, at, end);
      else if (this.#state === State.skip) at = this.#pass(at, end);
      else at = this.#walk(bytes, at, Math.min(end, at + this.#left));
      if (this.#left === 0 && this.#prefixRead === PREFIX_BYTES) this.#finish();
    }
  }

  #prefix(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (this.#prefixRead < PREFIX_BYTES && at < end) {
      const byte = bytes[at++] as number;
      if (this.#prefixRead++ === 0) {
        if (byte !== 0) throw new Error("a compressed message");
      } else this.#left = this.#left * 256 + byte;
    }
    if (this.#prefixRead < PREFIX_BYTES) return at;
    this.#state = State.tag;
    if (this.#untilSample === 0) {
      this.#isSampled = true;
      this.#untilSample = this.#sampleEvery;
    }
    this.#untilSample--;
    return at;
  }

  #pass(at: number, end: number): number {
    const step = Math.min(this.#skip, end - at);
    this.#skip -= step;
    this.#left -= step;
    if (this.#skip === 0) this.#state = State.tag;
    return at + step;
  }

  /** Whole fields first, which is nearly all there is; else one byte of what is in two pieces. */
  #walk(bytes: Buffer, start: number, end: number): number {
    const isBetweenFields = this.#state === State.tag && this.#leftAfterHeader < 0;
    const at = isBetweenFields ? this.#wholeFields(bytes, start, end) : start;
    this.#left -= at - start;
    if (at === end) return at;
    this.#left--;
    this.#byte(bytes[at] as number);
    if (this.#left === this.#leftAfterHeader && this.#state === State.tag) {
      this.#leftAfterHeader = -1;
    }
    return at + 1;
  }

  /** Returns where the first field begins that is not whole, or too rare for a way of its own. */
  #wholeFields(bytes: Buffer, start: number, end: number): number {
    let at = start;
    let events = 0;
    // What is read beyond the end only makes `next` larger than it.
    for (;;) {
      const tag = bytes[at];
      let length = bytes[at + 1] as number;
      let next = at + 2;
      if (tag === EVENTS_TAG) {
        if (length > 127) {
          const high = bytes[next++] as number;
          if (high > 127) break;
          length = (length & 127) | (high << 7);
        }
        next += length;
        if (!(next <= end)) break;
        if (this.#isSampled) this.#listener.sample(bytes, next - length, next);
        events++;
      } else if (tag === HEADER_TAG && length < 128) {
        next += length;
        if (!(next <= end)) break;
        this.#wholeHeader(bytes, next - length, next);
      } else if (tag === WATCH_ID_TAG && length < 128 && next <= end) {
        this.watchId = length;
      } else break;
      at = next;
    }
    this.events += events;
    return at;
  }

  /** Reads nothing but the revision: ids are ten bytes long. */
  #wholeHeader(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      const tag = bytes[at++];
      if (tag === REVISION_TAG) {
        let scale = 1;
        for (; (bytes[at] as number) > 127; at++) {
          this.revision += ((bytes[at] as number) & 127) * scale;
          scale *= 128;
        }
        this.revision += (bytes[at++] as number) * scale;
      } else {
        while ((bytes[at] as number) > 127) at++;
        at++;
      }
    }
  }

  #byte(byte: number): void {
    this.#number += (byte & 127) * this.#scale;
    this.#scale *= 128;
    if (byte > 127) return;
    const value = this.#number;
    this.#number = 0;
    this.#scale = 1;
    switch (this.#state) {
      case State.tag:
        this.#field = value >>> 3;
        if ((value & 7) === WIRE_NUMBER) this.#state = State.number;
        else if ((value & 7) === WIRE_BYTES) this.#state = State.length;
        else throw new Error(`wire type ${value & 7} is in no WatchResponse`);
        return;
      case State.number:
        this.#state = State.tag;
        this.#numberField(value);
        return;
      case State.length:
        this.#state = State.tag;
        this.#bytesField(value);
        return;
      case State.prefix:
      case State.skip:
        throw new Error("these are not read byte by byte");
    }
  }

  #numberField(value: number): void {
    if (this.#leftAfterHeader >= 0) {
      if (this.#field === 3) this.revision = value;
    } else if (this.#field === 2) this.watchId = value;
    else if (this.#field === 3) this.isCreated = value !== 0;
    else if (this.#field === 4) this.isCanceled = value !== 0;
  }

  #bytesField(length: number): void {
    if (this.#field === 1 && this.#leftAfterHeader < 0) {
      this.#leftAfterHeader = this.#left - length;
      return;
    }
    if (this.#field === 11) this.events++;
    this.#skip = length;
    if (length > 0) this.#state = State.skip;
  }

  #finish(): void {
    if (this.#state !== State.tag) throw new Error("a message ends too early");
    this.#listener.message(this);
    this.watchId = this.revision = this.events = 0;
    this.isCreated = this.isCanceled = this.#isSampled = false;
    this.#state = State.prefix;
    this.#prefixRead = 0;
    this.#leftAfterHeader = -1;
  }
}

export interface SampleOptions {
  readonly sampleEvery: number;
  readonly offset: number;
}
