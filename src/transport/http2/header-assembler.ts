import { hashBytes } from "../../base/bytes.ts";
import { ConnectionError, ErrorCode } from "./frames.ts";
import { type HeaderFields, HpackDecoder } from "./hpack-decoder.ts";
import {
  CONTINUATION_FRAMES_MAX,
  HEADER_BLOCK_BYTES_MAX,
  HEADER_CACHE_BLOCK_BYTES_MAX,
  HEADER_CACHE_ENTRIES_MAX,
} from "./limits.ts";
import { type MalformedHead, parseRequestHead, type RequestHead } from "./request-head.ts";

interface CachedHead {
  readonly block: Buffer;
  readonly head: RequestHead;
}

/** What a header block is as a request. */
export type DecodedHead = RequestHead | MalformedHead | "too-large";

/**
 * Turns header blocks into request heads: joins the fragments of HEADERS and CONTINUATION, decodes,
 * checks, and remembers whole blocks. A client sends nearly every request with a block that was
 * seen before and changes nothing; such a block costs one hash and one comparison.
 */
export class HeaderAssembler {
  readonly #decoder: HpackDecoder = new HpackDecoder();
  readonly #cache: Map<number, CachedHead> = new Map();
  readonly #seed: number;
  #fragments: Buffer[] = [];
  #fragmentBytes = 0;

  /** `seed` is a chance number: nobody can aim blocks at one place of the cache. */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Whether a block was begun and its END_HEADERS has not come. */
  get isOpen(): boolean {
    return this.#fragments.length > 0;
  }

  /** Keeps one fragment of a block that goes on in another frame. */
  add(bytes: Buffer, start: number, end: number): void {
    this.#fragmentBytes += end - start;
    if (this.#fragmentBytes > HEADER_BLOCK_BYTES_MAX) {
      throw new ConnectionError(ErrorCode.enhanceYourCalm, "header block too large");
    }
    if (this.#fragments.length > CONTINUATION_FRAMES_MAX) {
      throw new ConnectionError(ErrorCode.enhanceYourCalm, "too many CONTINUATION frames");
    }
    this.#fragments.push(Buffer.from(bytes.subarray(start, end)));
  }

  /** Ends a block that was begun with `add`; the joined bytes belong to the caller. */
  join(): Buffer {
    const block = Buffer.concat(this.#fragments);
    this.#fragments = [];
    this.#fragmentBytes = 0;
    return block;
  }

  /** Decodes a whole block as a request. Must be called for every block, in order of arrival. */
  request(bytes: Buffer, start: number, end: number): DecodedHead {
    const isCacheable = end - start <= HEADER_CACHE_BLOCK_BYTES_MAX;
    const hash = isCacheable ? hashBytes(bytes.subarray(start, end), this.#seed) : 0;
    if (isCacheable) {
      const known = this.#cache.get(hash);
      if (known !== undefined && isSame(known.block, bytes, start, end)) return known.head;
    }
    const version = this.#decoder.version;
    const fields = this.#decoder.decode(bytes, start, end);
    if (version !== this.#decoder.version) this.#cache.clear();
    if (fields.isTooLarge) return "too-large";
    const head = parseRequestHead(fields);
    if (isCacheable && version === this.#decoder.version && !("malformed" in head)) {
      if (this.#cache.size >= HEADER_CACHE_ENTRIES_MAX) this.#cache.clear();
      this.#cache.set(hash, { block: Buffer.from(bytes.subarray(start, end)), head });
    }
    return head;
  }

  /** Decodes a whole block as plain fields: trailers, or a block whose stream is gone. */
  fields(bytes: Buffer, start: number, end: number): HeaderFields {
    const version = this.#decoder.version;
    const fields = this.#decoder.decode(bytes, start, end);
    if (version !== this.#decoder.version) this.#cache.clear();
    return fields;
  }
}

function isSame(block: Buffer, bytes: Buffer, start: number, end: number): boolean {
  const length = end - start;
  if (block.length !== length) return false;
  for (let i = 0; i < length; i++) {
    if (block[i] !== bytes[start + i]) return false;
  }
  return true;
}
