import { FastConnection } from "../test/support/fast-client.ts";
import { putRequest, txnOfPuts } from "../test/support/fast-messages.ts";
import { type Interest, writtenKey } from "./keys.ts";
import { type Percentiles, percentiles } from "./latencies.ts";
import { monotonicMs, writeStamp } from "./stamp.ts";

export interface WritersOptions {
  readonly port: number;
  readonly connections: number;
  readonly writers: number;
  readonly interest: Interest;
  /** Of the sink, which decides where puts go. */
  readonly watchers: number;
  /** 1 = each is a call of its own; else they come in transactions of so many. */
  readonly putsPerCall: number;
}

/** When to stop: the first of these that comes true. */
export interface Stint {
  readonly putsMax: number;
  readonly durationMs: number;
  /** Over all writers; 0 = each writes as soon as its last put is answered. */
  readonly putsPerSecond: number;
}

/** What was written in one stint. */
export interface Written {
  readonly puts: number;
  readonly beganMs: number;
  readonly elapsedMs: number;
  readonly latency: Percentiles;
}

const PUT_PATH = "/etcdserverpb.KV/Put";
const TXN_PATH = "/etcdserverpb.KV/Txn";
/** The first eight are the time when it was sent. */
const VALUE: Buffer = Buffer.alloc(256, "v");
/** In the request of a put, the key stands behind its tag and length. */
const KEY_AT = 2;

/** Callers that put values of 256 bytes, each waiting for its answer before its next call. */
export class Writers {
  readonly #options: WritersOptions;
  readonly #connections: readonly FastConnection[];
  /** One a writer, with the keys and the stamps of its last call. */
  readonly #requests: readonly Buffer[];
  /** Of each put in a request: its bytes, and where its key stands in them. */
  readonly #putBytes: number;
  readonly #keyAt: number;
  #puts = 0;
  #isStopped = false;

  private constructor(options: WritersOptions, connections: readonly FastConnection[]) {
    this.#options = options;
    this.#connections = connections;
    const key = Buffer.from(writtenKey(options.interest, 0, options.watchers));
    const put = putRequest(key, VALUE);
    const { putsPerCall } = options;
    const keys = Array.from({ length: putsPerCall }, () => key);
    const request = putsPerCall === 1 ? put : txnOfPuts(keys, VALUE);
    this.#requests = Array.from({ length: options.writers }, () => Buffer.from(request));
    this.#putBytes = request.length / putsPerCall;
    this.#keyAt = this.#putBytes - put.length + KEY_AT;
  }

  static async open(options: WritersOptions): Promise<Writers> {
    const { port, connections } = options;
    const opening = Array.from({ length: connections }, () => FastConnection.open(port));
    return new Writers(options, await Promise.all(opening));
  }

  /** Puts so far, of all stints. */
  get puts(): number {
    return this.#puts;
  }

  /** Ends the stint under way: puts that have been sent are waited for. */
  stop(): void {
    this.#isStopped = true;
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  /** @throws Error when a put fails. */
  write({ putsMax, durationMs, putsPerSecond }: Stint): Promise<Written> {
    const beganMs = monotonicMs();
    const latenciesMs: number[] = [];
    let puts = 0;
    let writing = this.#options.writers;
    this.#isStopped = false;
    const written = (): Written => ({
      puts,
      beganMs,
      elapsedMs: monotonicMs() - beganMs,
      latency: percentiles(latenciesMs),
    });
    return new Promise((resolve, reject) => {
      const next = (writer: number): void => {
        const elapsedMs = monotonicMs() - beganMs;
        if (this.#isStopped || puts >= putsMax || elapsedMs >= durationMs) {
          writing--;
          if (writing === 0) resolve(written());
          return;
        }
        const dueMs = putsPerSecond === 0 ? 0 : (puts * 1000) / putsPerSecond;
        puts += this.#options.putsPerCall;
        if (dueMs > elapsedMs) setTimeout(put, dueMs - elapsedMs, writer);
        else put(writer);
      };
      const put = (writer: number): void => {
        this.#call(writer, (error, latencyMs) => {
          if (error !== undefined) reject(error);
          latenciesMs.push(latencyMs);
          next(writer);
        });
      };
      for (let writer = 0; writer < this.#options.writers; writer++) next(writer);
    });
  }

  #call(writer: number, done: (error: Error | undefined, latencyMs: number) => void): void {
    const { interest, watchers, putsPerCall } = this.#options;
    const request = this.#requests[writer];
    const connection = this.#connections[writer % this.#connections.length];
    if (request === undefined || connection === undefined) throw new Error("no such writer");
    let sentMs = 0;
    for (let end = this.#putBytes; end <= request.length; end += this.#putBytes) {
      const key = writtenKey(interest, this.#puts++, watchers);
      request.write(key, end - this.#putBytes + this.#keyAt, "latin1");
      sentMs = writeStamp(request, end - VALUE.length);
    }
    connection.unary(putsPerCall === 1 ? PUT_PATH : TXN_PATH, request, (response, end) => {
      const error = response === undefined ? new Error(`put: ${end.text}`) : undefined;
      done(error, monotonicMs() - sentMs);
    });
  }
}
