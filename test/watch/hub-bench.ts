import { expect, onTestFinished } from "vitest";
import { parseKeyRange } from "../../src/base/key-range.ts";
import { toRevision } from "../../src/base/revision.ts";
import { WatchHub, type WatchHubOptions } from "../../src/watch/hub.ts";
import type { CreateRequest } from "../../src/watch/watch-stream.ts";
import { ManualTime } from "../http2/manual-time.ts";
import { ModelClient, type SeenResponse } from "./model-client.ts";
import { latin1, type ModelOp, ModelStore, toSource } from "./model-store.ts";
import { truthOf } from "./transcript.ts";

/**
 * A hub on the naive store; commits and steps happen when the test says so. What its clients have
 * read is judged when their stream is closed, or when the test is over.
 */
export class Bench {
  readonly store: ModelStore;
  readonly hub: WatchHub;
  wakes = 0;
  readonly #compactions: number[] = [];
  readonly #clients = new Set<ModelClient>();

  constructor(options: Partial<WatchHubOptions> = {}, store: ModelStore = new ModelStore()) {
    this.store = store;
    this.store.head = options.head ?? 1;
    this.hub = new WatchHub({
      identity: { clusterId: 1n, memberId: 2n, raftTerm: 2n },
      head: toRevision(this.store.head),
      compacted: -1,
      history: this.store,
      limits: { watchersPerStream: 1000, watchersTotal: 1000 },
      eventLogBytes: 1024 * 1024,
      responseBytesMax: 1024 * 1024,
      fragmentBytes: 2 * 1024 * 1024,
      eventsPerStep: 4,
      wake: () => this.wakes++,
      clock: new ManualTime(),
      ...options,
    });
    const compact = this.hub.compact.bind(this.hub);
    this.hub.compact = (revision) => {
      this.#compactions.push(revision);
      for (const { transcript } of this.#clients) transcript.noteCompaction(revision);
      compact(revision);
    };
    onTestFinished(() => {
      for (const client of this.#clients) this.#judge(client);
    });
  }

  client(room: number = Infinity): ModelClient {
    const client = new ModelClient(room);
    const stream = this.hub.open(client);
    client.stream = stream;
    this.#clients.add(client);
    const close = stream.close.bind(stream);
    stream.close = () => {
      close();
      if (this.#clients.delete(client)) this.#judge(client);
    };
    return client;
  }

  put(key: string, value = "v"): void {
    this.group([{ kind: "put", key, value }]);
  }

  /** One group commit, one revision each. */
  group(...revisions: ModelOp[][]): void {
    const sources = revisions.map((ops) => {
      const events = this.store.apply(ops) ?? [];
      return events.map((event) => toSource(event, this.hub.wantsPrevious));
    });
    this.hub.commit(sources);
    this.hub.checkInvariants();
  }

  step(): void {
    this.hub.step();
    this.hub.checkInvariants();
  }

  /** How many steps it takes until nobody is behind. */
  settle(): number {
    for (let steps = 0; steps < 10_000; steps++) {
      if (!this.hub.busy) return steps;
      this.step();
    }
    throw new Error("catching up never ends");
  }

  #judge({ transcript }: ModelClient): void {
    expect(transcript.faults(truthOf(this.store, this.#compactions), undefined)).toEqual([]);
  }
}

export function watch(
  client: ModelClient,
  key: string,
  options: Partial<CreateRequest> = {},
): void {
  client.stream?.create({
    id: 0,
    interest: {
      range: parseKeyRange(latin1(key), new Uint8Array(0)),
      noPut: false,
      noDelete: false,
      prevKv: false,
    },
    startRevision: 0,
    progressNotify: false,
    fragment: false,
    ...options,
  });
}

export function revisions(seen: readonly SeenResponse[]): number[] {
  return seen.flatMap(({ events }) => events.map(({ keyValue }) => keyValue.mod));
}

export function position(client: ModelClient): string {
  const [watcher] = client.stream?.watchers ?? [];
  return watcher?.position.kind ?? "none";
}
