import { varintSize, writeVarint, WireWriter } from "./wire.ts";

/** What a header says of the member that answers (K5). */
export interface HeaderFields {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly raftTerm: bigint;
}

/** Two ids, a revision and a term of ten bytes each at most, with their tags. */
const HEADER_BYTES_MAX = 44;

/**
 * Writes the ResponseHeader that opens every response, as field 1 with its tag and length. All but
 * the revision is encoded once, here: a member makes a new one when its term changes.
 */
export class ResponseHeaderWriter {
  /** cluster_id and member_id. */
  readonly #before: Uint8Array;
  /** raft_term. */
  readonly #after: Uint8Array;

  constructor(fields: HeaderFields) {
    const writer = new WireWriter(HEADER_BYTES_MAX);
    writer.int64Field(1, fields.clusterId);
    writer.int64Field(2, fields.memberId);
    this.#before = writer.bytes().slice();
    writer.reset();
    writer.int64Field(4, fields.raftTerm);
    this.#after = writer.bytes().slice();
  }

  /** Bytes of the whole field. Revision 0 is left out, as every default is. */
  size(revision: number): number {
    return 2 + this.#before.length + revisionSize(revision) + this.#after.length;
  }

  /** Writes the field at `offset` and returns the offset behind it. */
  write(target: Uint8Array, offset: number, revision: number): number {
    const before = this.#before;
    const after = this.#after;
    target[offset] = 10;
    // Never above HEADER_BYTES_MAX, so the length is always one byte.
    target[offset + 1] = before.length + revisionSize(revision) + after.length;
    target.set(before, offset + 2);
    const at = writeRevision(target, offset + 2 + before.length, revision);
    target.set(after, at);
    return at + after.length;
  }
}

/** Bytes of a header's revision field. */
export function revisionSize(revision: number): number {
  return revision === 0 ? 0 : 1 + varintSize(revision);
}

/** Writes a header's revision field at `offset` and returns the offset behind it. */
export function writeRevision(target: Uint8Array, offset: number, revision: number): number {
  if (revision === 0) return offset;
  target[offset] = 24;
  return writeVarint(target, offset + 1, revision);
}
