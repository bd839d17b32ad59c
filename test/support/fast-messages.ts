/**
 * The few messages that load is made of, read and written without objects in between. Fields as in
 * `wire-facts.ts`; numbers are exact up to 2^53.
 */

/** A PutRequest: key = 1, value = 2. */
export function putRequest(key: Uint8Array, value: Uint8Array): Buffer {
  return Buffer.concat([bytesField(1, key), bytesField(2, value)]);
}

/** A RangeRequest: key = 1, range_end = 2, serializable = 7. */
export function rangeRequest(key: Uint8Array, rangeEnd?: Uint8Array): Buffer {
  return Buffer.concat([
    bytesField(1, key),
    rangeEnd === undefined ? Buffer.alloc(0) : bytesField(2, rangeEnd),
  ]);
}

/** A DeleteRangeRequest: key = 1. */
export function deleteRequest(key: Uint8Array): Buffer {
  return bytesField(1, key);
}

/** A CompactionRequest: revision = 1. */
export function compactRequest(revision: number): Buffer {
  return Buffer.concat([Buffer.from([8]), varint(revision)]);
}

/** A TxnRequest without compares: success = 2, whose request_put = 2. */
export function txnOfPuts(keys: readonly Uint8Array[], value: Uint8Array): Buffer {
  return Buffer.concat(keys.map((key) => bytesField(2, bytesField(2, putRequest(key, value)))));
}

/** A WatchRequest with create_request = 1: key = 1, range_end = 2, start_revision = 3. */
export function watchCreateRequest(
  key: Uint8Array,
  rangeEnd: Uint8Array,
  startRevision: number,
): Buffer {
  const create = Buffer.concat([
    bytesField(1, key),
    bytesField(2, rangeEnd),
    Buffer.from([3 * 8]),
    varint(startRevision),
  ]);
  return bytesField(1, create);
}

function bytesField(field: number, bytes: Uint8Array): Buffer {
  if (bytes.length === 0) return Buffer.alloc(0);
  return Buffer.concat([Buffer.from([field * 8 + 2]), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** Walks the fields of a message: `next()` until false, then `field`, `value` or `start..end`. */
export class FieldWalker {
  field = 0;
  /** The value of a varint field. */
  value = 0;
  /** Where the content of a length-delimited field lies. */
  start = 0;
  end = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #limit = 0;

  over(bytes: Buffer, start = 0, end: number = bytes.length): this {
    this.#bytes = bytes;
    this.#at = start;
    this.#limit = end;
    return this;
  }

  next(): boolean {
    if (this.#at >= this.#limit) return false;
    const tag = this.#varint();
    this.field = tag >>> 3;
    const value = this.#varint();
    if ((tag & 7) === 0) {
      this.value = value;
      return true;
    }
    if ((tag & 7) !== 2) throw new Error(`wire type ${tag & 7} is in none of these messages`);
    this.start = this.#at;
    this.end = this.#at + value;
    if (this.end > this.#limit) throw new Error("a message ends too early");
    this.#at = this.end;
    return true;
  }

  #varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new Error("a message ends too early");
      value += (byte & 0x7f) * scale;
      if (byte < 128) return value;
    }
  }
}

const outer = new FieldWalker();
const inner = new FieldWalker();
const innermost = new FieldWalker();

/** The revision in the header (field 1, revision = 3) of any response; 0 when there is none. */
export function headerRevision(response: Buffer): number {
  outer.over(response);
  while (outer.next()) {
    if (outer.field !== 1) continue;
    inner.over(response, outer.start, outer.end);
    while (inner.next()) if (inner.field === 3) return inner.value;
    return 0;
  }
  return 0;
}

/** Told what stands in a WatchResponse, events last and in order. */
export interface WatchVisitor {
  response(head: { readonly created: boolean; readonly canceled: boolean; revision: number }): void;
  /** One event; the ranges lie in `bytes`. `revision` is mod_revision. */
  event(event: WatchEventView): void;
}

/** Filled anew for each event. */
export class WatchEventView {
  bytes: Buffer = Buffer.alloc(0);
  isDelete = false;
  revision = 0;
  createRevision = 0;
  version = 0;
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;
}

const view = new WatchEventView();

export function visitWatchResponse(bytes: Buffer, visitor: WatchVisitor): void {
  const head = { created: false, canceled: false, revision: headerRevision(bytes) };
  outer.over(bytes);
  while (outer.next()) {
    if (outer.field === 3) head.created = outer.value !== 0;
    if (outer.field === 4) head.canceled = outer.value !== 0;
  }
  visitor.response(head);
  outer.over(bytes);
  while (outer.next()) {
    if (outer.field !== 11) continue;
    readEvent(bytes, outer.start, outer.end);
    visitor.event(view);
  }
}

/** Every KeyValue of a RangeResponse (kvs = 2), as an event that is a put. */
export function visitKeyValues(bytes: Buffer, visit: (keyValue: WatchEventView) => void): void {
  view.bytes = bytes;
  view.isDelete = false;
  outer.over(bytes);
  while (outer.next()) {
    if (outer.field !== 2) continue;
    readKeyValue(bytes, outer.start, outer.end);
    visit(view);
  }
}

function readEvent(bytes: Buffer, start: number, end: number): void {
  view.bytes = bytes;
  view.isDelete = false;
  inner.over(bytes, start, end);
  while (inner.next()) {
    if (inner.field === 1) view.isDelete = inner.value === 1;
    if (inner.field === 2) readKeyValue(bytes, inner.start, inner.end);
  }
}

function readKeyValue(bytes: Buffer, start: number, end: number): void {
  view.createRevision = 0;
  view.version = 0;
  view.valueStart = view.valueEnd = end;
  innermost.over(bytes, start, end);
  while (innermost.next()) {
    switch (innermost.field) {
      case 1:
        view.keyStart = innermost.start;
        view.keyEnd = innermost.end;
        break;
      case 2:
        view.createRevision = innermost.value;
        break;
      case 3:
        view.revision = innermost.value;
        break;
      case 4:
        view.version = innermost.value;
        break;
      case 5:
        view.valueStart = innermost.start;
        view.valueEnd = innermost.end;
        break;
      default:
    }
  }
}
