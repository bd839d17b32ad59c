import { beforeEach, describe, expect, test } from "vitest";
import { guardMethods } from "../../../src/api/auth/guard.ts";
import { policyTable } from "../../../src/api/auth/policy.ts";
import type { Method, StreamCall, UnaryCall } from "../../../src/api/call.ts";
import { DESCRIPTORS } from "../../../src/api/proto/codec.ts";
import { SERVICES } from "../../../src/api/proto/services.ts";
import { FakeStreamCall, FakeUnaryCall } from "../fake-calls.ts";
import { TestServices, toBytes } from "../test-services.ts";
import { AuthWorld, bytes, type Credentials, withCredentials } from "./auth-world.ts";

const { PutRequest, RangeRequest, TxnRequest, AlarmRequest } = DESCRIPTORS;
const KV = "/etcdserverpb.KV/";

let world: AuthWorld;
beforeEach(() => {
  world = new AuthWorld();
});

describe("the policy table", () => {
  test("has a row for every RPC that is served, and for every one of the interface", () => {
    const rows = [...policyTable({ maxTxnOps: 128 }).keys()];
    const known = SERVICES.flatMap(({ methods }) => methods.map(({ path }) => path));
    expect(rows.toSorted()).toEqual(known.toSorted());
    expect(new TestServices().methods.size).toBeGreaterThan(40);
    for (const path of new TestServices().methods.keys()) expect(rows).toContain(path);
  });

  test("what has no row is refused to everybody, whether auth is on or off", () => {
    const reached: string[] = [];
    const table = guardMethods(
      new Map<string, Method>([
        ["/a/Unary", { kind: "unary", handle: () => void reached.push("unary") }],
        ["/a/Stream", { kind: "stream", open: () => expect.fail() }],
      ]),
      { gate: world.gate, policies: new Map() },
    );
    const unary = new FakeUnaryCall();
    const stream = new FakeStreamCall();
    const [one, two] = [table.get("/a/Unary"), table.get("/a/Stream")];
    if (one?.kind === "unary") one.handle(bytes(""), unary);
    if (two?.kind === "stream") two.open(stream).message(bytes(""));
    expect([unary.answer?.code, stream.ended?.code, reached]).toEqual([7, 7, []]);
  });
});

describe("what comes before permission", () => {
  test("faults that the request has by itself, as in etcd (E10, E14, K50)", () => {
    world.enable();
    expect(world.call(`${KV}Range`, RangeRequest, {})).toBe("key is not provided");
    expect(world.call(`${KV}Put`, PutRequest, {})).toBe("key is not provided");
    const put = { request: { kind: "requestPut", value: { key: bytes("a") } } } as const;
    expect(world.call(`${KV}Txn`, TxnRequest, { success: [put, put] })).toBe(
      "duplicate key given in txn request",
    );
    const many = Array.from({ length: 129 }, () => put);
    expect(world.call(`${KV}Txn`, TxnRequest, { success: many })).toBe(
      "too many operations in txn request",
    );
  });

  test("a request that cannot be read reaches nobody (E82)", () => {
    const root = world.enable();
    for (const path of [`${KV}Put`, `${KV}RangeStream`, "/v3lockpb.Lock/Lock"]) {
      expect(world.callBytes(path, bytes("\x0a\xff"), root)).toContain("error unmarshalling");
    }
  });
});

describe("rules of single RPCs", () => {
  test("a txn about nothing needs a user all the same", () => {
    world.enable();
    expect(world.call(`${KV}Txn`, TxnRequest, {})).toBe("user name is empty");
    expect(world.call(`${KV}Txn`, TxnRequest, {}, world.addUser("ann"))).toBe("ok");
  });

  test("one may look at oneself, and at a role that one has (A21)", () => {
    world.enable();
    const ann = world.addUser("ann");
    world.addUser("bob");
    const ask = (path: string, name: string): string =>
      path === "UserGet"
        ? world.call("/etcdserverpb.Auth/UserGet", DESCRIPTORS.AuthUserGetRequest, { name }, ann)
        : world.call(
            "/etcdserverpb.Auth/RoleGet",
            DESCRIPTORS.AuthRoleGetRequest,
            { role: name },
            ann,
          );
    expect([ask("UserGet", "ann"), ask("UserGet", "bob")]).toEqual(["ok", "permission denied"]);
    expect([ask("RoleGet", "ann"), ask("RoleGet", "bob")]).toEqual(["ok", "permission denied"]);
    const empty = world.call("/etcdserverpb.Auth/UserGet", DESCRIPTORS.AuthUserGetRequest, {});
    expect(empty).toBe("user name is empty");
  });

  test("alarms are shown to every user, and changed by root alone (A20, A21)", () => {
    const root = world.enable();
    const ann = world.addUser("ann");
    const ask = (action: number, who: Credentials): string =>
      world.call("/etcdserverpb.Maintenance/Alarm", AlarmRequest, { action }, who);
    expect([0, 1, 2, 7].map((action) => ask(action, ann))).toEqual([
      "ok",
      "permission denied",
      "permission denied",
      "permission denied",
    ]);
    expect([0, 1, 2, 7].map((action) => ask(action, root))).toEqual(["ok", "ok", "ok", "ok"]);
  });

  test("a lease tells of keys only to those who may read them all (L17)", () => {
    world.enable();
    world.leases.held.set(1n, ["a"]);
    world.leases.held.set(2n, ["b"]);
    const ann = world.addUser("ann", [[0, "a", ""]]);
    const bob = world.addUser("bob", [[0, "a", "c"]]);
    const timeToLive = (ID: bigint, keys: boolean, who: Credentials): string =>
      world.call(
        "/etcdserverpb.Lease/LeaseTimeToLive",
        DESCRIPTORS.LeaseTimeToLiveRequest,
        { ID, keys },
        who,
      );
    expect(timeToLive(1n, true, ann)).toBe("ok");
    expect(timeToLive(2n, true, ann)).toBe("permission denied");
    expect(timeToLive(2n, false, ann)).toBe("ok");
    expect(timeToLive(99n, true, ann)).toBe("ok");
    const leases = (who: Credentials): string =>
      world.call("/etcdserverpb.Lease/LeaseLeases", DESCRIPTORS.LeaseLeasesRequest, {}, who);
    expect([leases(ann), leases(bob)]).toEqual(["permission denied", "ok"]);
  });

  test("a lock without a lease needs all keys of the queue, since the server chooses one (X1)", () => {
    world.enable();
    const lock = (lease: bigint, who: Credentials): string =>
      world.call("/v3lockpb.Lock/Lock", DESCRIPTORS.LockRequest, { name: bytes("q"), lease }, who);
    const one = world.addUser("one", [
      [0, "q/", "q0"],
      [1, "q/ff", ""],
      [1, "q/-1", ""],
    ]);
    const all = world.addUser("all", [[2, "q/", "q0"]]);
    expect([lock(0xffn, one), lock(-1n, one), lock(0xfen, one), lock(0n, one)]).toEqual([
      "ok",
      "ok",
      "permission denied",
      "permission denied",
    ]);
    expect(lock(0n, all)).toBe("ok");
  });

  test("an identity of an older auth revision is too old for keys (A17, A24, E52)", () => {
    world.enable();
    world.leases.held.set(1n, ["a"]);
    const judge = world.gate.judge({ user: "root", authRevision: world.auth.revision });
    const aboutKeys = (): (string | undefined)[] =>
      [
        judge.reads(bytes("a"), bytes("")),
        judge.writes(bytes("a"), bytes("")),
        judge.watches([{ kind: "single", key: bytes("a") }]),
        judge.current(),
      ].map((refused) => refused?.name);
    expect(aboutKeys()).toEqual(new Array(4).fill(undefined));
    world.addUser("ann", [[2, "a", ""]]);
    expect(aboutKeys()).toEqual(new Array(4).fill("authOldRevision"));
    // Those of a lease count for users who are not root.
    const leases = (user: string): (string | undefined)[] => {
      const old = world.gate.judge({ user, authRevision: world.auth.revision - 1 });
      return [
        old.writesLease(1n),
        old.readsLease(1n),
        old.readsAllLeases(),
        old.readsLease(9n),
      ].map((refused) => refused?.name);
    };
    expect(leases("root")).toEqual(new Array(4).fill(undefined));
    expect(leases("ann")).toEqual([...new Array(3).fill("authOldRevision"), undefined]);
    // Whoever makes several changes of users needs no new token for each.
    expect([judge.root(), judge.identified()]).toEqual([undefined, undefined]);
  });
});

describe("calls that go on for longer", () => {
  function waiting(path: string): {
    readonly call: FakeUnaryCall;
    readonly seen: () => UnaryCall;
    readonly handle: (request: Uint8Array, who: Credentials) => void;
  } {
    let inner: UnaryCall | undefined;
    const method: Method = { kind: "unary", handle: (_, call) => void (inner = call) };
    const table = guardMethods(new Map([[path, method]]), {
      gate: world.gate,
      policies: policyTable({ maxTxnOps: 128 }),
    });
    const guarded = table.get(path);
    const call = new FakeUnaryCall();
    return {
      call,
      seen: () => inner ?? expect.fail(),
      handle: (request, who) => {
        if (guarded?.kind === "unary") guarded.handle(request, withCredentials(call, who));
      },
    };
  }

  const LOCK = toBytes(DESCRIPTORS.LockRequest, { name: bytes("q"), lease: 1n });
  const QUEUE = [2, "q/", "q0"] as const;

  test("are asked again before they change something, and before they are answered (A24)", () => {
    world.enable();
    const ann = world.addUser("ann", [QUEUE]);
    const { call, seen, handle } = waiting("/v3lockpb.Lock/Lock");
    handle(LOCK, ann);
    expect(seen().recheck?.()).toBeUndefined();
    world.revoke("ann", QUEUE);
    expect(seen().recheck?.()?.name).toBe("permissionDenied");
    world.grant("ann", QUEUE);
    expect(seen().recheck?.()).toBeUndefined();
    world.revoke("ann", QUEUE);
    seen().reply(bytes("the lock"));
    // In etcd's words without its code, as it comes from a call inside of the recipe (X5).
    const refused = { code: 2, text: "etcdserver: permission denied", message: undefined };
    expect(call.answer).toMatchObject(refused);
  });

  test("are not answered after they were refused, whoever forgets about it", () => {
    world.enable();
    const ann = world.addUser("ann", [QUEUE]);
    const { call, seen, handle } = waiting("/v3lockpb.Lock/Lock");
    handle(LOCK, ann);
    world.revoke("ann", QUEUE);
    seen().recheck?.();
    seen().reply(bytes("the lock"));
    expect(call.answer?.message).toBeUndefined();
  });

  test("are asked when auth was switched on meanwhile", () => {
    const { call, seen, handle } = waiting("/v3lockpb.Lock/Lock");
    handle(LOCK, {});
    world.enable();
    seen().reply(bytes("the lock"));
    expect(call.answer?.text).toBe("etcdserver: user name is empty");
  });

  test("are answered as they were, where nothing has changed that concerns them", () => {
    world.enable();
    const ann = world.addUser("ann", [QUEUE]);
    const { call, seen, handle } = waiting("/v3lockpb.Lock/Lock");
    handle(LOCK, ann);
    world.addUser("bob");
    seen().reply(bytes("the lock"));
    expect(call.answer?.message).toEqual(bytes("the lock"));
  });

  function streaming(path: string, who: Credentials) {
    let inner: StreamCall | undefined;
    const told: string[] = [];
    const method: Method = {
      kind: "stream",
      open: (call) => {
        inner = call;
        return {
          message: () => void told.push("message"),
          halfClosed: () => void told.push("half-closed"),
          cancelled: () => void told.push("cancelled"),
          drained: () => void told.push("drained"),
        };
      },
    };
    const table = guardMethods(new Map([[path, method]]), {
      gate: world.gate,
      policies: policyTable({ maxTxnOps: 128 }),
    });
    const guarded = table.get(path);
    const call = withCredentials(new FakeStreamCall(), who);
    if (guarded?.kind !== "stream") return expect.fail();
    const handler = guarded.open(call);
    return { call, handler, told, inner: inner ?? expect.fail() };
  }

  const RANGE = toBytes(RangeRequest, { key: bytes("a"), rangeEnd: bytes("c") });

  test("a stream ends when its caller loses the right to the rest of it (A25)", () => {
    world.enable();
    const ann = world.addUser("ann", [[0, "a", "c"]]);
    const { call, handler, told, inner } = streaming(`${KV}RangeStream`, ann);
    handler.message(RANGE);
    inner.send(bytes("one"));
    world.addUser("bob");
    inner.send(bytes("two"));
    world.revoke("ann", [0, "a", "c"]);
    inner.send(bytes("three"));
    inner.send(bytes("four"));
    handler.drained();
    handler.cancelled();
    expect(call.sent).toHaveLength(2);
    expect(call.ended).toEqual({ code: 7, text: "etcdserver: permission denied" });
    expect(told).toEqual(["message", "cancelled"]);
    expect(inner.writable).toBe(false);
  });

  test("a renewal that is refused ends its stream (L8)", () => {
    world.enable();
    world.leases.held.set(5n, ["z"]);
    const { call, handler, told } = streaming(
      "/etcdserverpb.Lease/LeaseKeepAlive",
      world.addUser("ann", [[1, "a", ""]]),
    );
    const renew = (ID: bigint): void =>
      handler.message(toBytes(DESCRIPTORS.LeaseKeepAliveRequest, { ID }));
    renew(1n);
    renew(5n);
    renew(1n);
    expect(call.ended?.code).toBe(7);
    expect(told).toEqual(["message", "cancelled"]);
  });

  test("a stream passes everything else on", () => {
    const { call, handler, told, inner } = streaming(`${KV}RangeStream`, {});
    handler.message(RANGE);
    handler.drained();
    handler.halfClosed();
    inner.end(0, "");
    expect(told).toEqual(["message", "drained", "half-closed"]);
    expect(call.ended).toEqual({ code: 0, text: "" });
  });
});
