import { type HeaderFields, ResponseHeaderWriter } from "../base/response-header.ts";
import { writeVarint, writeVarint64 } from "../base/wire.ts";

/** A watch id as the client knows it: a number where it is exact, else a bigint (W17). */
export type WatchId = number | bigint;

/** The id of answers that concern no single watcher (W8, W47). */
export const NO_WATCH_ID = -1n;

const WATCH_ID_FIELD_TAG = 2 * 8;
const FRAGMENT_FIELD_TAG = 7 * 8;
/** Of our own, for those who asked (docs/watch-extensions.md). */
const STATE_COMPLETE_FIELD_TAG = 1001 * 8;
const SKIPPED_FIELD_TAG = 1002 * 8;

/**
 * Writes the part of a WatchResponse that stands before its events: header and watch_id, and
 * `fragment` where it is set. Field order is free in protobuf; ours puts the shared part first, so
 * that for the next watcher only the id is written again. The bytes are borrowed.
 */
export class ResponseHead {
  readonly bytes: Uint8Array = new Uint8Array(128);
  readonly #header: ResponseHeaderWriter;
  #sharedLength = 0;

  constructor(identity: HeaderFields) {
    this.#header = new ResponseHeaderWriter(identity);
  }

  /**
   * Starts a response with this header revision; 0 = no revision, as in a compaction cancel (W15),
   * whose header etcd leaves empty.
   */
  begin(revision: number): void {
    this.#sharedLength = this.#header.write(this.bytes, 0, revision);
  }

  /** Writes the id behind the shared part and returns the head's length. 0 is left out (W3). */
  withId(id: WatchId): number {
    if (id === 0) return this.#sharedLength;
    const { bytes } = this;
    bytes[this.#sharedLength] = WATCH_ID_FIELD_TAG;
    const at = this.#sharedLength + 1;
    return typeof id === "number" && id > 0
      ? writeVarint(bytes, at, id)
      : writeVarint64(bytes, at, BigInt(id));
  }

  /** Adds `fragment = true` to a head of this length and returns the new length. */
  withFragment(length: number): number {
    this.bytes[length] = FRAGMENT_FIELD_TAG;
    this.bytes[length + 1] = 1;
    return length + 2;
  }

  /** Adds `state_complete = true`. */
  withStateComplete(length: number): number {
    return this.#withFlag(length, STATE_COMPLETE_FIELD_TAG);
  }

  /** Adds `skipped = true`. */
  withSkipped(length: number): number {
    return this.#withFlag(length, SKIPPED_FIELD_TAG);
  }

  #withFlag(length: number, tag: number): number {
    const at = writeVarint(this.bytes, length, tag);
    this.bytes[at] = 1;
    return at + 1;
  }
}

/** What a control response says beside header and id. */
export interface ControlFields {
  readonly created?: boolean;
  readonly canceled?: boolean;
  /** 0 = absent. */
  readonly compactRevision?: number;
  readonly cancelReason?: string;
  readonly skipped?: boolean;
}

/** A whole response without events, in a buffer of its own: created, canceled or progress. */
export function controlResponse(
  head: ResponseHead,
  id: WatchId,
  revision: number,
  fields: ControlFields,
): Uint8Array {
  head.begin(revision);
  const headLength = head.withId(id);
  const reason = Buffer.from(fields.cancelReason ?? "", "utf8");
  const message = new Uint8Array(headLength + 2 + 2 + 11 + 6 + reason.length + 3);
  message.set(head.bytes.subarray(0, headLength));
  let at = headLength;
  if (fields.created === true) {
    message[at++] = 3 * 8;
    message[at++] = 1;
  }
  if (fields.canceled === true) {
    message[at++] = 4 * 8;
    message[at++] = 1;
  }
  if (fields.compactRevision !== undefined && fields.compactRevision > 0) {
    message[at++] = 5 * 8;
    at = writeVarint(message, at, fields.compactRevision);
  }
  if (reason.length > 0) {
    message[at++] = 6 * 8 + 2;
    at = writeVarint(message, at, reason.length);
    message.set(reason, at);
    at += reason.length;
  }
  if (fields.skipped === true) {
    at = writeVarint(message, at, SKIPPED_FIELD_TAG);
    message[at++] = 1;
  }
  return message.subarray(0, at);
}
