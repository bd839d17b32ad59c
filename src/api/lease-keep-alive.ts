import { assert } from "../base/assert.ts";
import { GrpcCode } from "../base/errors.ts";
import type { ResponseHeaderWriter } from "../base/response-header.ts";
import { WireWriter } from "../base/wire.ts";
import type { LeaseRunner } from "../replica/lease-runner.ts";
import type { Replica } from "../replica/replica.ts";
import type { StreamCall, StreamHandler } from "./call.ts";
import type { Histogram } from "./histogram.ts";
import { decodeLeaseKeepAliveRequest } from "./proto/decode-requests.ts";
import { undecodableText } from "./unary.ts";

export interface KeepAliveOptions {
  readonly replica: Replica;
  readonly runner: Pick<LeaseRunner, "renew">;
  readonly header: ResponseHeaderWriter;
  readonly ttls: Histogram;
}

/** Requests that a stream reads ahead of the one that waits for its answer. */
const REQUESTS_AHEAD_MAX = 64;
const ID_FIELD = 2;
const TTL_FIELD = 3;
const RESPONSE_BYTES = 128;

/**
 * One LeaseKeepAlive stream: an answer for each request, in their order (L7). An unknown lease is
 * TTL 0 and no error. A request that has to wait, for a revoke that is due, holds up those behind
 * it; the client may close its side meanwhile and still gets all answers (L8).
 */
export class KeepAliveStream implements StreamHandler {
  readonly #call: StreamCall;
  readonly #options: KeepAliveOptions;
  readonly #writer = new WireWriter(RESPONSE_BYTES);
  readonly #renewed = (ttlSeconds: number): void => this.#answer(ttlSeconds);
  /** Leases to renew; the first one is under way while `#isRenewing`. */
  #ids: bigint[] = [];
  #isRenewing = false;
  #isPumping = false;
  /** The store's revision when the present renewal began. */
  #revision = 0;
  #isPaused = false;
  #isHalfClosed = false;
  #hasEnded = false;

  constructor(call: StreamCall, options: KeepAliveOptions) {
    this.#call = call;
    this.#options = options;
  }

  message(bytes: Uint8Array): void {
    if (this.#hasEnded) return;
    let id: bigint;
    try {
      id = decodeLeaseKeepAliveRequest(bytes).ID;
    } catch (error) {
      this.#end(GrpcCode.internal, undecodableText(error));
      return;
    }
    this.#ids.push(id);
    this.#pump();
    this.#pauseOrResume();
  }

  halfClosed(): void {
    this.#isHalfClosed = true;
    this.#pump();
  }

  cancelled(): void {
    this.#hasEnded = true;
  }

  drained(): void {
    this.#pauseOrResume();
  }

  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (!this.#hasEnded && !this.#isRenewing) {
      const id = this.#ids[0];
      if (id === undefined) break;
      this.#isRenewing = true;
      this.#revision = this.#options.replica.view.revision;
      this.#options.runner.renew(id, this.#renewed);
    }
    this.#isPumping = false;
    const isThrough = this.#ids.length === 0;
    if (isThrough && this.#isHalfClosed && !this.#hasEnded) this.#end(GrpcCode.ok, "");
  }

  #answer(ttlSeconds: number): void {
    if (this.#hasEnded) return;
    const id = this.#ids.shift();
    assert(id !== undefined, "a renewal was under way");
    this.#isRenewing = false;
    if (ttlSeconds > 0) this.#options.ttls.observe(ttlSeconds);
    const { header } = this.#options;
    const writer = this.#writer;
    writer.reset();
    const size = header.size(this.#revision);
    header.write(writer.reserve(size), 0, this.#revision);
    writer.advance(size);
    writer.int64Field(ID_FIELD, id);
    writer.intField(TTL_FIELD, ttlSeconds);
    this.#call.send(writer.bytes());
    this.#pump();
    this.#pauseOrResume();
  }

  #pauseOrResume(): void {
    if (this.#hasEnded) return;
    const mustPause = !this.#call.writable || this.#ids.length >= REQUESTS_AHEAD_MAX;
    if (mustPause === this.#isPaused) return;
    this.#isPaused = mustPause;
    this.#call.pauseRequests(mustPause);
  }

  #end(code: GrpcCode, text: string): void {
    this.#hasEnded = true;
    this.#call.end(code, text);
  }
}
