import { EMPTY_BYTES } from "../../base/bytes.ts";
import { WireReader } from "../../base/wire.ts";
import type {
  Compare,
  DeleteRangeRequest,
  LeaseKeepAliveRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
  WatchCancelRequest,
  WatchCreateRequest,
  WatchProgressRequest,
  WatchRequest,
} from "./messages-key-value.ts";

/**
 * The requests of the hot path, decoded by hand: equal to what the schema's codec makes of them,
 * in a third of its time. Bytes are borrowed from the message. Every function throws WireError for
 * bytes that are no such message, and nothing else.
 *
 * The cases are tags: field number * 8 + wire type (0 varint, 2 length-delimited).
 */

/** A message while it is read: protobuf lets the same field come again, and the last one wins. */
type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export function decodePutRequest(bytes: Uint8Array): PutRequest {
  return readPut(new WireReader(bytes), newPut());
}

export function decodeRangeRequest(bytes: Uint8Array): RangeRequest {
  return readRange(new WireReader(bytes), newRange());
}

export function decodeDeleteRangeRequest(bytes: Uint8Array): DeleteRangeRequest {
  return readDeleteRange(new WireReader(bytes), newDeleteRange());
}

export function decodeTxnRequest(bytes: Uint8Array): TxnRequest {
  return readTxn(new WireReader(bytes), newTxn());
}

export function decodeWatchRequest(bytes: Uint8Array): WatchRequest {
  const reader = new WireReader(bytes);
  const request: Mutable<WatchRequest> = { requestUnion: undefined };
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 10 || tag === 18 || tag === 26) {
      const outerEnd = reader.enter();
      request.requestUnion = readWatchUnion(reader, tag, request.requestUnion);
      reader.leave(outerEnd);
    } else {
      reader.skip(tag);
    }
  }
  return request;
}

export function decodeLeaseKeepAliveRequest(bytes: Uint8Array): LeaseKeepAliveRequest {
  const reader = new WireReader(bytes);
  let id = 0n;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 8) id = reader.bigint64();
    else reader.skip(tag);
  }
  return { ID: id };
}

function newPut(): Mutable<PutRequest> {
  return {
    key: EMPTY_BYTES,
    value: EMPTY_BYTES,
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  };
}

function readPut(reader: WireReader, request: Mutable<PutRequest>): Mutable<PutRequest> {
  while (!reader.done) {
    const tag = reader.tag();
    switch (tag) {
      case 10:
        request.key = reader.bytes();
        break;
      case 18:
        request.value = reader.bytes();
        break;
      case 24:
        request.lease = reader.bigint64();
        break;
      case 32:
        request.prevKv = reader.bool();
        break;
      case 40:
        request.ignoreValue = reader.bool();
        break;
      case 48:
        request.ignoreLease = reader.bool();
        break;
      default:
        reader.skip(tag);
    }
  }
  return request;
}

function newRange(): Mutable<RangeRequest> {
  return {
    key: EMPTY_BYTES,
    rangeEnd: EMPTY_BYTES,
    limit: 0,
    revision: 0,
    sortOrder: 0,
    sortTarget: 0,
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  };
}

function readRange(reader: WireReader, request: Mutable<RangeRequest>): Mutable<RangeRequest> {
  while (!reader.done) {
    const tag = reader.tag();
    switch (tag) {
      case 10:
        request.key = reader.bytes();
        break;
      case 18:
        request.rangeEnd = reader.bytes();
        break;
      case 24:
        request.limit = reader.int64();
        break;
      case 32:
        request.revision = reader.int64();
        break;
      case 40:
        request.sortOrder = reader.int32();
        break;
      case 48:
        request.sortTarget = reader.int32();
        break;
      case 56:
        request.serializable = reader.bool();
        break;
      case 64:
        request.keysOnly = reader.bool();
        break;
      case 72:
        request.countOnly = reader.bool();
        break;
      case 80:
        request.minModRevision = reader.int64();
        break;
      case 88:
        request.maxModRevision = reader.int64();
        break;
      case 96:
        request.minCreateRevision = reader.int64();
        break;
      case 104:
        request.maxCreateRevision = reader.int64();
        break;
      default:
        reader.skip(tag);
    }
  }
  return request;
}

function newDeleteRange(): Mutable<DeleteRangeRequest> {
  return { key: EMPTY_BYTES, rangeEnd: EMPTY_BYTES, prevKv: false };
}

function readDeleteRange(
  reader: WireReader,
  request: Mutable<DeleteRangeRequest>,
): Mutable<DeleteRangeRequest> {
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 10) request.key = reader.bytes();
    else if (tag === 18) request.rangeEnd = reader.bytes();
    else if (tag === 24) request.prevKv = reader.bool();
    else reader.skip(tag);
  }
  return request;
}

/** A txn whose lists grow while it is read, also when it comes in several pieces. */
interface TxnDraft extends TxnRequest {
  readonly compare: Compare[];
  readonly success: RequestOp[];
  readonly failure: RequestOp[];
}

function newTxn(): TxnDraft {
  return { compare: [], success: [], failure: [] };
}

function readTxn(reader: WireReader, request: TxnDraft): TxnDraft {
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 10) {
      const outerEnd = reader.enter();
      request.compare.push(readCompare(reader));
      reader.leave(outerEnd);
    } else if (tag === 18 || tag === 26) {
      const outerEnd = reader.enter();
      (tag === 18 ? request.success : request.failure).push(readRequestOp(reader));
      reader.leave(outerEnd);
    } else {
      reader.skip(tag);
    }
  }
  return request;
}

function readCompare(reader: WireReader): Compare {
  const compare: Mutable<Compare> = {
    result: 0,
    target: 0,
    key: EMPTY_BYTES,
    targetUnion: undefined,
    rangeEnd: EMPTY_BYTES,
  };
  while (!reader.done) {
    const tag = reader.tag();
    switch (tag) {
      case 8:
        compare.result = reader.int32();
        break;
      case 16:
        compare.target = reader.int32();
        break;
      case 26:
        compare.key = reader.bytes();
        break;
      case 32:
        compare.targetUnion = { kind: "version", value: reader.int64() };
        break;
      case 40:
        compare.targetUnion = { kind: "createRevision", value: reader.int64() };
        break;
      case 48:
        compare.targetUnion = { kind: "modRevision", value: reader.int64() };
        break;
      case 58:
        compare.targetUnion = { kind: "value", value: reader.bytes() };
        break;
      case 64:
        compare.targetUnion = { kind: "lease", value: reader.bigint64() };
        break;
      case 514:
        compare.rangeEnd = reader.bytes();
        break;
      default:
        reader.skip(tag);
    }
  }
  return compare;
}

/** The op's members while they are read: again the same one is merged, another one replaces it. */
type OpDraft =
  | { readonly kind: "requestRange"; readonly value: Mutable<RangeRequest> }
  | { readonly kind: "requestPut"; readonly value: Mutable<PutRequest> }
  | { readonly kind: "requestDeleteRange"; readonly value: Mutable<DeleteRangeRequest> }
  | { readonly kind: "requestTxn"; readonly value: TxnDraft };

function readRequestOp(reader: WireReader): RequestOp {
  let request: OpDraft | undefined;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 10 || tag === 18 || tag === 26 || tag === 34) {
      const outerEnd = reader.enter();
      request = readOpMember(reader, tag, request);
      reader.leave(outerEnd);
    } else {
      reader.skip(tag);
    }
  }
  return { request };
}

function readOpMember(
  reader: WireReader,
  tag: 10 | 18 | 26 | 34,
  present: OpDraft | undefined,
): OpDraft {
  switch (tag) {
    case 10: {
      const previous = present?.kind === "requestRange" ? present.value : newRange();
      return { kind: "requestRange", value: readRange(reader, previous) };
    }
    case 18: {
      const previous = present?.kind === "requestPut" ? present.value : newPut();
      return { kind: "requestPut", value: readPut(reader, previous) };
    }
    case 26: {
      const previous = present?.kind === "requestDeleteRange" ? present.value : newDeleteRange();
      return { kind: "requestDeleteRange", value: readDeleteRange(reader, previous) };
    }
    case 34: {
      const previous = present?.kind === "requestTxn" ? present.value : newTxn();
      return { kind: "requestTxn", value: readTxn(reader, previous) };
    }
  }
}

function readWatchUnion(
  reader: WireReader,
  tag: 10 | 18 | 26,
  present: WatchRequest["requestUnion"],
): WatchRequest["requestUnion"] {
  switch (tag) {
    case 10: {
      const previous = present?.kind === "createRequest" ? present.value : undefined;
      return { kind: "createRequest", value: readWatchCreate(reader, previous) };
    }
    case 18: {
      const previous = present?.kind === "cancelRequest" ? present.value : undefined;
      return { kind: "cancelRequest", value: readWatchCancel(reader, previous) };
    }
    case 26:
      return { kind: "progressRequest", value: readWatchProgress(reader) };
  }
}

function readWatchCreate(
  reader: WireReader,
  previous: WatchCreateRequest | undefined,
): WatchCreateRequest {
  const filters: number[] = previous === undefined ? [] : [...previous.filters];
  const request: Mutable<WatchCreateRequest> = {
    key: previous?.key ?? EMPTY_BYTES,
    rangeEnd: previous?.rangeEnd ?? EMPTY_BYTES,
    startRevision: previous?.startRevision ?? 0,
    progressNotify: previous?.progressNotify ?? false,
    filters,
    prevKv: previous?.prevKv ?? false,
    watchId: previous?.watchId ?? 0n,
    fragment: previous?.fragment ?? false,
  };
  while (!reader.done) {
    const tag = reader.tag();
    switch (tag) {
      case 10:
        request.key = reader.bytes();
        break;
      case 18:
        request.rangeEnd = reader.bytes();
        break;
      case 24:
        request.startRevision = reader.int64();
        break;
      case 32:
        request.progressNotify = reader.bool();
        break;
      case 40:
        filters.push(reader.int32());
        break;
      case 42: {
        const outerEnd = reader.enter();
        while (!reader.done) filters.push(reader.int32());
        reader.leave(outerEnd);
        break;
      }
      case 48:
        request.prevKv = reader.bool();
        break;
      case 56:
        request.watchId = reader.bigint64();
        break;
      case 64:
        request.fragment = reader.bool();
        break;
      default:
        reader.skip(tag);
    }
  }
  return request;
}

function readWatchCancel(
  reader: WireReader,
  previous: WatchCancelRequest | undefined,
): WatchCancelRequest {
  let watchId = previous?.watchId ?? 0n;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 8) watchId = reader.bigint64();
    else reader.skip(tag);
  }
  return { watchId };
}

function readWatchProgress(reader: WireReader): WatchProgressRequest {
  while (!reader.done) reader.skip(reader.tag());
  return {};
}
