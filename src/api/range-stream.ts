import { assert } from "../base/assert.ts";
import { EtcdError, GrpcCode } from "../base/errors.ts";
import { copyRange, type KeyRange } from "../base/key-range.ts";
import type { Revision } from "../base/revision.ts";
import { WireWriter } from "../base/wire.ts";
import type { RangeQuery } from "../machine/command.ts";
import type { Outcome, RangeResult } from "../machine/result.ts";
import { keyOf } from "../mvcc/key-value.ts";
import type { Replica } from "../replica/replica.ts";
import type { StreamCall, StreamHandler } from "./call.ts";
import { parseRange } from "./parse.ts";
import { decodeRangeRequest } from "./proto/decode-requests.ts";
import type { RangeRequest } from "./proto/messages-key-value.ts";
import type { ResponseHeaderWriter } from "../base/response-header.ts";
import { writeRangeResponse } from "./proto/write-responses.ts";
import { NO_REQUEST, undecodableText } from "./unary.ts";

/** Key-values in the first chunk; the next ones are fitted to the bytes that came out (K19). */
const FIRST_CHUNK_KEYS = 10;
/** The fields of RangeStreamResponse and RangeResponse that are written here by hand. */
const RANGE_RESPONSE_FIELD = 1;
const KVS_FIELD = 2;

export interface RangeStreamOptions {
  readonly replica: Replica;
  readonly header: ResponseHeaderWriter;
  /** A chunk aims at a size between half of this and twice this. */
  readonly chunkBytes: number;
}

/** A stream under way. */
interface Progress {
  /** The revision to read at is settled with the first chunk. */
  query: RangeQuery;
  readonly rangeEnd: Uint8Array | undefined;
  /** What is left of the range. */
  rest: KeyRange;
  /** What is left of the client's limit; infinite without one. */
  wanted: number;
  chunkKeys: number;
  /** From the first chunk: all keys in the range, and the revision for the header. */
  count: number;
  revision: Revision | undefined;
}

/**
 * One RangeStream call (K19): the answer of a Range in chunks that follow each other in key order,
 * all read at one revision. Header, count and `more` come with the last. It reads the next chunk
 * when the client has taken the one before, so it holds no more than one; a compaction may overtake
 * it, and ends it with "compacted".
 */
export class RangeStream implements StreamHandler {
  readonly #call: StreamCall;
  readonly #options: RangeStreamOptions;
  readonly #body = new WireWriter();
  readonly #message = new WireWriter();
  #progress: Progress | undefined;
  #ended = false;

  constructor(call: StreamCall, options: RangeStreamOptions) {
    this.#call = call;
    this.#options = options;
  }

  message(bytes: Uint8Array): void {
    if (this.#ended || this.#progress !== undefined) return;
    let request: RangeRequest;
    try {
      request = decodeRangeRequest(bytes);
    } catch (error) {
      this.#end(GrpcCode.internal, undecodableText(error));
      return;
    }
    const query = parseRange(request);
    if (query instanceof EtcdError) {
      this.#end(query.code, query.message);
      return;
    }
    const refusal = refusedQuery(query);
    if (refusal !== undefined) {
      this.#end(GrpcCode.unimplemented, refusal);
      return;
    }
    this.#progress = begin(query);
    this.#sendChunks();
  }

  halfClosed(): void {
    if (this.#ended || this.#progress !== undefined) return;
    this.#end(GrpcCode.internal, NO_REQUEST);
  }

  cancelled(): void {
    this.#ended = true;
  }

  drained(): void {
    if (!this.#ended) this.#sendChunks();
  }

  #sendChunks(): void {
    const progress = this.#progress;
    if (progress === undefined) return;
    do {
      const chunk = this.#read(progress);
      if (chunk instanceof EtcdError) {
        this.#end(chunk.code, chunk.message);
        return;
      }
      this.#send(progress, chunk);
    } while (!this.#ended && this.#call.writable);
  }

  #read(progress: Progress): Outcome<RangeResult> {
    const { query, rest, wanted, chunkKeys } = progress;
    const isFirst = progress.revision === undefined;
    const limit = Math.min(chunkKeys, wanted);
    const chunk = this.#options.replica.read({ ...query, range: rest, limit, withCount: isFirst });
    if (isFirst && !(chunk instanceof EtcdError)) {
      progress.count = chunk.count;
      progress.revision = chunk.revision;
      if (query.revision <= 0) progress.query = { ...query, revision: chunk.revision };
    }
    return chunk;
  }

  #send(progress: Progress, chunk: RangeResult): void {
    progress.wanted -= chunk.keyValues.length;
    const isLast = !chunk.more || progress.wanted === 0;
    const body = this.#body;
    body.reset();
    if (isLast) {
      const { revision, count } = progress;
      assert(revision !== undefined, "the first chunk has been read");
      writeRangeResponse(body, this.#options.header, { ...chunk, revision, count });
    } else {
      for (const keyValue of chunk.keyValues) body.bytesField(KVS_FIELD, keyValue);
    }
    const message = this.#message;
    message.reset();
    message.messageField(RANGE_RESPONSE_FIELD, body.length);
    message.raw(body.bytes());
    this.#call.send(message.bytes());
    if (isLast) this.#end(GrpcCode.ok, "");
    else this.#advance(progress, chunk, body.length);
  }

  #advance(progress: Progress, chunk: RangeResult, chunkBytes: number): void {
    const last = chunk.keyValues[chunk.keyValues.length - 1];
    assert(last !== undefined, "a chunk that is not the last has a key");
    const key = keyOf(last);
    // The next key after this one: itself and a zero byte.
    const start = new Uint8Array(key.length + 1);
    start.set(key);
    const end = progress.rangeEnd;
    progress.rest = end === undefined ? { kind: "from", start } : { kind: "range", start, end };
    const { chunkBytes: target } = this.#options;
    if (chunkBytes < target / 2) progress.chunkKeys *= 2;
    else if (chunkBytes > target * 2) progress.chunkKeys = Math.ceil(progress.chunkKeys / 2);
  }

  #end(code: GrpcCode, text: string): void {
    this.#ended = true;
    this.#call.end(code, text);
  }
}

/** Why a query cannot be answered in chunks, in etcd's words. */
function refusedQuery(query: RangeQuery): string | undefined {
  const isByKey = query.order === "none" || (query.order === "ascend" && query.target === "key");
  if (!isByKey) return "RangeStream does not support custom sort orders";
  const hasBounds =
    query.minModRevision !== 0 ||
    query.maxModRevision !== 0 ||
    query.minCreateRevision !== 0 ||
    query.maxCreateRevision !== 0;
  return hasBounds ? "RangeStream does not support revision filters" : undefined;
}

/** The stream outlives the message, so it keeps copies of the message's bytes. */
function begin(query: RangeQuery): Progress {
  const range = copyRange(query.range);
  return {
    query: { ...query, range, order: "none", target: "key" },
    rangeEnd: range.kind === "range" ? range.end : undefined,
    rest: range,
    wanted: query.limit > 0 ? query.limit : Number.POSITIVE_INFINITY,
    chunkKeys: FIRST_CHUNK_KEYS,
    count: 0,
    revision: undefined,
  };
}
