import { WireReader } from "../../src/base/wire.ts";
import type { EventSink } from "../../src/watch/event-sink.ts";
import type { WatchStream } from "../../src/watch/watch-stream.ts";
import { Transcript } from "./transcript.ts";

/** A KeyValue as read from the wire. */
export interface SeenKeyValue {
  key: string;
  value: string;
  create: number;
  mod: number;
  version: number;
  /** Absent when it hangs on none. */
  lease?: bigint;
}

export interface SeenEvent {
  type: "put" | "delete";
  keyValue: SeenKeyValue;
  previous: SeenKeyValue | undefined;
  /** Our own: a delete because of a lease that ran out. */
  isExpiry: boolean;
}

/** A WatchResponse as read from the wire. */
export interface SeenResponse {
  revision: number;
  id: bigint;
  created: boolean;
  canceled: boolean;
  compactRevision: number;
  cancelReason: string;
  fragment: boolean;
  events: SeenEvent[];
  /** Our own two (docs/watch-extensions.md). */
  stateComplete: boolean;
  skipped: boolean;
}

/**
 * The other end of one watch stream: takes up to `room` event messages, refuses more until it is
 * told to read, and keeps the raw bytes until then, so that a body that is overwritten shows.
 */
export class ModelClient implements EventSink {
  room: number;
  /** All that was asked through `stream` and has been read. */
  readonly transcript: Transcript = new Transcript();
  #stream: WatchStream | undefined;
  #queue: Uint8Array[] = [];
  #refused = false;
  #occupied = 0;

  constructor(room: number = Infinity) {
    this.room = room;
  }

  get stream(): WatchStream | undefined {
    return this.#stream;
  }

  set stream(stream: WatchStream) {
    this.#stream = stream;
    this.transcript.noteRequests(stream);
  }

  offer(head: Uint8Array, headLength: number, body: Uint8Array): boolean {
    if (this.#occupied >= this.room) {
      this.#refused = true;
      return false;
    }
    this.#occupied++;
    // The head is borrowed, the body may be kept by reference.
    this.#queue.push(head.slice(0, headLength), body);
    return true;
  }

  control(message: Uint8Array): void {
    this.#queue.push(message, new Uint8Array(0));
  }

  get refused(): boolean {
    return this.#refused;
  }

  /** Reads all that was taken, and says `drained` when something had been refused. */
  read(): SeenResponse[] {
    const seen: SeenResponse[] = [];
    for (let i = 0; i < this.#queue.length; i += 2) {
      const parts = [this.#queue[i] as Uint8Array, this.#queue[i + 1] as Uint8Array];
      const response = decodeResponse(Buffer.concat(parts));
      this.transcript.noteResponse(response);
      seen.push(response);
    }
    this.#queue = [];
    this.#occupied = 0;
    if (this.#refused) {
      this.#refused = false;
      this.stream?.drained();
    }
    return seen;
  }
}

/** Decodes by hand, field by field: the watch room's bytes are checked by other code than its own. */
export function decodeResponse(bytes: Uint8Array): SeenResponse {
  const response: SeenResponse = {
    revision: 0,
    id: 0n,
    created: false,
    canceled: false,
    compactRevision: 0,
    cancelReason: "",
    fragment: false,
    events: [],
    stateComplete: false,
    skipped: false,
  };
  const reader = new WireReader(bytes);
  while (!reader.done) {
    const tag = reader.tag();
    switch (tag >> 3) {
      case 1:
        response.revision = decodeHeader(reader.message());
        break;
      case 2:
        response.id = reader.bigint64();
        break;
      case 3:
        response.created = reader.bool();
        break;
      case 4:
        response.canceled = reader.bool();
        break;
      case 5:
        response.compactRevision = reader.int64();
        break;
      case 6:
        response.cancelReason = reader.string();
        break;
      case 7:
        response.fragment = reader.bool();
        break;
      case 11:
        response.events.push(decodeEvent(reader.message()));
        break;
      case 1001:
        response.stateComplete = reader.bool();
        break;
      case 1002:
        response.skipped = reader.bool();
        break;
      default:
        throw new Error(`a WatchResponse has no field ${tag >> 3}`);
    }
  }
  return response;
}

function decodeHeader(reader: WireReader): number {
  let revision = 0;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag >> 3 === 3) revision = reader.int64();
    else reader.skip(tag);
  }
  return revision;
}

function decodeEvent(reader: WireReader): SeenEvent {
  const event: Partial<SeenEvent> = { type: "put" };
  let isExpiry = false;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag >> 3 === 1) event.type = reader.uint() === 1 ? "delete" : "put";
    else if (tag >> 3 === 2) event.keyValue = decodeKeyValue(reader.message());
    else if (tag >> 3 === 3) event.previous = decodeKeyValue(reader.message());
    else if (tag >> 3 === 1001) isExpiry = reader.uint() === 1;
    else throw new Error(`an Event has no field ${tag >> 3}`);
  }
  if (event.keyValue === undefined || event.type === undefined) throw new Error("event without kv");
  return { type: event.type, keyValue: event.keyValue, previous: event.previous, isExpiry };
}

function decodeKeyValue(reader: WireReader): SeenKeyValue {
  const keyValue: SeenKeyValue = { key: "", value: "", create: 0, mod: 0, version: 0 };
  while (!reader.done) {
    const tag = reader.tag();
    if (tag >> 3 === 1) keyValue.key = Buffer.from(reader.bytes()).toString("latin1");
    else if (tag >> 3 === 2) keyValue.create = reader.int64();
    else if (tag >> 3 === 3) keyValue.mod = reader.int64();
    else if (tag >> 3 === 4) keyValue.version = reader.int64();
    else if (tag >> 3 === 5) keyValue.value = Buffer.from(reader.bytes()).toString("latin1");
    else if (tag >> 3 === 6) keyValue.lease = reader.bigint64();
    else throw new Error(`a KeyValue here has no field ${tag >> 3}`);
  }
  return keyValue;
}
