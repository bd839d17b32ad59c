import { beforeEach, describe, expect, it, test } from "vitest";
import { DESCRIPTORS } from "../../src/api/proto/codec.ts";
import type { WatchersPage } from "../../src/api/watchers-page.ts";
import { answerWatchersPage } from "../../src/api/watchers-page.ts";
import { parseKeyRange } from "../../src/base/key-range.ts";
import { toRevision } from "../../src/base/revision.ts";
import { ModelClient } from "../watch/model-client.ts";
import { toSource } from "../watch/model-store.ts";
import { FakeUnaryCall } from "./fake-calls.ts";
import { latin1, TestServices, toBytes } from "./test-services.ts";

const LIST = {
  request: DESCRIPTORS.WatcherListRequest,
  response: DESCRIPTORS.WatcherListResponse,
};
const CANCEL = {
  request: DESCRIPTORS.WatcherCancelRequest,
  response: DESCRIPTORS.WatcherCancelResponse,
};
const SUMMARY = {
  request: DESCRIPTORS.WatcherSummaryRequest,
  response: DESCRIPTORS.WatcherSummaryResponse,
};

let services: TestServices;
beforeEach(() => {
  services = new TestServices();
});

function open(peer: string, room = Infinity): ModelClient {
  const client = new ModelClient(room);
  client.stream = services.watchers.hub.open(client, { peer, user: "ann" });
  return client;
}

function watch(client: ModelClient, key: string, end = "", id: number | bigint = 0): void {
  client.stream?.create({
    id,
    interest: {
      range: parseKeyRange(latin1(key), latin1(end)),
      noPut: false,
      noDelete: true,
      prevKv: false,
    },
    startRevision: 0,
    progressNotify: false,
    fragment: true,
  });
}

function put(key: string): void {
  const { hub, store } = services.watchers;
  const events = store.apply([{ kind: "put", key, value: "v" }]) ?? [];
  hub.commit([events.map((event) => toSource(event, false))]);
}

/** A client that lies still, one revision and one response behind, and one that is level. */
function stalledAndLevel(): ModelClient {
  const stalled = open("10.0.0.1:1", 1);
  watch(stalled, "k", "l", 2n ** 60n);
  watch(open("10.0.0.2:2"), "other");
  put("k");
  services.watchers.time.advance(1500);
  put("k");
  return stalled;
}

describe("List", () => {
  it("tells all of a watcher, those furthest behind first", () => {
    stalledAndLevel();
    const { time } = services.watchers;
    const response = services.call("/vedette.v1.Watchers/List", LIST, {});
    expect(response).toMatchObject({
      header: { revision: 3, memberId: 0x8e9e05c52164694dn },
      matched: 2,
      watchers: [
        {
          streamId: 1,
          watchId: 2n ** 60n,
          client: "10.0.0.1:1",
          user: "ann",
          ranges: [{ key: latin1("k"), rangeEnd: latin1("l") }],
          options: ["no_delete", "fragment"],
          position: "victim",
          nextRevision: 3,
          lagRevisions: 1,
          lagBytes: services.watchers.hub.log.bytesFrom(toRevision(3)),
          lagBytesEstimated: false,
          lagMs: 0,
          cause: "stream-full",
          createdAtMs: time.wallMs() - 1000,
        },
        { streamId: 2, watchId: 0n, position: "synced", lagRevisions: 0, cause: "none" },
      ],
    });
  });

  it("takes a limit, a position and a key", () => {
    stalledAndLevel();
    const streams = (asked: object): unknown => {
      const response = services.call("/vedette.v1.Watchers/List", LIST, asked);
      if (typeof response !== "object") return response;
      return [response.matched, ...response.watchers.map(({ streamId }) => streamId)];
    };
    expect(streams({ limit: 1 })).toEqual([2, 1]);
    expect(streams({ position: "synced" })).toEqual([1, 2]);
    expect(streams({ key: latin1("kk") })).toEqual([1, 1]);
    expect(streams({ key: latin1("kk"), position: "synced" })).toEqual([0]);
    expect(streams({ position: "lost" })).toBe(
      "3: vedette: a position is one of synced, future, unsynced, riding, listing, victim",
    );
    expect(streams({ limit: -1 })).toBe("3: vedette: a limit is not negative");
  });
});

test("List shows no more watchers than can be put together in a turn", () => {
  const client = open("");
  for (let i = 0; i < 600; i++) watch(client, "k");
  const response = services.call("/vedette.v1.Watchers/List", LIST, { limit: 10_000 });
  if (typeof response !== "object") throw new Error(response);
  expect([response.watchers.length, response.matched]).toEqual([500, 600]);
});

describe("Cancel", () => {
  it("ends one watcher with a reason, and its stream lives on", () => {
    const stalled = stalledAndLevel();
    const name = { streamId: 1, watchId: 2n ** 60n };
    expect(services.call("/vedette.v1.Watchers/Cancel", CANCEL, { ...name, reason: "go" })).toEqual(
      { header: expect.objectContaining({ revision: 3 }) },
    );
    expect(services.call("/vedette.v1.Watchers/Cancel", CANCEL, name)).toBe(
      "5: vedette: no such watcher",
    );
    watch(stalled, "k");
    put("k");
    stalled.room = Infinity;
    const seen = stalled.read().map(({ id, created, canceled, cancelReason, events }) => {
      return [id, created, canceled, cancelReason, events.length];
    });
    expect(seen).toEqual([
      [2n ** 60n, true, false, "", 0],
      [2n ** 60n, false, false, "", 1],
      [2n ** 60n, false, true, "go", 0],
      [0n, true, false, "", 0],
    ]);
    expect(services.watchers.hub.stats.operatorCancels).toBe(1);
  });

  it("always gives a reason, since clients take an empty one for another error", () => {
    const client = open("");
    watch(client, "k");
    services.call("/vedette.v1.Watchers/Cancel", CANCEL, { streamId: 1 });
    expect(client.read().at(-1)?.cancelReason).toBe("vedette: watch cancelled by an operator");
  });

  test.each([
    [{ streamId: 9 }, "5: vedette: no such watcher"],
    [{ streamId: 1, watchId: -1n }, "5: vedette: no such watcher"],
    [{ streamId: 1, reason: "é".repeat(513) }, "3: vedette: a reason has at most 1024 bytes"],
  ])("of %o is refused", (asked, text) => {
    watch(open(""), "k");
    expect(services.call("/vedette.v1.Watchers/Cancel", CANCEL, asked)).toBe(text);
    expect(services.watchers.hub.watcherCount).toBe(1);
  });

  it("answers a progress request that only this watcher held up", () => {
    const stalled = stalledAndLevel();
    watch(stalled, "other");
    stalled.stream?.requestProgress();
    services.call("/vedette.v1.Watchers/Cancel", CANCEL, { streamId: 1, watchId: 2n ** 60n });
    expect(stalled.read().at(-1)).toMatchObject({ id: -1n, revision: 3, canceled: false });
  });
});

describe("Summary", () => {
  it("sums up all, each position, and the classes with the most watchers", () => {
    stalledAndLevel();
    const third = open("");
    for (let i = 0; i < 3; i++) watch(third, "other");
    const response = services.call("/vedette.v1.Watchers/Summary", SUMMARY, { classes: 1 });
    if (typeof response !== "object") throw new Error(response);
    const { streams, totals, positions, classCount, classes } = response;
    expect({ streams, classCount }).toEqual({ streams: 3, classCount: 2 });
    const behind = { watchers: 5, behind: 1, lagRevisionsSum: 1, lagRevisionsMax: 1 };
    expect(totals).toEqual(behind);
    const counts = positions.map(({ position, totals: sums }) => [position, sums?.watchers]);
    expect(counts).toContainEqual(["synced", 4]);
    expect(counts).toContainEqual(["victim", 1]);
    expect(counts).toContainEqual(["future", 0]);
    expect(classes).toEqual([
      {
        ranges: [{ key: latin1("other"), rangeEnd: latin1("") }],
        options: ["no_delete"],
        totals: { watchers: 4, behind: 0, lagRevisionsSum: 0, lagRevisionsMax: 0 },
      },
    ]);
  });
});

describe("many watchers, many questions", () => {
  const list = (): FakeUnaryCall => {
    const call = new FakeUnaryCall();
    const method = services.methods.get("/vedette.v1.Watchers/List");
    if (method?.kind !== "unary") throw new Error("List is unary");
    method.handle(toBytes(LIST.request, { limit: 1 }), call);
    return call;
  };

  it("are answered a slice a turn, one question after the other", () => {
    const client = open("");
    for (let i = 0; i < 25_000; i++) watch(client, "k");
    const calls = [list(), list()];
    const turns = calls.map(() => 0);
    for (let turn = 1; services.watchers.turns.turn(); turn++) {
      calls.forEach((call, i) => {
        if (call.answer !== undefined && turns[i] === 0) turns[i] = turn;
      });
    }
    expect(turns).toEqual([2, 5]);
  });

  it("are refused when too many wait, and answered again later", () => {
    const client = open("");
    for (let i = 0; i < 25_000; i++) watch(client, "k");
    const calls = Array.from({ length: 70 }, list);
    const refused = calls.filter(({ answer }) => answer?.code === 8);
    expect(refused.length).toBe(5);
    expect(refused[0]?.answer?.text).toBe("etcdserver: too many requests");
    services.watchers.turns.settle();
    expect(calls.every(({ answer }) => answer !== undefined)).toBe(true);
    const later = list();
    services.watchers.turns.settle();
    expect(later.answer?.code).toBe(0);
  });

  it("share one answer when all they want is the lag", () => {
    stalledAndLevel();
    const client = open("");
    for (let i = 0; i < 25_000; i++) watch(client, "k");
    const answers: number[] = [];
    for (let i = 0; i < 100; i++) {
      services.watchers.directory.lag(({ lagSum, watchers }) => answers.push(lagSum, watchers));
    }
    services.watchers.turns.turn();
    expect(answers).toEqual([]);
    services.watchers.turns.turn();
    expect(answers).toEqual(Array.from({ length: 100 }, () => [1, 25_002]).flat());
    expect(services.watchers.turns.turn()).toBe(false);
    services.watchers.directory.lag(({ lagMax }) => answers.push(lagMax));
    services.watchers.turns.settle();
    expect(answers.at(-1)).toBe(1);
  });
});

describe("the page of watchers", () => {
  const ask = (query: string): { status: number; page: WatchersPage & { error?: string } } => {
    let answer: { status: number; body: Uint8Array | string } | undefined;
    const target = `/vedette/watchers${query}`;
    const request = { method: "GET", target, header: () => undefined, body: new Uint8Array(0) };
    answerWatchersPage(services.watchers.directory, request, (response) => {
      answer = response;
    });
    if (answer === undefined) throw new Error("a small page is answered at once");
    return { status: answer.status, page: JSON.parse(String(answer.body)) };
  };

  it("shows what List and Summary tell", () => {
    stalledAndLevel();
    const { status, page } = ask("");
    expect(status).toBe(200);
    expect(page).toMatchObject({
      revision: 3,
      streams: 2,
      watchers: 2,
      behind: 1,
      lag_revisions_sum: 1,
      lag_revisions_max: 1,
      positions: { synced: 1, future: 0, victim: 1 },
      matched: 2,
    });
    expect(page.list[0]).toEqual({
      stream_id: 1,
      watch_id: String(2n ** 60n),
      client: "10.0.0.1:1",
      user: "ann",
      range: "[k, l)",
      options: ["no_delete", "fragment"],
      position: "victim",
      next_revision: 3,
      lag_revisions: 1,
      lag_bytes: services.watchers.hub.log.bytesFrom(toRevision(3)),
      lag_bytes_estimated: false,
      lag_ms: 0,
      cause: "stream-full",
      created_at_ms: services.watchers.time.wallMs() - 1000,
    });
  });

  test.each([
    ["k", "", "k"],
    ["\0", "\0", "\\x00..."],
    ["a\xff", "", "a\\xff"],
    ["a\\b", "", "a\\x5cb"],
    ["\xc3\xa9t\xc3\xa9", "\xc3\xaa", "[été, ê)"],
    ["\x1b[2J", "", "\\x1b[2J"],
  ])("writes the range of %o and %o as %s", (key, end, text) => {
    watch(open(""), key, end);
    expect(ask("").page.list[0]?.range).toBe(text);
  });

  it("takes limit, position and a key of any bytes", () => {
    watch(open(""), "a b");
    watch(open(""), "a\xff%");
    watch(open(""), "x");
    const streams = (query: string): number[] =>
      ask(query).page.list.map(({ stream_id }) => stream_id);
    expect(streams("?key=a%20b")).toEqual([1]);
    expect(streams("?key=a+b")).toEqual([1]);
    expect(streams("?key=a%ff%")).toEqual([2]);
    expect(streams("?limit=2&position=synced")).toEqual([1, 2]);
    expect(streams("?position=victim&&")).toEqual([]);
    expect(streams("?limit=&position=&key=")).toEqual([1, 2, 3]);
  });

  test.each([
    ["?limit=x", "a limit is a whole number"],
    ["?limits=3", "no such parameter: limits"],
    ["?position=gone", expect.stringContaining("vedette: a position is one of synced")],
  ])("%s is a bad request", (query, error) => {
    expect(ask(query)).toEqual({ status: 400, page: { error } });
  });
});
