import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseKeyRange } from "../../src/base/key-range.ts";
import { toRevision } from "../../src/base/revision.ts";
import { WatchHub } from "../../src/watch/hub.ts";
import type { CreateRequest } from "../../src/watch/watch-stream.ts";
import { POSITION_KINDS } from "../../src/watch/watcher.ts";
import { type SurveyQuery, WatcherSurvey } from "../../src/watch/watcher-survey.ts";
import { viewOf, type WatcherView } from "../../src/watch/watcher-view.ts";
import { ManualTime } from "../http2/manual-time.ts";
import { ModelClient } from "./model-client.ts";
import { latin1, ModelStore, toSource } from "./model-store.ts";

/** A hub on the naive store, in which a test brings watchers wherever it wants them. */
class World {
  readonly time = new ManualTime();
  readonly store = new ModelStore();
  readonly hub: WatchHub;

  constructor() {
    this.hub = new WatchHub({
      identity: { clusterId: 1n, memberId: 2n, raftTerm: 2n },
      head: toRevision(1),
      compacted: -1,
      history: this.store,
      limits: { watchersPerStream: 1000, watchersTotal: 1000 },
      eventLogBytes: 4096,
      responseBytesMax: 1024 * 1024,
      fragmentBytes: 2 * 1024 * 1024,
      eventsPerStep: 4,
      wake: () => undefined,
      clock: this.time,
    });
  }

  client(peer = "", room = Infinity): ModelClient {
    const client = new ModelClient(room);
    client.stream = this.hub.open(client, { peer, user: "" });
    return client;
  }

  put(key: string, times = 1, value = "v"): void {
    for (let i = 0; i < times; i++) {
      const events = this.store.apply([{ kind: "put", key, value }]) ?? [];
      this.hub.commit([events.map((event) => toSource(event, false))]);
    }
  }

  survey(query: SurveyQuery = { limit: 100 }, visits = 3): WatcherSurvey {
    const survey = new WatcherSurvey(this.hub, query);
    for (let i = 0; i < 10_000; i++) if (survey.step(visits)) return survey;
    throw new Error("the survey never ends");
  }

  views(query?: SurveyQuery): WatcherView[] {
    return this.survey(query)
      .sightings()
      .map((sighting) => viewOf(this.hub, sighting, 1));
  }
}

function watch(
  client: ModelClient,
  key: string,
  { end = "", ...options }: Partial<CreateRequest> & { readonly end?: string } = {},
): void {
  client.stream?.create({
    id: 0,
    interest: {
      range: parseKeyRange(latin1(key), latin1(end)),
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

/** One watcher in every position that there is, behind by different numbers of revisions. */
function everywhere(): World {
  const world = new World();
  world.time.advance(10_000);
  world.put("k", 60, "x".repeat(60));
  const parked = world.client("victim:1", 1);
  watch(parked, "k");
  world.put("k");
  world.time.advance(5000);
  world.put("k");
  world.time.advance(2000);
  watch(world.client("level:1"), "k");
  watch(world.client("future:1"), "k", { startRevision: 1000 });
  const reading = world.client("behind:1");
  watch(reading, "k", { startRevision: world.store.head - 20 });
  world.hub.step();
  watch(world.client("waiting:1"), "k", { startRevision: 2 });
  world.put("other");
  return world;
}

describe("what is seen of a watcher", () => {
  it("is where it stands, how far behind, why, and since when", () => {
    const world = everywhere();
    expect(world.store.head).toBe(64);
    const seen = world.views().map((view) => ({
      client: view.client.peer,
      position: view.position,
      next: view.nextRevision,
      lag: view.lagRevisions,
      ms: view.lagMs,
      cause: view.cause,
    }));
    expect(seen).toEqual([
      // Older than all times that are kept: as old as its group, which was made at 10 s.
      {
        client: "waiting:1",
        position: "unsynced",
        next: 2,
        lag: 63,
        ms: 7000,
        cause: "started-in-past",
      },
      {
        client: "behind:1",
        position: "riding",
        next: 47,
        lag: 18,
        ms: 7000,
        cause: "started-in-past",
      },
      { client: "victim:1", position: "victim", next: 63, lag: 2, ms: 2000, cause: "stream-full" },
      { client: "level:1", position: "synced", next: 65, lag: 0, ms: 0, cause: "none" },
      { client: "future:1", position: "future", next: 1000, lag: 0, ms: 0, cause: "none" },
    ]);
  });

  it("says when it was created, to the second", () => {
    const world = new World();
    world.time.advance(12_345);
    watch(world.client(), "k");
    const createdAtMs = world.time.wallMs();
    world.time.advance(100_500);
    const [view] = world.views();
    expect(Math.abs((view?.createdAtMs ?? 0) - createdAtMs)).toBeLessThanOrEqual(1000);
  });

  it("counts the bytes that lie ahead, exactly while they are in memory", () => {
    const world = everywhere();
    const [waiting, , victim] = world.views();
    expect(waiting?.lagBytes.isEstimate).toBe(true);
    expect(victim?.lagBytes).toEqual({
      bytes: world.hub.log.bytesFrom(toRevision(63)),
      isEstimate: false,
    });
    expect(waiting?.lagBytes.bytes).toBeGreaterThan(60 * 60);
  });

  it("names what its client asked for", () => {
    const world = new World();
    const interest = { range: parseKeyRange(latin1("a"), latin1("b")), noPut: true };
    watch(world.client(), "", {
      interest: { ...interest, noDelete: true, prevKv: true },
      progressNotify: true,
      fragment: true,
    });
    const options = ["no_put", "no_delete", "prev_kv", "progress_notify", "fragment"];
    expect(world.views()[0]?.options).toEqual(options);
  });
});

describe("causes of falling behind", () => {
  function causeOf(world: World): string | undefined {
    return world.views()[0]?.cause;
  }

  it("a group that is larger than the log sends who was level to the store", () => {
    const world = new World();
    watch(world.client(), "k");
    const events = Array.from({ length: 100 }, () => {
      const made = world.store.apply([{ kind: "put", key: "k", value: "x".repeat(60) }]) ?? [];
      return made.map((event) => toSource(event, false));
    });
    world.hub.commit(events);
    expect(causeOf(world)).toBe("log-exceeded");
  });

  it("the log moves on faster than a watcher that reads it", () => {
    const world = new World();
    world.put("k", 10);
    watch(world.client(), "k", { startRevision: 2 });
    expect(causeOf(world)).toBe("started-in-past");
    world.hub.step();
    world.put("k", 300, "x".repeat(60));
    world.hub.step();
    expect(causeOf(world)).toBe("log-exceeded");
  });

  it("the start that a watcher waited for is reached", () => {
    const world = new World();
    watch(world.client(), "k", { startRevision: 4 });
    world.put("k", 2);
    expect(causeOf(world)).toBe("none");
    world.put("k");
    expect(causeOf(world)).toBe("start-reached");
  });

  it("a full stream stays the cause until something else is", () => {
    const world = new World();
    const client = world.client("", 1);
    watch(client, "k");
    world.put("k", 3);
    client.read();
    client.room = Infinity;
    expect(causeOf(world)).toBe("stream-full");
    for (let i = 0; i < 5; i++) world.hub.step();
    const [view] = world.views();
    expect([view?.position, view?.cause]).toEqual(["synced", "stream-full"]);
  });
});

describe("a watcher that asked for the state first", () => {
  it("is listing, with no lag but that of the changes since, and parked like any other", () => {
    const world = new World();
    world.put("a", 2);
    world.put("k", 3);
    const quick = world.client("quick:1");
    watch(quick, "", { end: "\0", state: true });
    world.put("k", 2);
    const row = (): unknown[] => {
      const [view] = world.views();
      return [view?.position, view?.nextRevision, view?.lagRevisions, view?.cause];
    };
    expect(row()).toEqual(["listing", 7, 2, "state-first"]);
    quick.stream?.close();
    const slow = world.client("slow:1", 0);
    watch(slow, "", { end: "\0", state: true });
    world.put("k");
    world.hub.step();
    world.hub.step();
    expect(row()).toEqual(["victim", 9, 1, "stream-full"]);
    expect(world.hub.stats.positions).toMatchObject({ listing: 0, victim: 1 });
  });
});

describe("a survey", () => {
  it("shows those furthest behind, of those that are asked for", () => {
    const world = everywhere();
    const peers = (query: SurveyQuery) => world.views(query).map(({ client }) => client.peer);
    expect(peers({ limit: 2 })).toEqual(["waiting:1", "behind:1"]);
    expect(peers({ limit: 9, position: "victim" })).toEqual(["victim:1"]);
    expect(peers({ limit: 9, position: "synced" })).toEqual(["level:1"]);
    expect(peers({ limit: 0 })).toEqual([]);
    expect(world.survey({ limit: 2 }).matched).toBe(5);
    expect(world.survey({ limit: 0, position: "future" }).matched).toBe(1);
  });

  it("finds the watchers of a key", () => {
    const world = new World();
    const ranges = [["a"], ["a", "c"], ["b", "c"], ["b", "\0"], ["c", "\0"]];
    for (const [key = "", end] of ranges) {
      watch(world.client(`${key} ${end}`), key, end === undefined ? {} : { end });
    }
    const peers = world.views({ limit: 9, key: latin1("b") }).map(({ client }) => client.peer);
    expect(peers).toEqual(["a c", "b c", "b \0"]);
  });

  it("sums up by position, and by class those with the most watchers", () => {
    const world = everywhere();
    const client = world.client();
    for (let i = 0; i < 4; i++) watch(client, "other");
    watch(client, "third");
    const survey = world.survey({ limit: 0, classLimit: 2 });
    expect(survey.totals).toEqual({ watchers: 10, behind: 3, lagSum: 83, lagMax: 63 });
    expect(survey.byPosition.victim).toEqual({ watchers: 1, behind: 1, lagSum: 2, lagMax: 2 });
    expect(survey.byPosition.synced).toEqual({ watchers: 6, behind: 0, lagSum: 0, lagMax: 0 });
    const classes = survey
      .classes()
      .map(([{ range }, totals]) => [
        range.kind === "single" ? Buffer.from(range.key).toString() : "",
        totals,
      ]);
    expect(classes).toEqual([
      ["k", { watchers: 5, behind: 3, lagSum: 83, lagMax: 63 }],
      ["other", { watchers: 4, behind: 0, lagSum: 0, lagMax: 0 }],
    ]);
  });

  it("goes on while streams and watchers come and go between its steps", () => {
    const world = new World();
    const clients = Array.from({ length: 20 }, () => world.client());
    for (const client of clients) for (let i = 0; i < 5; i++) watch(client, "k");
    const survey = new WatcherSurvey(world.hub, { limit: 1000, classLimit: 5 });
    for (let i = 0; !survey.step(7); i++) {
      clients[19 - i]?.stream?.close();
      clients[i]?.stream?.cancel(0);
      if (i < 3) watch(world.client(), "k");
    }
    const { length } = survey.sightings();
    expect(length).toBe(survey.totals.watchers);
    expect(length).toBeGreaterThan(30);
    expect(length).toBeLessThan(103);
  });
});

describe("positions", () => {
  const choice = fc.record({
    what: fc.constantFrom(
      "put",
      "watch",
      "list",
      "read",
      "step",
      "cancel",
      "operator",
      "compact",
      "close",
    ),
    stream: fc.nat({ max: 2 }),
    number: fc.nat({ max: 40 }),
  });

  it("sum up to the number of watchers, whatever happens", () => {
    fc.assert(
      fc.property(fc.array(choice, { maxLength: 80 }), (choices) => {
        const world = new World();
        const clients = [world.client("", 1), world.client("", 3), world.client()];
        for (const { what, stream, number } of choices) {
          const client = clients[stream] as ModelClient;
          if (what === "put") world.put("k", 1 + number, "x".repeat(number));
          if (what === "list") watch(client, "k", { state: true });
          if (what === "watch") {
            watch(client, "k", { startRevision: Math.max(1, world.store.head + 3 - number) });
          }
          if (what === "read") client.read();
          if (what === "step") world.hub.step();
          if (what === "cancel") client.stream?.cancel(number % 5);
          if (what === "operator") {
            world.hub.streamOf(stream + 1)?.cancelByOperator(number % 5, "because");
          }
          if (what === "compact") {
            const revision = world.store.head - number;
            if (revision > world.store.compacted) {
              world.store.compacted = revision;
              world.hub.compact(toRevision(revision));
            }
          }
          if (what === "close" && number === 0) client.stream?.close();
          if (client.stream !== undefined && what === "close" && number === 0) {
            client.stream = world.hub.open(client);
          }
          const { positions, watchers, slowWatchers } = world.hub.stats;
          const sum = POSITION_KINDS.reduce((total, kind) => total + positions[kind], 0);
          expect(sum).toBe(watchers);
          const { totals, byPosition } = world.survey({ limit: 0 });
          expect(totals.watchers).toBe(watchers);
          for (const kind of POSITION_KINDS) {
            expect(byPosition[kind].watchers).toBe(positions[kind]);
          }
          expect(slowWatchers).toBeGreaterThanOrEqual(totals.behind);
        }
      }),
      { numRuns: 150 },
    );
  });
});
