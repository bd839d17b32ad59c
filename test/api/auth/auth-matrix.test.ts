import { describe, expect, test } from "vitest";
import { DESCRIPTORS, type Descriptor, type Draft } from "../../../src/api/proto/codec.ts";
import type { RequestOp, TxnRequest } from "../../../src/api/proto/messages-key-value.ts";
import { SERVICES } from "../../../src/api/proto/services.ts";
import { permits } from "./auth-oracle.ts";
import { AuthWorld, bytes, type Credentials, type Grant } from "./auth-world.ts";

/**
 * Every RPC, by everybody, for every shape of range, in every place where a range can stand; what
 * the guard lets through is compared with an oracle that asks key by key. Nothing is left to the
 * single methods: the guard stands before all of them, and the list of RPCs is the interface's own.
 */
type Asked = readonly [key: string, rangeEnd: string];

const SHAPES: Readonly<Record<string, Asked>> = {
  "the key granted": ["b", ""],
  "another key": ["a", ""],
  "a key below the prefix": ["ba", ""],
  "one key as a range": ["b", "b\0"],
  "the prefix": ["b", "c"],
  "over the prefix's end": ["b", "ca"],
  "over two grants that touch": ["a", "c"],
  "from the key on": ["b", "\0"],
  "from below the key on": ["a", "\0"],
  everything: ["\0", "\0"],
  "a range that ends where it starts": ["b", "b"],
  "a reversed range": ["c", "b"],
  "a reversed range around the key": ["d", "a"],
};

const LEASE = 77n;

interface Who {
  readonly credentials: (world: AuthWorld) => Credentials;
  readonly grants: readonly Grant[];
  /** What everything is answered with; undefined = it depends. */
  readonly always?: string;
}

const NOBODY = "user name is empty";
const BAD_TOKEN = "invalid auth token";
const DENIED = "permission denied";

function userWith(...grants: readonly Grant[]): Who {
  return { grants, credentials: (world) => world.addUser("user", grants) };
}

const IDENTITIES: Readonly<Record<string, Who>> = {
  anonymous: { grants: [], credentials: () => ({}), always: NOBODY },
  "a bad token": {
    grants: [],
    credentials: () => ({ headers: { token: "nemViLJmMLrfJNuo.39" } }),
    always: BAD_TOKEN,
  },
  "a bad token as authorization, beside root's certificate": {
    grants: [],
    credentials: () => ({ headers: { authorization: "Bearer x.1" }, commonName: "root" }),
    always: BAD_TOKEN,
  },
  "an expired token": {
    grants: [],
    credentials: (world) => {
      const who = world.addUser("user", [[2, "\0", "\0"]]);
      world.clock.nowMs += 300_000;
      return who;
    },
    always: BAD_TOKEN,
  },
  "a user who is deleted": {
    grants: [],
    credentials: (world) => {
      const who = world.addUser("user", [[2, "\0", "\0"]]);
      world.change({ kind: "user-delete", name: "user" });
      return who;
    },
    always: DENIED,
  },
  "a certificate of nobody": {
    grants: [],
    credentials: () => ({ commonName: "ghost" }),
    always: DENIED,
  },
  "root's certificate on the gateway": {
    grants: [],
    credentials: () => ({ commonName: "root", headers: { "grpcgateway-accept": "*/*" } }),
    always: NOBODY,
  },
  root: { grants: [], credentials: (world) => world.login("root"), always: "ok" },
  "root by certificate": { grants: [], credentials: () => ({ commonName: "root" }), always: "ok" },
  "root by Bearer": {
    grants: [],
    credentials: (world) => {
      const { token = "" } = world.login("root").headers ?? {};
      return { headers: { authorization: `Bearer ${token}` } };
    },
    always: "ok",
  },
  "a user with the role root": {
    grants: [],
    credentials: (world) => {
      const who = world.addUser("user");
      world.change({ kind: "user-grant-role", name: "user", role: "root" });
      return who;
    },
    always: "ok",
  },
  "a user without grants": userWith(),
  "READ of a key": userWith([0, "b", ""]),
  "WRITE of a key": userWith([1, "b", ""]),
  "READWRITE of a key": userWith([2, "b", ""]),
  "READ of a prefix": userWith([0, "b", "c"]),
  "WRITE of a prefix, READ of its key": userWith([1, "b", "c"], [0, "b", ""]),
  "READ of two ranges that touch": userWith([0, "a", "b"], [0, "b", "c"]),
  "READWRITE of two ranges with a key between": userWith([2, "a", "b"], [2, "ba", "c"]),
  "READ from a key on": userWith([0, "b", "\0"]),
  "READWRITE from a key on": userWith([2, "b", "\0"]),
  "READWRITE of everything": userWith([2, "\0", "\0"]),
  "a grant of a type that nobody knows": userWith([7, "\0", "\0"]),
  "a grant that was revoked": {
    grants: [[0, "a", ""]],
    credentials: (world) => {
      const who = world.addUser("user", [
        [2, "\0", "\0"],
        [0, "a", ""],
      ]);
      world.revoke("user", [2, "\0", "\0"]);
      return who;
    },
  },
};

interface Need {
  readonly kind: "read" | "write";
  readonly asked: Asked;
}

/** One place where a range stands: the request, and what its caller must have. */
interface Place {
  readonly path: string;
  readonly request: (asked: Asked) => readonly [Descriptor<unknown>, Draft<unknown>];
  readonly needs: (asked: Asked) => readonly Need[];
  /** Whether only requests of one key can stand here. */
  readonly singleOnly?: boolean;
}

const readOf = (asked: Asked): readonly Need[] => [{ kind: "read", asked }];
const writeOf = (asked: Asked): readonly Need[] => [{ kind: "write", asked }];
const bothOf = (asked: Asked): readonly Need[] => [...writeOf(asked), ...readOf(asked)];
const keys = ([key, end]: Asked): { key: Uint8Array; rangeEnd: Uint8Array } => ({
  key: bytes(key),
  rangeEnd: bytes(end),
});

/** What can stand in a txn, as RequestOps. */
const OPS: Readonly<
  Record<string, Omit<Place, "path" | "request"> & { op: (asked: Asked) => Draft<RequestOp> }>
> = {
  range: {
    needs: readOf,
    op: (asked) => ({ request: { kind: "requestRange", value: keys(asked) } }),
  },
  put: {
    needs: writeOf,
    singleOnly: true,
    op: ([key]) => ({ request: { kind: "requestPut", value: { key: bytes(key) } } }),
  },
  "put.prev_kv": {
    needs: bothOf,
    singleOnly: true,
    op: ([key]) => ({ request: { kind: "requestPut", value: { key: bytes(key), prevKv: true } } }),
  },
  "put.lease": {
    needs: ([key]) => [...writeOf([key, ""]), ...writeOf(["ba", ""])],
    singleOnly: true,
    op: ([key]) => ({ request: { kind: "requestPut", value: { key: bytes(key), lease: LEASE } } }),
  },
  delete: {
    needs: writeOf,
    op: (asked) => ({ request: { kind: "requestDeleteRange", value: keys(asked) } }),
  },
  "delete.prev_kv": {
    needs: bothOf,
    op: (asked) => ({
      request: { kind: "requestDeleteRange", value: { ...keys(asked), prevKv: true } },
    }),
  },
};

/** Where in a txn an op can stand. */
const NESTINGS: Readonly<Record<string, (op: Draft<RequestOp>) => Draft<TxnRequest>>> = {
  "in then": (op) => ({ success: [op] }),
  "in else": (op) => ({ failure: [op] }),
  "the second of then": (op) => ({ success: [{ request: { kind: "requestTxn", value: {} } }, op] }),
  "nested in then": (op) => ({ success: [nested({ success: [op] })] }),
  "nested twice, in else": (op) => ({
    failure: [nested({ failure: [nested({ failure: [op] })] })],
  }),
};

function nested(value: Draft<TxnRequest>): Draft<RequestOp> {
  return { request: { kind: "requestTxn", value } };
}

function txnPlaces(): Record<string, Place> {
  const places: Record<string, Place> = {};
  for (const [nesting, txnOf] of Object.entries(NESTINGS)) {
    for (const [name, { op, needs, ...more }] of Object.entries(OPS)) {
      places[`${name}, ${nesting}`] = {
        path: "/etcdserverpb.KV/Txn",
        request: (asked) => [DESCRIPTORS.TxnRequest, txnOf(op(asked))],
        needs,
        ...more,
      };
    }
  }
  return places;
}

const KV = "/etcdserverpb.KV/";

const PLACES: Readonly<Record<string, Place>> = {
  Range: {
    path: `${KV}Range`,
    request: (asked) => [DESCRIPTORS.RangeRequest, keys(asked)],
    needs: readOf,
  },
  RangeStream: {
    path: `${KV}RangeStream`,
    request: (asked) => [DESCRIPTORS.RangeRequest, keys(asked)],
    needs: readOf,
  },
  Put: {
    path: `${KV}Put`,
    request: ([key]) => [DESCRIPTORS.PutRequest, { key: bytes(key) }],
    needs: writeOf,
    singleOnly: true,
  },
  "Put with prev_kv": {
    path: `${KV}Put`,
    request: ([key]) => [DESCRIPTORS.PutRequest, { key: bytes(key), prevKv: true }],
    needs: bothOf,
    singleOnly: true,
  },
  "Put with a lease": {
    path: `${KV}Put`,
    request: ([key]) => [DESCRIPTORS.PutRequest, { key: bytes(key), lease: LEASE }],
    needs: ([key]) => [...writeOf([key, ""]), ...writeOf(["ba", ""])],
    singleOnly: true,
  },
  DeleteRange: {
    path: `${KV}DeleteRange`,
    request: (asked) => [DESCRIPTORS.DeleteRangeRequest, keys(asked)],
    needs: writeOf,
  },
  "DeleteRange with prev_kv": {
    path: `${KV}DeleteRange`,
    request: (asked) => [DESCRIPTORS.DeleteRangeRequest, { ...keys(asked), prevKv: true }],
    needs: bothOf,
  },
  compare: {
    path: `${KV}Txn`,
    request: (asked) => [DESCRIPTORS.TxnRequest, { compare: [keys(asked)] }],
    needs: readOf,
  },
  "compare, nested": {
    path: `${KV}Txn`,
    request: (asked) => [DESCRIPTORS.TxnRequest, { success: [nested({ compare: [keys(asked)] })] }],
    needs: readOf,
  },
  ...txnPlaces(),
  Unlock: {
    path: "/v3lockpb.Lock/Unlock",
    request: ([key]) => [DESCRIPTORS.UnlockRequest, { key: bytes(key) }],
    needs: writeOf,
    singleOnly: true,
  },
  Proclaim: {
    path: "/v3electionpb.Election/Proclaim",
    request: ([key]) => [DESCRIPTORS.ProclaimRequest, { leader: { key: bytes(key) } }],
    needs: bothOf,
    singleOnly: true,
  },
  Resign: {
    path: "/v3electionpb.Election/Resign",
    request: ([key]) => [DESCRIPTORS.ResignRequest, { leader: { key: bytes(key) } }],
    needs: bothOf,
    singleOnly: true,
  },
};

/** RPCs that are about no range of their own choice: what each needs, for a lease on the key ba. */
type Level = "open" | "user" | "root" | readonly Need[];

const BA: Asked = ["ba", ""];
const QUEUE: Asked = ["b/", "b0"];
const queueNeeds: readonly Need[] = [{ kind: "read", asked: QUEUE }, ...writeOf(["b/1f", ""])];
const REST: Readonly<Record<string, readonly [Draft<unknown>, Level]>> = {
  "/etcdserverpb.KV/Compact": [{}, "root"],
  "/etcdserverpb.Lease/LeaseGrant": [{ TTL: 10 }, "user"],
  "/etcdserverpb.Lease/LeaseRevoke": [{ ID: LEASE }, writeOf(BA)],
  "/etcdserverpb.Lease/LeaseKeepAlive": [{ ID: LEASE }, writeOf(BA)],
  "/etcdserverpb.Lease/LeaseTimeToLive": [{ ID: LEASE, keys: true }, readOf(BA)],
  "/etcdserverpb.Lease/LeaseLeases": [{}, readOf(BA)],
  "/etcdserverpb.Cluster/MemberAdd": [{}, "root"],
  "/etcdserverpb.Cluster/MemberRemove": [{}, "root"],
  "/etcdserverpb.Cluster/MemberUpdate": [{}, "root"],
  "/etcdserverpb.Cluster/MemberList": [{}, "user"],
  "/etcdserverpb.Cluster/MemberPromote": [{}, "root"],
  "/etcdserverpb.Maintenance/Alarm": [{ action: 1 }, "root"],
  "/etcdserverpb.Maintenance/Status": [{}, "user"],
  "/etcdserverpb.Maintenance/Defragment": [{}, "root"],
  "/etcdserverpb.Maintenance/Hash": [{}, "root"],
  "/etcdserverpb.Maintenance/HashKV": [{}, "root"],
  "/etcdserverpb.Maintenance/Snapshot": [{}, "root"],
  "/etcdserverpb.Maintenance/MoveLeader": [{}, "root"],
  "/etcdserverpb.Maintenance/Downgrade": [{}, "root"],
  "/etcdserverpb.Auth/AuthEnable": [{}, "root"],
  "/etcdserverpb.Auth/AuthDisable": [{}, "root"],
  "/etcdserverpb.Auth/AuthStatus": [{}, "open"],
  "/etcdserverpb.Auth/Authenticate": [{ name: "user", password: "x" }, "open"],
  "/etcdserverpb.Auth/UserAdd": [{ name: "new", password: "x" }, "root"],
  "/etcdserverpb.Auth/UserGet": [{ name: "root" }, "root"],
  "/etcdserverpb.Auth/UserList": [{}, "root"],
  "/etcdserverpb.Auth/UserDelete": [{ name: "user" }, "root"],
  // Not even one's own (A20).
  "/etcdserverpb.Auth/UserChangePassword": [{ name: "user", password: "y" }, "root"],
  "/etcdserverpb.Auth/UserGrantRole": [{ user: "user", role: "root" }, "root"],
  "/etcdserverpb.Auth/UserRevokeRole": [{ name: "user", role: "user" }, "root"],
  "/etcdserverpb.Auth/RoleAdd": [{ name: "new" }, "root"],
  "/etcdserverpb.Auth/RoleGet": [{ role: "other" }, "root"],
  "/etcdserverpb.Auth/RoleList": [{}, "root"],
  "/etcdserverpb.Auth/RoleDelete": [{ role: "user" }, "root"],
  "/etcdserverpb.Auth/RoleGrantPermission": [{ name: "user", perm: { permType: 2 } }, "root"],
  "/etcdserverpb.Auth/RoleRevokePermission": [{ role: "user" }, "root"],
  "/v3lockpb.Lock/Lock": [{ name: bytes("b"), lease: 0x1fn }, queueNeeds],
  "/v3electionpb.Election/Campaign": [{ name: bytes("b"), lease: 0x1fn }, queueNeeds],
  "/v3electionpb.Election/Leader": [{ name: bytes("b") }, readOf(QUEUE)],
  "/v3electionpb.Election/Observe": [{ name: bytes("b") }, readOf(QUEUE)],
  "/grpc.health.v1.Health/Check": [{}, "open"],
  "/grpc.health.v1.Health/Watch": [{}, "open"],
  "/vedette.v1.Watchers/List": [{}, "root"],
  "/vedette.v1.Watchers/Cancel": [{}, "root"],
  "/vedette.v1.Watchers/Summary": [{}, "root"],
};

const METHODS = SERVICES.flatMap(({ methods }) => methods);

function descriptorOf(path: string): Descriptor<unknown> {
  const name = METHODS.find((method) => method.path === path)?.request ?? "";
  return (DESCRIPTORS as unknown as Record<string, Descriptor<unknown>>)[name]!;
}

/** The keys that the queue of the name b can have are not in the oracle's universe. */
function permitsWide(grants: readonly Grant[], { kind, asked }: Need): boolean {
  if (!asked[0].startsWith("b/")) return permits(grants, kind, asked);
  return grants.some(([type, from, end]) => {
    const isOfKind = type === 2 || type === (kind === "read" ? 0 : 1);
    return isOfKind && from <= "b/" && (end === "\0" || end >= "b0");
  });
}

function expected(who: Who, needs: readonly Need[]): string {
  if (who.always !== undefined) return who.always;
  return needs.every((need) => permitsWide(who.grants, need)) ? "ok" : DENIED;
}

test("every RPC of the interface stands in this matrix", () => {
  const inMatrix = new Set([
    ...Object.values(PLACES).map(({ path }) => path),
    ...Object.keys(REST),
    "/etcdserverpb.Watch/Watch",
  ]);
  expect([...inMatrix].toSorted()).toEqual(METHODS.map(({ path }) => path).toSorted());
});

test("the matrix has more than 9,000 cells", () => {
  const shapes = Object.values(SHAPES);
  const ranges = Object.values(PLACES).map(({ singleOnly }) =>
    singleOnly === true ? shapes.filter(([, end]) => end === "").length : shapes.length,
  );
  const requests = ranges.reduce((sum, count) => sum + count, Object.keys(REST).length);
  expect(requests * Object.keys(IDENTITIES).length).toBeGreaterThan(9000);
});

describe.each(Object.entries(IDENTITIES))("%s", (_name, who) => {
  const world = new AuthWorld();
  world.enable();
  world.leases.held.set(LEASE, ["ba"]);
  const credentials = who.credentials(world);

  test.each(Object.entries(PLACES))("%s, for every shape of range", (_place, place) => {
    for (const [shape, asked] of Object.entries(SHAPES)) {
      if (place.singleOnly === true && asked[1] !== "") continue;
      const [descriptor, request] = place.request(asked);
      const answer = world.call(place.path, descriptor, request, credentials);
      expect(answer, shape).toBe(expected(who, place.needs(asked)));
    }
  });

  test.each(Object.entries(REST))("%s", (path, [request, level]) => {
    const answer = world.call(path, descriptorOf(path), request, credentials);
    if (level === "open") expect(answer).toBe("ok");
    else if (level === "root") expect(answer).toBe(who.always ?? DENIED);
    else if (level === "user") expect(answer).toBe(who.always ?? "ok");
    else expect(answer).toBe(expected(who, level));
  });
});

test("while auth is off, everybody may do everything, whatever they show (A15)", () => {
  const world = new AuthWorld();
  for (const who of [{}, { headers: { token: "x.1" } }, { commonName: "ghost" }]) {
    for (const [path, [request]] of Object.entries(REST)) {
      expect(world.call(path, descriptorOf(path), request, who)).toBe("ok");
    }
    for (const { path, request } of Object.values(PLACES)) {
      expect(world.call(path, ...request(["b", ""]), who)).toBe("ok");
    }
  }
});
