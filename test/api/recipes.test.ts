import { beforeEach, describe, expect, test } from "vitest";
import type { Method, UnaryCall } from "../../src/api/call.ts";
import { decode, type Descriptor, DESCRIPTORS, type Draft } from "../../src/api/proto/codec.ts";
import type { LeaderKey, LeaderResponse } from "../../src/api/proto/messages-recipes.ts";
import { electionMethods } from "../../src/api/recipes/election.ts";
import { lockMethods } from "../../src/api/recipes/lock.ts";
import { placeKey, queueRange } from "../../src/api/recipes/queue.ts";
import { SpaceQuota } from "../../src/api/space-quota.ts";
import type { OpenedReplica } from "../../src/replica/open-replica.ts";
import { MemoryDisk } from "../../src/storage/memory-disk.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { openTestReplica } from "../support/test-replica.ts";
import { FakeStreamCall } from "./fake-calls.ts";
import { latin1, MEMBER, toBytes } from "./test-services.ts";

const LOCK = "/v3lockpb.Lock/Lock";
const CAMPAIGN = "/v3electionpb.Election/Campaign";

/** A call under way: its answer once there is one, and a client that can leave. */
class Call<Response> {
  response: Response | undefined;
  error: string | undefined;
  leave: () => void = () => {};

  constructor(
    method: Method | undefined,
    bytes: Uint8Array,
    type: Descriptor<Response>,
    { hasLeft } = { hasLeft: false },
  ) {
    if (method?.kind !== "unary") throw new Error("not a unary method");
    const call: UnaryCall = {
      peer: "test",
      header: () => undefined,
      reply: (message) => {
        this.response = decode(type, message.slice());
      },
      fail: (code, text) => {
        this.error = `${code}: ${text}`;
      },
      whenCancelled: (fire) => {
        if (hasLeft) fire();
        else this.leave = fire;
      },
    };
    method.handle(bytes, call);
    // What was borrowed is gone.
    bytes.fill(0xee);
  }

  get isAnswered(): boolean {
    return this.response !== undefined || this.error !== undefined;
  }
}

let timers: ManualTimers;
let opened: OpenedReplica;
let methods: ReadonlyMap<string, Method>;

beforeEach(() => {
  timers = new ManualTimers();
  opened = openTestReplica({
    disk: new MemoryDisk(),
    timers,
    clock: { monotonicMs: () => timers.nowMs, wallMs: () => 0 },
    watch: {
      limits: { watchersPerStream: 10, watchersTotal: 4 },
      eventLogBytes: 4096,
      responseBytesMax: 1000,
      fragmentBytes: 1000,
      eventsPerStep: 2,
    },
  });
  const { replica, hub } = opened;
  const quota = new SpaceQuota({ replica, memberId: 1n, quotaBytes: 1_000_000 });
  let dice = 0;
  const random = { u32: (): number => ++dice };
  const options = { replica, hub, timers, quota, random, member: MEMBER };
  methods = new Map([...lockMethods(options), ...electionMethods(options)]);
  timers.settle();
});

function ask<Request, Response>(
  path: string,
  types: { readonly request: Descriptor<Request>; readonly response: Descriptor<Response> },
  request: Draft<Request>,
): Call<Response> {
  const call = new Call(methods.get(path), toBytes(types.request, request), types.response);
  timers.settle();
  return call;
}

function grant(id: bigint, ttlSeconds = 60): void {
  opened.replica.propose({ kind: "lease-grant", id, ttlSeconds }, () => {});
  timers.settle();
}

function revoke(id: bigint): void {
  opened.replica.propose({ kind: "lease-revoke", id, reason: "request" }, () => {});
  timers.settle();
}

function lock(name: string, lease: bigint): Call<{ key: Uint8Array }> {
  const { LockRequest: request, LockResponse: response } = DESCRIPTORS;
  return ask(LOCK, { request, response }, { name: latin1(name), lease });
}

function unlock(key: string): string {
  const { UnlockRequest: request, UnlockResponse: response } = DESCRIPTORS;
  const call = ask("/v3lockpb.Lock/Unlock", { request, response }, { key: latin1(key) });
  return call.error ?? `@${call.response?.header?.revision}`;
}

function campaign(name: string, lease: bigint, value: string): Call<{ leader?: LeaderKey }> {
  const { CampaignRequest: request, CampaignResponse: response } = DESCRIPTORS;
  const asked = { name: latin1(name), lease, value: latin1(value) };
  return ask(CAMPAIGN, { request, response } as never, asked);
}

function proclaim(leader: Draft<LeaderKey> | undefined, value: string): string {
  const { ProclaimRequest: request, ProclaimResponse: response } = DESCRIPTORS;
  const asked = { ...(leader && { leader }), value: latin1(value) };
  const call = ask("/v3electionpb.Election/Proclaim", { request, response }, asked);
  return call.error ?? `@${call.response?.header?.revision}`;
}

function resign(leader: Draft<LeaderKey> | undefined): string {
  const { ResignRequest: request, ResignResponse: response } = DESCRIPTORS;
  const path = "/v3electionpb.Election/Resign";
  const call = ask(path, { request, response }, leader === undefined ? {} : { leader });
  return call.error ?? `@${call.response?.header?.revision}`;
}

function leader(name: string): string {
  const { LeaderRequest: request, LeaderResponse: response } = DESCRIPTORS;
  const path = "/v3electionpb.Election/Leader";
  const call = ask(path, { request, response }, { name: latin1(name) });
  return call.error ?? kvText(call.response);
}

function kvText(response: LeaderResponse | undefined): string {
  const { kv } = response ?? {};
  return `${textOf(kv?.key)}=${textOf(kv?.value)}`;
}

function textOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString("latin1");
}

function keys(): number {
  return opened.store.keyCount;
}

test.each([
  [0x5en, "l/5e"],
  [-1n, "l/-1"],
  [-(2n ** 63n), "l/-8000000000000000"],
  [2n ** 63n - 1n, "l/7fffffffffffffff"],
])("the key of lease %s is %s (X1)", (lease, key) => {
  expect(textOf(placeKey(latin1("l"), lease))).toBe(key);
});

test("a queue is what begins with its name and a slash (X1)", () => {
  expect(queueRange(latin1("a"))).toEqual({
    kind: "range",
    start: latin1("a/"),
    end: latin1("a0"),
  });
});

describe("Lock", () => {
  test("is held by one, and goes to the next in the order of asking (X1, X2)", () => {
    for (const lease of [1n, 2n, 3n]) grant(lease);
    const first = lock("l", 1n);
    expect(textOf(first.response?.key)).toBe("l/1");
    const second = lock("l", 2n);
    const third = lock("l", 3n);
    expect([second.isAnswered, third.isAnswered]).toEqual([false, false]);
    expect(unlock("l/1")).toBe("@5");
    expect([second.isAnswered, third.isAnswered]).toEqual([true, false]);
    expect(second.response).toMatchObject({ key: latin1("l/2"), header: { revision: 5 } });
    revoke(2n);
    expect(textOf(third.response?.key)).toBe("l/3");
    expect(opened.hub.watcherCount).toBe(0);
  });

  test("one that leaves the queue lets those behind it wait for those before (X1, X3)", () => {
    for (const lease of [1n, 2n, 3n]) grant(lease);
    lock("l", 1n);
    const second = lock("l", 2n);
    const third = lock("l", 3n);
    second.leave();
    timers.settle();
    expect([keys(), third.isAnswered]).toEqual([2, false]);
    unlock("l/1");
    expect([second.isAnswered, textOf(third.response?.key)]).toEqual([false, "l/3"]);
    expect(opened.hub.watcherCount).toBe(0);
  });

  test("of the same lease again is answered at once with the same key (X2)", () => {
    grant(1n);
    lock("l", 1n);
    expect(lock("l", 1n).response).toMatchObject({ key: latin1("l/1"), header: { revision: 2 } });
    expect(keys()).toBe(1);
  });

  test("without a lease gets one of 60 s that nobody keeps alive (X1)", () => {
    const call = lock("l", 0n);
    expect(textOf(call.response?.key)).toBe("l/100000002");
    expect(opened.leases.timeToLive(0x1_0000_0002n)?.lease.ttlSeconds).toBe(60);
    timers.pass(60_500);
    timers.settle();
    expect(keys()).toBe(0);
  });

  test("whose lease ended in the queue is refused when its turn comes (X1)", () => {
    for (const lease of [1n, 2n]) grant(lease);
    lock("l", 1n);
    const second = lock("l", 2n);
    revoke(2n);
    expect(second.isAnswered).toBe(false);
    unlock("l/1");
    expect(second.error).toBe("2: mutex: session is expired");
  });

  test("with an unknown lease is refused as Unknown (X5)", () => {
    expect(lock("l", 7n).error).toBe("2: etcdserver: requested lease not found");
  });

  test("asked for by one who left before the answer leaves no key (X3)", () => {
    for (const lease of [1n, 2n]) grant(lease);
    const { LockRequest: request, LockResponse: response } = DESCRIPTORS;
    const bytes = toBytes(request, { name: latin1("l"), lease: 1n });
    const first = new Call(methods.get(LOCK), bytes, response);
    first.leave();
    timers.settle();
    expect([keys(), first.isAnswered]).toEqual([0, false]);
    // A place that stood there before the call is not the call's to give up.
    lock("l", 2n);
    const again = toBytes(request, { name: latin1("l"), lease: 2n });
    new Call(methods.get(LOCK), again, response).leave();
    timers.settle();
    expect(keys()).toBe(1);
  });

  test("of one who left while a lease was made for him leaves no key (X3)", () => {
    const { LockRequest: request, LockResponse: response } = DESCRIPTORS;
    const bytes = toBytes(request, { name: latin1("l") });
    const call = new Call(methods.get(LOCK), bytes, response, { hasLeft: true });
    timers.settle();
    expect([keys(), call.isAnswered]).toEqual([0, false]);
  });

  test("waits on when an operator cancels what it waits by", () => {
    for (const lease of [1n, 2n]) grant(lease);
    lock("l", 1n);
    const second = lock("l", 2n);
    for (const stream of opened.hub.streams) {
      for (const watcher of [...stream.watchers]) stream.cancelByOperator(watcher.id, "no more");
    }
    timers.settle();
    expect([second.isAnswered, opened.hub.watcherCount]).toEqual([false, 1]);
    unlock("l/1");
    expect(textOf(second.response?.key)).toBe("l/2");
  });

  test("gives the place up when there are too many watchers", () => {
    for (let lease = 1n; lease <= 6n; lease++) grant(lease);
    const calls = [1n, 2n, 3n, 4n, 5n, 6n].map((lease) => lock("l", lease));
    expect(calls[5]?.error).toBe("2: etcdserver: too many watchers");
    expect(keys()).toBe(5);
  });
});

test("Unlock deletes the key whatever it is, and needs none to be there (X4)", () => {
  expect(unlock("nothing")).toBe("@1");
  expect(unlock("")).toBe("2: etcdserver: key is not provided");
});

describe("Election", () => {
  test("is won by one after the other (X6)", () => {
    for (const lease of [1n, 2n]) grant(lease);
    const first = campaign("e", 1n, "one");
    expect(first.response?.leader).toEqual({
      name: latin1("e"),
      key: latin1("e/1"),
      rev: 2,
      lease: 1n,
    });
    const second = campaign("e", 2n, "two");
    expect([second.isAnswered, leader("e")]).toEqual([false, "e/1=one"]);
    expect(resign(first.response?.leader)).toBe("@4");
    expect(second.response?.leader?.rev).toBe(3);
    expect(leader("e")).toBe("e/2=two");
    // A leader that has resigned may do so again.
    expect(resign(first.response?.leader)).toBe("@4");
  });

  test("a candidate that leaves is none any more (X3, X6)", () => {
    for (const lease of [1n, 2n]) grant(lease);
    campaign("e", 1n, "one");
    campaign("e", 2n, "two").leave();
    timers.settle();
    expect([keys(), opened.hub.watcherCount]).toEqual([1, 0]);
  });

  test("a second candidacy of a lease says something new (X6)", () => {
    grant(1n);
    campaign("e", 1n, "one");
    expect(campaign("e", 1n, "other").response?.leader?.rev).toBe(2);
    expect(leader("e")).toBe("e/1=other");
  });

  test("the leader says something new; who is none may not (X7)", () => {
    grant(1n);
    const won = campaign("e", 1n, "one").response?.leader;
    expect(proclaim(won, "again")).toBe("@3");
    expect(leader("e")).toBe("e/1=again");
    expect(proclaim({ ...won, rev: 9 }, "no")).toBe("2: election: not leader");
    expect(proclaim(undefined, "no")).toBe('2: "leader" field must be provided');
    expect(resign(undefined)).toBe('2: "leader" field must be provided');
  });

  test("without candidates has no leader (X8)", () => {
    expect(leader("e")).toBe("2: election: no leader");
  });
});

describe("Observe", () => {
  interface Observer {
    readonly call: FakeStreamCall;
    readonly told: () => readonly string[];
    readonly drained: () => void;
    readonly end: () => void;
  }

  function observe(name: string): Observer {
    const method = methods.get("/v3electionpb.Election/Observe");
    if (method?.kind !== "stream") throw new Error("not a stream");
    const call = new FakeStreamCall();
    const handler = method.open(call);
    handler.message(toBytes(DESCRIPTORS.LeaderRequest, { name: latin1(name) }));
    handler.halfClosed();
    const told = (): readonly string[] =>
      call.sent.map((bytes) => kvText(decode(DESCRIPTORS.LeaderResponse, bytes)));
    return { call, told, drained: () => handler.drained(), end: () => handler.cancelled() };
  }

  test("tells the leader, what it says next, and who comes after it (X9)", () => {
    for (const lease of [1n, 2n]) grant(lease);
    const early = observe("e");
    const won = campaign("e", 1n, "one").response?.leader;
    campaign("e", 2n, "two");
    const late = observe("e");
    proclaim(won, "1b");
    expect(late.told()).toEqual(["e/1=one", "e/1=1b"]);
    resign(won);
    const all = ["e/1=one", "e/1=1b", "e/2=two"];
    expect([early.told(), late.told()]).toEqual([all, all]);
    revoke(2n);
    grant(3n);
    campaign("e", 3n, "three");
    expect(early.told()).toEqual([...all, "e/3=three"]);
    early.end();
    late.end();
    expect(opened.hub.watcherCount).toBe(0);
  });

  test("tells the latest alone to a client that was slow (X9)", () => {
    grant(1n);
    const slow = observe("e");
    slow.call.takesOne = true;
    const won = campaign("e", 1n, "1").response?.leader;
    for (const value of ["2", "3", "4"]) proclaim(won, value);
    expect(slow.told()).toEqual(["e/1=1"]);
    slow.call.writable = true;
    slow.drained();
    expect(slow.told()).toEqual(["e/1=1", "e/1=4"]);
  });

  test("of no name at all fails", () => {
    const method = methods.get("/v3electionpb.Election/Observe");
    if (method?.kind !== "stream") throw new Error("not a stream");
    const call = new FakeStreamCall();
    method.open(call).halfClosed();
    expect(call.ended?.code).toBe(13);
  });
});
