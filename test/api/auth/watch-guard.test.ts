import { beforeEach, describe, expect, test } from "vitest";
import { WatchGuard } from "../../../src/api/auth/watch-guard.ts";
import type { CallInfo, StreamHandler } from "../../../src/api/call.ts";
import { watchMethod } from "../../../src/api/watch.ts";
import type { AuthChange } from "../../../src/machine/auth-command.ts";
import { type Message, decodeMessage, encodeMessage } from "../../support/wire-codec.ts";
import { ManualTimers } from "../../support/manual-timers.ts";
import { FakeStreamCall } from "../fake-calls.ts";
import { ImmediateReplica } from "../immediate-replica.ts";
import { TestWatchers } from "../test-watchers.ts";
import { AuthWorld, type Credentials, withCredentials } from "./auth-world.ts";

const DENIED = "rpc error: code = PermissionDenied desc = etcdserver: permission denied";
const NOBODY = "rpc error: code = InvalidArgument desc = etcdserver: user name is empty";

let world: AuthWorld;
let watchers: TestWatchers;
let timers: ManualTimers;
let guard: WatchGuard;
beforeEach(() => {
  world = new AuthWorld();
  watchers = new TestWatchers(new ImmediateReplica());
  timers = new ManualTimers();
  guard = new WatchGuard({ gate: world.gate, hub: watchers.hub, timers });
});

/** One that ends nobody by itself. */
const CHANGE: AuthChange = { kind: "role-add", name: "unrelated" };

interface Stream {
  readonly handler: StreamHandler;
  /** What came since it was last asked: "created 3", or the id and the reason of a cancel. */
  news(): string[];
  create(key: string, end?: string): void;
}

function open(who: Credentials): Stream {
  const method = watchMethod({
    hub: watchers.hub,
    timers,
    random: { u32: () => 0 },
    progressIntervalMs: 1_000_000,
    guard,
  });
  const call: FakeStreamCall & CallInfo = withCredentials(new FakeStreamCall(), who);
  if (method.kind !== "stream") return expect.fail();
  const handler = method.open(call);
  return {
    handler,
    news: () =>
      call.sent.splice(0).map((bytes) => {
        const response = decodeMessage("WatchResponse", bytes);
        const id = String(response["watch_id"] ?? 0);
        if (response["canceled"] !== true) return `created ${id}`;
        return `${id}: ${String(response["cancel_reason"])}`;
      }),
    create: (key, end = "") => {
      const create: Message = {
        key: Buffer.from(key, "latin1"),
        range_end: Buffer.from(end, "latin1"),
      };
      handler.message(encodeMessage("WatchRequest", { create_request: create }));
    },
  };
}

/** All slices of a recheck, a turn of the event loop each; returns how many turns it took. */
function recheck(change: AuthChange = CHANGE): number {
  guard.recheck(change);
  let turns = 0;
  while (timers.turn()) turns++;
  return turns;
}

describe("a create (W20)", () => {
  test("is judged by its whole range, empty keys being everything", () => {
    world.enable();
    const stream = open(world.addUser("ann", [[0, "a", "c"]]));
    stream.create("a", "c");
    stream.create("b", "d");
    stream.create("a", "\0");
    stream.create("");
    stream.create("", "\0");
    expect(stream.news()).toEqual([
      "created 0",
      `-1: ${DENIED}`,
      `-1: ${DENIED}`,
      `-1: ${DENIED}`,
      `-1: ${DENIED}`,
    ]);
  });

  test("names the user for whoever looks at watchers", () => {
    const before = open({});
    world.enable();
    const stream = open(world.addUser("ann", [[0, "a", ""]]));
    const byCertificate = open({ commonName: "root" });
    expect([...watchers.hub.streams].map(({ client }) => client.user)).toEqual(["", "ann", "root"]);
    for (const one of [before, stream, byCertificate]) one.handler.cancelled();
  });

  test("that starts below zero is refused for that alone (W9, W14)", () => {
    world.enable();
    const stream = open({});
    stream.handler.message(
      encodeMessage("WatchRequest", {
        create_request: { key: Buffer.from("a"), start_revision: -1 },
      }),
    );
    expect(stream.news()[0]).toContain("required revision has been compacted");
  });
});

describe("when users or roles have changed (D14)", () => {
  test("only those watches end that may go on no longer", () => {
    const root = open(world.enable());
    const ann = open(
      world.addUser("ann", [
        [0, "a", "c"],
        [0, "k", ""],
      ]),
    );
    const bob = open(world.addUser("bob", [[0, "a", "z"]]));
    for (const stream of [root, ann, bob]) stream.create("a", "b");
    ann.create("k");
    for (const stream of [root, ann, bob]) stream.news();
    recheck();
    expect([root.news(), ann.news(), bob.news()]).toEqual([[], [], []]);
    world.revoke("ann", [0, "a", "c"]);
    recheck();
    expect([root.news(), ann.news(), bob.news()]).toEqual([[], [`0: ${DENIED}`], []]);
    const change = { kind: "user-delete", name: "bob" } as const;
    world.change(change);
    recheck(change);
    expect([root.news(), ann.news(), bob.news()]).toEqual([[], [], [`0: ${DENIED}`]]);
    expect(watchers.hub.watcherCount).toBe(2);
  });

  test("a token that has expired, or was taken back, ends none", () => {
    world.enable();
    const ann = open(world.addUser("ann", [[0, "a", ""]]));
    ann.create("a");
    world.clock.nowMs += 1_000_000;
    world.tokens.dropAll();
    recheck();
    ann.create("a");
    expect(ann.news()).toEqual([
      "created 0",
      "-1: rpc error: code = Unauthenticated desc = etcdserver: invalid auth token",
    ]);
  });

  test("auth that is switched on asks those who have not said who they are", () => {
    const who = world.addUser("ann", [[0, "a", ""]]);
    const [anonymous, ann] = [open({}), open(who)];
    anonymous.create("a");
    ann.create("a");
    ann.create("b");
    world.enable();
    recheck();
    expect(anonymous.news()).toEqual(["created 0", `0: ${NOBODY}`]);
    expect(ann.news()).toEqual(["created 0", "created 1", `1: ${DENIED}`]);
    expect([...watchers.hub.streams].map(({ client }) => client.user)).toEqual(["", "ann"]);
  });

  test("a change between two slices makes nobody's proof too old", () => {
    world.enable();
    const root = open({ commonName: "root" });
    const ann = open(world.addUser("ann", [[0, "a", "b"]]));
    for (let i = 0; i < 6000; i++) root.create("a", "b");
    ann.create("a");
    for (let i = 0; i < 6000; i++) ann.create("a", `a${i}`);
    for (const stream of [root, ann]) stream.news();
    guard.recheck(CHANGE);
    // Told of it only once it is durable, which it is not yet.
    world.addUser("bob");
    while (timers.turn());
    expect([root.news(), ann.news()]).toEqual([[], []]);
  });

  test("auth that is off asks nobody", () => {
    const stream = open({});
    stream.create("a");
    expect(recheck()).toBe(0);
    expect(stream.news()).toEqual(["created 0"]);
  });

  test("many watches are judged a slice a turn, those too that came meanwhile", () => {
    world.enable();
    const ann = world.addUser("ann", [[0, "a", "c"]]);
    const streams = [open(ann), open(ann)];
    for (const stream of streams) for (let i = 0; i < 6000; i++) stream.create("a", "b");
    for (const stream of streams) stream.news();
    guard.recheck(CHANGE);
    world.revoke("ann", [0, "a", "c"]);
    world.grant("ann", [0, "x", ""]);
    guard.recheck(CHANGE);
    for (const stream of streams) {
      stream.handler.message(encodeMessage("WatchRequest", { cancel_request: { watch_id: 0 } }));
      stream.create("x");
    }
    let turns = 0;
    while (timers.turn()) turns++;
    expect(turns).toBeGreaterThan(2);
    expect(watchers.hub.watcherCount).toBe(2);
    for (const stream of streams) {
      const news = stream.news();
      expect(news.filter((one) => one.endsWith(DENIED)).length).toBe(5999);
    }
    watchers.hub.checkInvariants();
  });
});
