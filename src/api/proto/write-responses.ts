import { assert, unreachable } from "../../base/assert.ts";
import { varintSize, type WireWriter, writeVarint, writeVarint64 } from "../../base/wire.ts";
import type {
  DeleteRangeResult,
  KeyValueBytes,
  OpResult,
  PutResult,
  RangeResult,
  TxnResult,
} from "../../machine/result.ts";
import {
  type ResponseHeaderWriter,
  revisionSize,
  writeRevision,
} from "../../base/response-header.ts";
import { SizePlan } from "./value-codec.ts";

/** A tag below 16 and a varint of 64 bits. */
const FIELD_BYTES_MAX = 11;

/**
 * The responses of the hot path, written from the machine's results straight into the writer:
 * measured first, then written once, key-values copied as they stand in the log.
 *
 * "Body" is a response without its header. Offsets are handed on: every `write...` function takes
 * the offset to write at and returns the one behind what it wrote.
 */
export function writePutResponse(
  writer: WireWriter,
  header: ResponseHeaderWriter,
  result: PutResult,
): void {
  const { revision } = result;
  const size = header.size(revision) + putBodySize(result);
  const target = writer.reserve(size);
  const start = writer.length;
  finish(writer, size, writePutBody(target, header.write(target, start, revision), result));
}

export function writeRangeResponse(
  writer: WireWriter,
  header: ResponseHeaderWriter,
  result: RangeResult,
): void {
  const { revision } = result;
  const size = header.size(revision) + rangeBodySize(result);
  const target = writer.reserve(size);
  const start = writer.length;
  finish(writer, size, writeRangeBody(target, header.write(target, start, revision), result));
}

export function writeDeleteRangeResponse(
  writer: WireWriter,
  header: ResponseHeaderWriter,
  result: DeleteRangeResult,
): void {
  const { revision } = result;
  const size = header.size(revision) + deleteBodySize(result);
  const target = writer.reserve(size);
  const start = writer.length;
  finish(writer, size, writeDeleteBody(target, header.write(target, start, revision), result));
}

/** Headers of the responses inside carry only a revision, that of a nested txn nothing (K5). */
export function writeTxnResponse(
  writer: WireWriter,
  header: ResponseHeaderWriter,
  result: TxnResult,
): void {
  const { revision } = result;
  const plan = new SizePlan();
  const size = header.size(revision) + txnBodySize(result, plan);
  const target = writer.reserve(size);
  const start = writer.length;
  const end = writeTxnBody(target, header.write(target, start, revision), result, plan);
  assert(plan.isUsedUp, "every measured response is written");
  finish(writer, size, end);
}

/** A response that is a header and nothing else: Compaction, LeaseRevoke, most of Auth. */
export function writeHeaderResponse(
  writer: WireWriter,
  header: ResponseHeaderWriter,
  revision: number,
): void {
  const size = header.size(revision);
  finish(writer, size, header.write(writer.reserve(size), writer.length, revision));
}

export interface LeaseKeepAlive {
  readonly revision: number;
  readonly id: bigint;
  /** 0: the lease is gone (L7). */
  readonly ttlSeconds: number;
}

export function writeLeaseKeepAliveResponse(
  writer: WireWriter,
  header: ResponseHeaderWriter,
  keepAlive: LeaseKeepAlive,
): void {
  const { revision, id, ttlSeconds } = keepAlive;
  assert(ttlSeconds >= 0, "a lease's time to live is not negative");
  const start = writer.length;
  // Room for the longest id and time, because measuring an id costs as much as writing it.
  const target = writer.reserve(header.size(revision) + 2 * FIELD_BYTES_MAX);
  let at = header.write(target, start, revision);
  if (id !== 0n) {
    target[at] = 16;
    at = writeVarint64(target, at + 1, id);
  }
  writer.advance(writeCount(target, at, 24, ttlSeconds) - start);
}

function finish(writer: WireWriter, size: number, end: number): void {
  assert(end - writer.length === size, "a response is as long as it was measured");
  writer.advance(size);
}

function putBodySize(result: PutResult): number {
  return result.previous === undefined ? 0 : bytesSize(result.previous);
}

function writePutBody(target: Uint8Array, at: number, result: PutResult): number {
  return result.previous === undefined ? at : writeBytes(target, at, 18, result.previous);
}

function rangeBodySize(result: RangeResult): number {
  return listSize(result.keyValues) + (result.more ? 2 : 0) + countSize(result.count);
}

function writeRangeBody(target: Uint8Array, offset: number, result: RangeResult): number {
  let at = writeList(target, offset, 18, result.keyValues);
  if (result.more) {
    target[at++] = 24;
    target[at++] = 1;
  }
  return writeCount(target, at, 32, result.count);
}

function deleteBodySize(result: DeleteRangeResult): number {
  return countSize(result.deleted) + listSize(result.previous);
}

function writeDeleteBody(target: Uint8Array, offset: number, result: DeleteRangeResult): number {
  return writeList(target, writeCount(target, offset, 16, result.deleted), 26, result.previous);
}

function txnBodySize(result: TxnResult, plan: SizePlan): number {
  let size = result.succeeded ? 2 : 0;
  for (const response of result.responses) {
    const place = plan.open();
    const responseSize = nestedSize(response, plan);
    plan.close(place, responseSize);
    size += embeddedSize(embeddedSize(responseSize));
  }
  return size;
}

function writeTxnBody(
  target: Uint8Array,
  offset: number,
  result: TxnResult,
  plan: SizePlan,
): number {
  let at = offset;
  if (result.succeeded) {
    target[at++] = 16;
    target[at++] = 1;
  }
  for (const response of result.responses) {
    const size = plan.take();
    target[at] = 26;
    at = writeVarint(target, at + 1, embeddedSize(size));
    target[at] = responseTag(response);
    at = writeVarint(target, at + 1, size);
    at = writeNested(target, at, response, plan);
  }
  return at;
}

/** The tag in ResponseOp of the union's member. */
function responseTag(response: OpResult): number {
  switch (response.kind) {
    case "range":
      return 10;
    case "put":
      return 18;
    case "delete-range":
      return 26;
    case "txn":
      return 34;
    default:
      return unreachable(response);
  }
}

function nestedSize(response: OpResult, plan: SizePlan): number {
  switch (response.kind) {
    case "range":
      return 2 + revisionSize(response.revision) + rangeBodySize(response);
    case "put":
      return 2 + revisionSize(response.revision) + putBodySize(response);
    case "delete-range":
      return 2 + revisionSize(response.revision) + deleteBodySize(response);
    case "txn":
      return 2 + txnBodySize(response, plan);
    default:
      return unreachable(response);
  }
}

function writeNested(
  target: Uint8Array,
  offset: number,
  response: OpResult,
  plan: SizePlan,
): number {
  const headerRevision = response.kind === "txn" ? 0 : response.revision;
  target[offset] = 10;
  target[offset + 1] = revisionSize(headerRevision);
  const at = writeRevision(target, offset + 2, headerRevision);
  switch (response.kind) {
    case "range":
      return writeRangeBody(target, at, response);
    case "put":
      return writePutBody(target, at, response);
    case "delete-range":
      return writeDeleteBody(target, at, response);
    case "txn":
      return writeTxnBody(target, at, response, plan);
    default:
      return unreachable(response);
  }
}

/** Bytes of a message inside another under a field below 16, with tag and length. */
function embeddedSize(size: number): number {
  return 1 + varintSize(size) + size;
}

function bytesSize(bytes: Uint8Array): number {
  return embeddedSize(bytes.length);
}

function writeBytes(target: Uint8Array, offset: number, tag: number, bytes: Uint8Array): number {
  target[offset] = tag;
  const at = writeVarint(target, offset + 1, bytes.length);
  target.set(bytes, at);
  return at + bytes.length;
}

function listSize(list: readonly KeyValueBytes[]): number {
  let size = 0;
  for (let i = 0; i < list.length; i++) size += bytesSize(list[i] as KeyValueBytes);
  return size;
}

function writeList(
  target: Uint8Array,
  offset: number,
  tag: number,
  list: readonly KeyValueBytes[],
): number {
  let at = offset;
  for (let i = 0; i < list.length; i++) {
    at = writeBytes(target, at, tag, list[i] as KeyValueBytes);
  }
  return at;
}

/** A non-negative number's field, left out when it is 0. */
function countSize(count: number): number {
  return count === 0 ? 0 : 1 + varintSize(count);
}

function writeCount(target: Uint8Array, offset: number, tag: number, count: number): number {
  if (count === 0) return offset;
  target[offset] = tag;
  return writeVarint(target, offset + 1, count);
}
