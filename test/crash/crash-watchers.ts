import { FastConnection, type FastStream } from "../support/fast-client.ts";
import {
  type WatchEventView,
  compactRequest,
  headerRevision,
  rangeRequest,
  visitKeyValues,
  visitWatchResponse,
  watchCreateRequest,
} from "../support/fast-messages.ts";
import { encodeMessage, type Message } from "../support/wire-codec.ts";
import type { CrashAudit } from "./crash-audit.ts";
import type { CrashChecker, SeenEvent } from "./crash-checker.ts";

const CONNECTIONS = 4;
const WATCH = "/etcdserverpb.Watch/Watch";
const READ_TIMEOUT_MS = 60_000;

/** Watchers on prefixes, one stream each, that resume behind the last revision they saw. */
export class Watchers {
  readonly #checker: CrashChecker;
  readonly #audit: CrashAudit;
  readonly #prefixes: readonly string[];
  #connections: FastConnection[] = [];
  #streams: (FastStream | undefined)[] = [];
  /** The newest progress that each watcher was told. */
  readonly #progress: number[];

  constructor(checker: CrashChecker, audit: CrashAudit, prefixes: readonly string[]) {
    this.#checker = checker;
    this.#audit = audit;
    this.#prefixes = prefixes;
    this.#progress = prefixes.map(() => 0);
  }

  /** The lowest revision that a watcher resumes from. */
  get resumedFrom(): number {
    return Math.min(...this.#prefixes.map((_, index) => this.#checker.resumeFrom(index)));
  }

  async connect(port: number): Promise<void> {
    this.#connections = await Promise.all(
      Array.from({ length: CONNECTIONS }, () => FastConnection.open(port)),
    );
    this.#streams = this.#prefixes.map((prefix, index) => {
      const stream = this.#connections[index % CONNECTIONS]?.stream(WATCH, {
        message: (bytes) => this.#take(index, bytes),
        ended: () => undefined,
      });
      const range = { key: Buffer.from(prefix), range_end: Buffer.from(`${prefix.slice(0, -1)}0`) };
      const start_revision = this.#checker.resumeFrom(index);
      const prev = this.#isAudited(index) ? { prev_kv: true } : {};
      this.#send(index, stream, { create_request: { ...range, start_revision, ...prev } });
      return stream;
    });
  }

  /**
   * Waits until the server has told every watcher that it has seen all up to `revision`: one that
   * has received all its events may still be reading, and a compaction would cancel it (W75).
   */
  async untilSynced(revision: number, timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    const isBehind = (index: number): boolean =>
      this.#checker.resumeFrom(index) <= revision && (this.#progress[index] ?? 0) < revision;
    while (this.#streams.some((_, index) => isBehind(index))) {
      if (Date.now() > deadline) throw new Error(`some watcher never gets to ${revision}`);
      this.#streams.forEach((stream, index) => {
        if (isBehind(index)) this.#send(index, stream, { progress_request: {} });
      });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Waits until the killed server's connections are gone, so that nothing late arrives. */
  async lost(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.closed));
  }

  async untilLevel(timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!this.#checker.isLevel && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  /** One watcher a prefix is looked at in full: all of a prefix are served alike. */
  #isAudited(index: number): boolean {
    return this.#prefixes.indexOf(this.#prefixes[index] ?? "") === index;
  }

  #send(index: number, stream: FastStream | undefined, request: Message): void {
    if (this.#isAudited(index)) this.#audit.sent(index, request);
    stream?.send(encodeMessage("WatchRequest", request));
  }

  #take(index: number, bytes: Buffer): void {
    if (this.#isAudited(index)) this.#audit.received(index, bytes);
    let progress = 0;
    visitWatchResponse(bytes, {
      response: ({ created, canceled, revision }) => {
        if (canceled) this.#checker.violations.push(`watcher ${index} was canceled`);
        if (!created) progress = revision;
      },
      event: (event) => {
        progress = 0;
        this.#checker.watched(index, seen(event));
      },
    });
    if (progress > 0) this.#progress[index] = progress;
  }
}

/** Reads the store's whole history by a watch on all keys. */
export class HistoryReader {
  readonly #connection: FastConnection;

  private constructor(connection: FastConnection) {
    this.#connection = connection;
  }

  static async open(port: number): Promise<HistoryReader> {
    return new HistoryReader(await FastConnection.open(port));
  }

  /** The store's present revision. */
  head(): Promise<number> {
    return this.#call("/etcdserverpb.KV/Range", rangeRequest(Buffer.from("-")), headerRevision);
  }

  /** All events with `from` <= revision <= `to`, in order; every revision has at least one. */
  read(from: number, to: number, take: (event: SeenEvent) => void): Promise<void> {
    if (from > to) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`the history from ${from} to ${to} does not come`)),
        READ_TIMEOUT_MS,
      );
      const stream = this.#connection.stream(WATCH, {
        message: (bytes) => {
          let last = 0;
          visitWatchResponse(bytes, {
            response: () => undefined,
            event: (event) => {
              last = event.revision;
              take(seen(event));
            },
          });
          if (last < to) return;
          clearTimeout(timer);
          stream.cancel();
          resolve();
        },
        ended: ({ text }) => reject(new Error(`the history's stream ended: ${text}`)),
      });
      const everything = Buffer.from([0]);
      stream.send(watchCreateRequest(everything, everything, from));
    });
  }

  /** All keys and values of the store. */
  stored(): Promise<SeenEvent[]> {
    const everything = Buffer.from([0]);
    return this.#call(
      "/etcdserverpb.KV/Range",
      rangeRequest(everything, everything),
      (response) => {
        const all: SeenEvent[] = [];
        visitKeyValues(response, (keyValue) => all.push(seen(keyValue)));
        return all;
      },
    );
  }

  /** Compacts the store; resolved when it has said yes, while the removal may go on. */
  compact(revision: number): Promise<void> {
    return this.#call("/etcdserverpb.KV/Compact", compactRequest(revision), () => undefined);
  }

  close(): void {
    this.#connection.close();
  }

  #call<T>(path: string, request: Buffer, read: (response: Buffer) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#connection.unary(path, request, (response, end) => {
        if (response === undefined) reject(new Error(`${path}: ${end.text}`));
        else resolve(read(response));
      });
    });
  }
}

function seen(event: WatchEventView): SeenEvent {
  return {
    revision: event.revision,
    isDelete: event.isDelete,
    key: event.bytes.toString("latin1", event.keyStart, event.keyEnd),
    writeId: event.isDelete ? 0 : leadingNumber(event.bytes, event.valueStart, event.valueEnd),
  };
}

function leadingNumber(bytes: Buffer, start: number, end: number): number {
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = (bytes[i] ?? 0) - 48;
    if (digit < 0 || digit > 9) return value;
    value = value * 10 + digit;
  }
  return value;
}
