import { beforeEach, describe, expect, test } from "vitest";
import { AuthService } from "../../../src/api/auth/auth-service.ts";
import { WatchGuard } from "../../../src/api/auth/watch-guard.ts";
import type { MethodTable, StreamCall, StreamHandler } from "../../../src/api/call.ts";
import { watchMethod } from "../../../src/api/watch.ts";
import type { OpenedReplica } from "../../../src/replica/open-replica.ts";
import { MemoryDisk } from "../../../src/storage/memory-disk.ts";
import { ManualTimers } from "../../support/manual-timers.ts";
import { methodFact } from "../../support/rpc-client.ts";
import { openTestReplica } from "../../support/test-replica.ts";
import { encodeMessage, type Message } from "../../support/wire-codec.ts";
import { ModelClient, type SeenResponse } from "../../watch/model-client.ts";
import { latin1 } from "../../watch/model-store.ts";
import { callUnary } from "../fake-calls.ts";
import { MEMBER } from "../test-services.ts";
import { type TestAuth, testAuth } from "./test-auth.ts";
import { putCommand } from "../../support/commands.ts";

/**
 * Watches whose user loses the right to them, over a whole store: what is still told, wherever the
 * watcher stands in its history. Users and roles change by the RPCs that change them.
 */
const DENIED = "rpc error: code = PermissionDenied desc = etcdserver: permission denied";
const NOBODY = "rpc error: code = InvalidArgument desc = etcdserver: user name is empty";
const INVALID = "rpc error: code = Unauthenticated desc = etcdserver: invalid auth token";

let world: World;
beforeEach(() => {
  world = new World();
});

class World {
  readonly timers = new ManualTimers();
  readonly opened: OpenedReplica = openTestReplica({
    disk: new MemoryDisk(),
    timers: this.timers,
    watch: {
      limits: { watchersPerStream: 10, watchersTotal: 100 },
      // So little is kept in memory that whoever is behind reads from the store.
      eventLogBytes: 256,
      responseBytesMax: 200,
      fragmentBytes: 1000,
      eventsPerStep: 2,
    },
  });
  readonly auth: TestAuth = testAuth({ machine: this.opened.machine, leases: this.opened.book });
  readonly guard = new WatchGuard({
    gate: this.auth.gate,
    hub: this.opened.hub,
    timers: this.timers,
  });
  readonly #methods: MethodTable = new Map(
    new AuthService({
      ...this.auth,
      changed: (change) => this.guard.recheck(change),
      replica: this.opened.replica,
      member: MEMBER,
    }).methods(),
  );

  constructor() {
    this.timers.settle();
    this.change("UserAdd", { name: "root", password: "r" });
    this.change("UserGrantRole", { user: "root", role: "root" });
    this.change("UserAdd", { name: "ann", password: "a" });
    this.change("RoleAdd", { name: "reader" });
    this.grant("k");
    this.grant("other");
    this.change("UserGrantRole", { user: "ann", role: "reader" });
  }

  /** An RPC of the auth service, answered when this returns. */
  change(method: string, request: Message = {}): void {
    this.begin(method, request);
    this.timers.settle();
  }

  /** The same, under way. */
  begin(method: string, request: Message = {}): void {
    const { path, request: type } = methodFact(method);
    const answer = callUnary(this.#methods, path, encodeMessage(type, request));
    if (answer !== undefined && answer.code !== 0) throw new Error(`${method}: ${answer.text}`);
  }

  /** READ on one key for whoever has the role. */
  grant(key: string): void {
    this.change("RoleGrantPermission", { name: "reader", perm: { key: latin1(key) } });
  }

  revoke(key: string): void {
    this.change("RoleRevokePermission", { role: "reader", key: latin1(key) });
  }

  put(key: string, value: string): void {
    this.opened.replica.propose(putCommand(latin1(key), latin1(value)), () => undefined);
  }

  /** Puts of one key, whose values are what number the put is. */
  puts(key: string, count: number): void {
    for (let i = 1; i <= count; i++) {
      this.put(key, String(i));
      this.timers.settle();
    }
  }

  open(user?: string, room?: number): Client {
    const token = user === undefined ? undefined : this.auth.gate.tokens.assign(user, 0);
    return new Client(this, token, room);
  }

  watching(call: StreamCall): StreamHandler {
    const method = watchMethod({
      hub: this.opened.hub,
      timers: this.timers,
      random: { u32: () => 0 },
      progressIntervalMs: 1_000_000,
      guard: this.guard,
    });
    if (method.kind !== "stream") throw new Error("a watch is a stream");
    return method.open(call);
  }
}

/** The client of one Watch call, which takes so many event messages until it is told to read. */
class Client implements StreamCall {
  readonly peer = "test";
  readonly writable = true;
  readonly #world: World;
  readonly #token: string | undefined;
  readonly #end: ModelClient;
  readonly #handler: StreamHandler;

  constructor(of: World, token: string | undefined, room?: number) {
    this.#world = of;
    this.#token = token;
    this.#end = new ModelClient(room);
    this.#handler = of.watching(this);
  }

  header(name: string): string | undefined {
    return name === "token" ? this.#token : undefined;
  }

  send(message: Uint8Array): void {
    this.#end.control(message.slice());
  }

  offer(head: Uint8Array, headLength: number, body: Uint8Array): boolean {
    return this.#end.offer(head, headLength, body);
  }

  end(): void {
    throw new Error("no stream ends here");
  }

  pauseRequests(): void {}

  /** Watches one key with the values before; all watches of this file do. */
  watch(key: string, create: Message = {}): void {
    this.#handler.message(
      encodeMessage("WatchRequest", {
        create_request: { key: latin1(key), prev_kv: true, ...create },
      }),
    );
  }

  /** What has come, in words; lets the stream drain once. */
  readOnce(): string[] {
    const isDrained = this.#end.refused;
    const seen = this.#end.read();
    if (isDrained) this.#handler.drained();
    return seen.flatMap(words);
  }

  /** All that comes until nothing does. */
  read(): string[] {
    const all: string[] = [];
    for (;;) {
      this.#world.timers.settle();
      const seen = this.readOnce();
      if (seen.length === 0) return all;
      all.push(...seen);
    }
  }
}

function words(response: SeenResponse): string[] {
  const events = response.events.map(({ keyValue, previous }) => {
    const before = previous === undefined ? "" : ` was ${previous.value}`;
    return `${response.id}: ${keyValue.key}=${keyValue.value}${before}`;
  });
  if (response.created && response.canceled) return [`refused: ${response.cancelReason}`];
  if (response.created) return [`${response.id} created`];
  if (response.canceled) return [`${response.id} canceled: ${response.cancelReason}`];
  return events;
}

describe("the value before, when the permission goes (D14, W29)", () => {
  beforeEach(() => world.change("AuthEnable"));

  test("a watcher that is level is told of no later value, nor of what was before it", () => {
    const ann = world.open("ann");
    ann.watch("k");
    ann.watch("other");
    world.puts("k", 2);
    expect(ann.read()).toEqual(["0 created", "1 created", "0: k=1", "0: k=2 was 1"]);
    world.revoke("k");
    world.puts("k", 1);
    world.puts("other", 2);
    expect(ann.read()).toEqual([`0 canceled: ${DENIED}`, "1: other=1", "1: other=2 was 1"]);
  });

  test("a watcher whose stream takes no more is not told of what it has missed", () => {
    const ann = world.open("ann", 1);
    ann.watch("k");
    world.puts("k", 5);
    // One message was taken; the others wait as a number, not as values.
    world.revoke("k");
    expect(ann.read()).toEqual(["0 created", "0: k=1", `0 canceled: ${DENIED}`]);
    world.puts("k", 1);
    expect(ann.read()).toEqual([]);
  });

  test("a watcher that is reading history reads no further", () => {
    world.puts("k", 100);
    const ann = world.open("ann");
    ann.watch("k", { start_revision: 2 });
    for (let i = 0; i < 5; i++) world.timers.turn();
    const before = ann.readOnce();
    expect(before.length).toBeGreaterThan(2);
    world.begin("UserRevokeRole", { name: "ann", role: "reader" });
    const after = ann.read();
    // The sweep took a step in the turn in which the change became durable, no more.
    expect(after.length).toBeLessThan(10);
    expect(after.at(-1)).toBe(`0 canceled: ${DENIED}`);
    expect(after.filter((one) => one.includes("canceled")).length).toBe(1);
    world.puts("k", 2);
    expect(ann.read()).toEqual([]);
  });

  test("history is for whoever may read now, whoever could when it was made", () => {
    world.puts("k", 3);
    world.revoke("k");
    const ann = world.open("ann");
    ann.watch("k", { start_revision: 2 });
    world.grant("k");
    ann.watch("k", { start_revision: 3 });
    expect(ann.read()).toEqual([`refused: ${DENIED}`, "0 created", "0: k=2 was 1", "0: k=3 was 2"]);
  });
});

describe("who watches is judged again (D14)", () => {
  beforeEach(() => world.change("AuthEnable"));

  test("a token that expires ends no watch, and opens no further one (W20, W21)", () => {
    const ann = world.open("ann");
    ann.watch("k");
    world.auth.clock.nowMs += 1_000_000;
    world.puts("k", 1);
    // Any change makes everybody be judged again, with the token that is none any more.
    world.change("RoleAdd", { name: "unrelated" });
    world.puts("k", 1);
    ann.watch("k");
    expect(ann.read()).toEqual(["0 created", "0: k=1", "0: k=1 was 1", `refused: ${INVALID}`]);
  });

  test("a password that changes takes the token, and ends no watch (A7)", () => {
    const ann = world.open("ann");
    ann.watch("k");
    world.change("UserChangePassword", { name: "ann", password: "b" });
    world.puts("k", 1);
    ann.watch("k");
    expect(ann.read()).toEqual(["0 created", "0: k=1", `refused: ${INVALID}`]);
  });

  const reader = { name: "reader" };
  const ways: readonly (readonly [string, readonly (readonly [string, Message])[]])[] = [
    ["the user is deleted (A6)", [["UserDelete", { name: "ann" }]]],
    ["the user loses the role (A9)", [["UserRevokeRole", { name: "ann", role: "reader" }]]],
    ["the role is deleted (A11)", [["RoleDelete", { role: "reader" }]]],
    [
      "the role may only write from now on (A12)",
      ["k", "other"].map((key) => [
        "RoleGrantPermission",
        { ...reader, perm: { permType: 1, key: latin1(key) } },
      ]),
    ],
    [
      "the user is another one of the same name (A5, A6)",
      [
        ["UserDelete", { name: "ann" }],
        ["UserAdd", { name: "ann", password: "a" }],
      ],
    ],
  ];
  test.each(ways)(
    "when %s, all watches of the user end, each once, and nobody else's",
    (_, changes) => {
      const [ann, again, root] = [world.open("ann"), world.open("ann", 1), world.open("root")];
      for (const client of [ann, again, root]) {
        client.watch("k");
        client.watch("other");
      }
      world.puts("k", 1);
      for (const client of [ann, again, root]) client.read();
      for (const [method, request] of changes) world.change(method, request);
      world.puts("k", 1);
      const ends = [`0 canceled: ${DENIED}`, `1 canceled: ${DENIED}`];
      expect([ann.read(), again.read()]).toEqual([ends, ends]);
      expect(root.read()).toEqual(["0: k=1 was 1"]);
      world.opened.hub.checkInvariants();
      expect(world.opened.hub.watcherCount).toBe(2);
    },
  );

  test("a user of the same name that comes in the same commit inherits no watch (A5, A6)", () => {
    const ann = world.open("ann");
    ann.watch("k");
    ann.read();
    world.begin("UserDelete", { name: "ann" });
    world.begin("UserAdd", { name: "ann", password: "b" });
    world.begin("UserGrantRole", { user: "ann", role: "reader" });
    world.timers.settle();
    world.puts("k", 1);
    expect(ann.read()).toEqual([`0 canceled: ${DENIED}`]);
    const next = world.open("ann");
    next.watch("k");
    world.change("RoleAdd", { name: "unrelated" });
    expect(next.read()).toEqual(["0 created"]);
  });

  test("what is granted otherwise keeps a watch alive (A23)", () => {
    const ann = world.open("ann");
    ann.watch("k");
    world.change("RoleAdd", { name: "wide" });
    const perm = { key: latin1("a"), range_end: latin1("z") };
    world.change("RoleGrantPermission", { name: "wide", perm });
    world.change("UserGrantRole", { user: "ann", role: "wide" });
    world.revoke("k");
    world.puts("k", 1);
    expect(ann.read()).toEqual(["0 created", "0: k=1"]);
    world.change("RoleRevokePermission", { ...perm, role: "wide" });
    expect(ann.read()).toEqual([`0 canceled: ${DENIED}`]);
  });
});

describe("auth that is switched on (D14)", () => {
  test("ends anonymous watches, wherever they stand, and refuses further ones", () => {
    world.puts("k", 10);
    const [level, parked, behind] = [world.open(), world.open(undefined, 1), world.open()];
    level.watch("k");
    parked.watch("k", { start_revision: 2 });
    world.timers.settle();
    behind.watch("k", { start_revision: 2 });
    world.begin("AuthEnable");
    const all = [level.read(), parked.read(), behind.read()];
    for (const seen of all) {
      expect(seen[0]).toBe("0 created");
      expect(seen.indexOf(`0 canceled: ${NOBODY}`)).toBe(seen.length - 1);
      expect(seen.length).toBeLessThan(10);
    }
    world.puts("k", 1);
    for (const client of [level, parked, behind]) {
      expect(client.read()).toEqual([]);
      client.watch("k");
      expect(client.read()).toEqual([`refused: ${NOBODY}`]);
    }
  });

  test("judges those who can say who they are by what they may", () => {
    world.change("AuthEnable");
    const ann = world.open("ann");
    ann.watch("k");
    world.change("AuthDisable");
    ann.watch("secret");
    world.puts("secret", 1);
    expect(ann.read()).toEqual(["0 created", "1 created", "1: secret=1"]);
    world.change("AuthEnable");
    world.puts("secret", 1);
    world.puts("k", 1);
    expect(ann.read()).toEqual([`1 canceled: ${DENIED}`, "0: k=1"]);
  });

  test("and off again, ends nothing", () => {
    world.change("AuthEnable");
    const ann = world.open("ann");
    ann.watch("k");
    world.change("AuthDisable");
    world.change("UserDelete", { name: "ann" });
    world.puts("k", 1);
    expect(ann.read()).toEqual(["0 created", "0: k=1"]);
  });
});
