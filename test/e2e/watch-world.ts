import { SeededRandom } from "../support/random.ts";
import { RpcClient, type WatchStream } from "../support/rpc-client.ts";
import type { TestServer } from "../support/servers.ts";
import { HistoryRecorder } from "../support/watch-truth.ts";
import type { WatchHistory } from "../support/watch-validator.ts";
import type { Message } from "../support/wire-codec.ts";

const KEYS = Array.from({ length: 12 }, (_, i) => `k${String.fromCharCode(97 + i)}`);
const BURST_MAX = 24;
/** Smaller than etcd's default, so that large values need not be that large. */
export const MAX_REQUEST_BYTES = 600_000;
/** Two of these and the two before them are above MAX_REQUEST_BYTES + 512 KiB (W60). */
const LARGE_BYTES = 290_000;

interface StreamRecord {
  readonly stream: WatchStream;
  /** The id that the server chooses next. */
  nextId: number;
}

/** What a watch is asked for, its id apart: the server chooses that. */
interface CreateRequest {
  readonly key: string;
  readonly rangeEnd: string;
  readonly startRevision: number;
  readonly prevKv: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  readonly fragment: boolean;
}

/**
 * Random writes, and random watchers on several streams, against one server. The true history comes
 * from the answers to the writes alone, never from a watch.
 */
export class WatchWorld {
  readonly #random: SeededRandom;
  readonly #writer: RpcClient;
  readonly #clients: RpcClient[];
  readonly #records: StreamRecord[];
  readonly #recorder = new HistoryRecorder();
  readonly #isStrict: boolean;
  #revision = 1;
  #compacted = 0;
  #values = 0;

  constructor(server: TestServer, seed: number, streams: number) {
    this.#random = new SeededRandom(seed);
    this.#isStrict = server.kind === "vedette";
    this.#writer = new RpcClient(server.endpoint);
    // Every stream has a connection of its own, so that one can stand still without the others.
    this.#clients = Array.from({ length: streams }, () => new RpcClient(server.endpoint));
    this.#records = this.#clients.map((client) => ({
      stream: client.openWatch(),
      nextId: 0,
    }));
  }

  /** What each stream asked for and received, with the truth to judge it by. */
  get histories(): WatchHistory[] {
    const { truth } = this.#recorder;
    return this.#records.map(({ stream }) => ({
      truth,
      transcript: stream.transcript,
      completeTo: this.#revision,
      isStrict: this.#isStrict,
    }));
  }

  get revision(): number {
    return this.#revision;
  }

  async step(): Promise<void> {
    const kind = this.#random.below(100);
    if (kind < 45) await this.#burst();
    else if (kind < 60) await this.#txn();
    else if (kind < 65) await this.#large();
    else if (kind < 68) await this.#compact();
    else if (kind < 88) this.#create();
    else if (kind < 93) this.#cancel();
    else if (kind < 98) this.#pick().stream.send({ progress_request: {} });
    else this.#pick().stream.paused = this.#random.chance(0.6);
  }

  /** Every stream is given a watcher that asks for everything, fragments among it. */
  async finale(): Promise<void> {
    for (const record of this.#records) {
      record.nextId++;
      this.#send(record, {
        key: KEYS[0] ?? "",
        rangeEnd: "\0",
        startRevision: this.#revision + 1,
        prevKv: true,
        noPut: false,
        noDelete: false,
        fragment: true,
      });
    }
    await this.#large();
    await this.#large();
  }

  /** Lets every stream read again. */
  resume(): void {
    for (const { stream } of this.#records) stream.paused = false;
  }

  close(): void {
    for (const { stream } of this.#records) stream.cancel();
    for (const client of [this.#writer, ...this.#clients]) client.close();
  }

  /** Puts and deletes that are under way together: their revisions say in which order they came. */
  async #burst(): Promise<void> {
    const done = await Promise.all(
      Array.from({ length: 1 + this.#random.below(BURST_MAX) }, async () => {
        const key = this.#random.pick(KEYS);
        if (this.#random.chance(0.3)) {
          const rangeEnd = this.#random.chance(0.2) ? this.#random.pick(KEYS) : "";
          const request = { key: Buffer.from(key), range_end: Buffer.from(rangeEnd) };
          const message = await this.#call("DeleteRange", request);
          if (message["deleted"] === undefined) return undefined;
          return { revision: revisionOf(message), key, rangeEnd, value: undefined };
        }
        const value = `v${this.#values++}`;
        const message = await this.#put(key, value);
        return { revision: revisionOf(message), key, rangeEnd: "", value };
      }),
    );
    const changes = done
      .filter((one) => one !== undefined)
      .toSorted((left, right) => left.revision - right.revision);
    for (const { revision, key, rangeEnd, value } of changes) {
      if (value === undefined) this.#recorder.delete(key, rangeEnd, revision);
      else this.#recorder.put(key, value, revision);
      this.#revision = revision;
    }
  }

  #put(key: string, value: string): Promise<Message> {
    return this.#call("Put", { key: Buffer.from(key), value: Buffer.from(value) });
  }

  /** Several changes in one revision, in an order that is not that of the keys. */
  async #txn(): Promise<void> {
    const keys = KEYS.filter(() => this.#random.chance(0.4));
    if (this.#random.chance(0.5)) keys.reverse();
    const ops = keys.map((key) => ({ key, isDelete: this.#random.chance(0.3), value: `t${key}` }));
    const message = await this.#call("Txn", {
      success: ops.map(({ key, isDelete, value }) =>
        isDelete
          ? { request_delete_range: { key: Buffer.from(key) } }
          : { request_put: { key: Buffer.from(key), value: Buffer.from(value) } },
      ),
    });
    const revision = revisionOf(message);
    if (revision === this.#revision) return;
    for (const { key, isDelete, value } of ops) {
      if (isDelete) this.#recorder.delete(key, "", revision);
      else this.#recorder.put(key, value, revision);
    }
    this.#revision = revision;
  }

  /** Two values so large that, with those before them, a response passes the fragment threshold. */
  async #large(): Promise<void> {
    const value = String(this.#values++ % 10).repeat(LARGE_BYTES);
    const keys = KEYS.slice(3, 5);
    const message = await this.#call("Txn", {
      success: keys.map((key) => ({
        request_put: { key: Buffer.from(key), value: Buffer.from(value) },
      })),
    });
    this.#revision = revisionOf(message);
    for (const key of keys) this.#recorder.put(key, value, this.#revision);
  }

  async #compact(): Promise<void> {
    const revision = this.#revision - this.#random.below(30);
    if (revision <= this.#compacted) return;
    await this.#call("Compact", { revision });
    this.#compacted = revision;
    this.#recorder.compact(revision);
    for (const { stream } of this.#records) stream.transcript.push({ compacted: revision });
  }

  #create(): void {
    const random = this.#random;
    const record = this.#pick();
    const key = random.pick(KEYS);
    const rangeEnd = random.pick(["", "kz", "\0", random.pick(KEYS)]);
    const isRefused = rangeEnd !== "" && rangeEnd !== "\0" && rangeEnd <= key;
    const request: CreateRequest = {
      key,
      rangeEnd,
      startRevision: this.#startRevision(),
      prevKv: random.chance(0.5),
      noPut: random.chance(0.15),
      noDelete: random.chance(0.15),
      fragment: random.chance(0.5),
    };
    if (!isRefused) record.nextId++;
    this.#send(record, request);
  }

  #send(record: StreamRecord, request: CreateRequest): void {
    const filters = [...(request.noPut ? [0] : []), ...(request.noDelete ? [1] : [])];
    record.stream.send({
      create_request: {
        key: Buffer.from(request.key),
        range_end: Buffer.from(request.rangeEnd),
        start_revision: request.startRevision,
        ...(filters.length > 0 ? { filters } : {}),
        ...(request.prevKv ? { prev_kv: true } : {}),
        ...(request.fragment ? { fragment: true } : {}),
        ...(this.#random.chance(0.3) ? { progress_notify: true } : {}),
      },
    });
  }

  /** Now, the past, what is compacted, the future. */
  #startRevision(): number {
    const kind = this.#random.below(10);
    if (kind < 4) return 0;
    if (kind < 8) {
      const span = this.#revision - this.#compacted;
      return this.#compacted + 1 + this.#random.below(span + 1);
    }
    if (kind < 9) return Math.max(1, this.#compacted - this.#random.below(5));
    return this.#revision + this.#random.below(10);
  }

  #cancel(): void {
    const record = this.#pick();
    const id = this.#random.below(record.nextId + 1);
    record.stream.send({ cancel_request: id === 0 ? {} : { watch_id: id } });
  }

  #pick(): StreamRecord {
    return this.#random.pick(this.#records);
  }

  async #call(method: string, request: Message): Promise<Message> {
    const { code, text, message } = await this.#writer.call(method, request);
    if (message === undefined) throw new Error(`${method}: ${code} ${text}`);
    return message;
  }
}

function revisionOf(message: Message): number {
  return Number((message["header"] as Message)["revision"]);
}
