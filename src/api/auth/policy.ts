import { EMPTY_BYTES } from "../../base/bytes.ts";
import { EtcdError } from "../../base/errors.ts";
import { parseDeleteRange, parsePut, parseRange, parseTxn } from "../parse.ts";
import { decode, DESCRIPTORS, type Descriptor } from "../proto/codec.ts";
import {
  decodeDeleteRangeRequest,
  decodeLeaseKeepAliveRequest,
  decodePutRequest,
  decodeRangeRequest,
  decodeTxnRequest,
} from "../proto/decode-requests.ts";
import { AlarmAction } from "../proto/messages-cluster.ts";
import type * as proto from "../proto/messages-key-value.ts";
import type { LeaderKey } from "../proto/messages-recipes.ts";
import type { Judge } from "./judge.ts";

/** The error that refuses a request, or undefined. @throws WireError when it cannot be read */
export type Rule = (request: Uint8Array, judge: Judge) => EtcdError | undefined;

/** Who may call an RPC while auth is on. */
export type Policy =
  /** Everybody: it tells nothing, or is the way to prove who one is. */
  | { readonly kind: "open" }
  | {
      readonly kind: "judged";
      readonly rule: Rule;
      /** A call that waits is judged again before it changes anything, and before its answer. */
      readonly waits: boolean;
      /** Its refusals have etcd's text without its code: they come from calls inside of it (X5). */
      readonly isRecipe: boolean;
    }
  /** Each create of the stream is judged, where its range is known, and later changes of users. */
  | { readonly kind: "watch" };

export interface PolicyOptions {
  /** As the KV service has it: what it would refuse, it refuses before auth is asked. */
  readonly maxTxnOps: number;
}

/**
 * Who may call what: one row for every RPC, by path. An RPC without a row is refused, whoever
 * calls.
 */
export function policyTable(options: PolicyOptions): ReadonlyMap<string, Policy> {
  return new Map<string, Policy>([
    ...rows("etcdserverpb.KV", {
      Range: judged(rangeRule),
      RangeStream: judged(rangeRule),
      Put: judged(putRule),
      DeleteRange: judged(deleteRangeRule),
      Txn: judged((request, judge) => txnRule(request, judge, options.maxTxnOps)),
      Compact: ROOT_ONLY,
    }),
    ...rows("etcdserverpb.Watch", { Watch: { kind: "watch" } }),
    ...rows("etcdserverpb.Lease", {
      LeaseGrant: ANY_USER,
      LeaseRevoke: judged((request, judge) => {
        return judge.writesLease(decode(DESCRIPTORS.LeaseRevokeRequest, request).ID);
      }),
      LeaseKeepAlive: judged((request, judge) => {
        return judge.writesLease(decodeLeaseKeepAliveRequest(request).ID);
      }),
      LeaseTimeToLive: judged((request, judge) => {
        const { ID, keys } = decode(DESCRIPTORS.LeaseTimeToLiveRequest, request);
        return keys ? judge.readsLease(ID) : judge.identified();
      }),
      LeaseLeases: judged((_, judge) => judge.readsAllLeases()),
    }),
    ...rows("etcdserverpb.Cluster", {
      MemberAdd: ROOT_ONLY,
      MemberRemove: ROOT_ONLY,
      MemberUpdate: ROOT_ONLY,
      MemberList: ANY_USER,
      MemberPromote: ROOT_ONLY,
    }),
    ...rows("etcdserverpb.Maintenance", {
      Alarm: judged((request, judge) => {
        const { action } = decode(DESCRIPTORS.AlarmRequest, request);
        return action === AlarmAction.GET ? judge.identified() : judge.root();
      }),
      Status: ANY_USER,
      Defragment: ROOT_ONLY,
      Hash: ROOT_ONLY,
      HashKV: ROOT_ONLY,
      Snapshot: ROOT_ONLY,
      MoveLeader: ROOT_ONLY,
      Downgrade: ROOT_ONLY,
    }),
    ...authRows(),
    ...recipeRows(),
    ...rows("grpc.health.v1.Health", { Check: OPEN, Watch: OPEN }),
    ...rows("vedette.v1.Watchers", { List: ROOT_ONLY, Cancel: ROOT_ONLY, Summary: ROOT_ONLY }),
  ]);
}

const OPEN: Policy = { kind: "open" };
const ANY_USER: Policy = judged((_, judge) => judge.identified());
const ROOT_ONLY: Policy = judged((_, judge) => judge.root());
/** Of those that hash a password first. */
const ROOT_ONLY_AND_WAITS: Policy = waiting((_, judge) => judge.root());

type Rows = (readonly [string, Policy])[];

function rows(service: string, methods: Readonly<Record<string, Policy>>): Rows {
  return Object.entries(methods).map(([name, policy]) => [`/${service}/${name}`, policy]);
}

function judged(rule: Rule): Policy {
  return { kind: "judged", rule, waits: false, isRecipe: false };
}

function waiting(rule: Rule): Policy {
  return { kind: "judged", rule, waits: true, isRecipe: false };
}

function authRows(): Rows {
  return rows("etcdserverpb.Auth", {
    AuthEnable: ROOT_ONLY,
    AuthDisable: ROOT_ONLY,
    AuthStatus: OPEN,
    Authenticate: OPEN,
    UserAdd: ROOT_ONLY_AND_WAITS,
    UserGet: judged((request, judge) => {
      return judge.readsUser(decode(DESCRIPTORS.AuthUserGetRequest, request).name);
    }),
    UserList: ROOT_ONLY,
    UserDelete: ROOT_ONLY,
    UserChangePassword: ROOT_ONLY_AND_WAITS,
    UserGrantRole: ROOT_ONLY,
    UserRevokeRole: ROOT_ONLY,
    RoleAdd: ROOT_ONLY,
    RoleGet: judged((request, judge) => {
      return judge.readsRole(decode(DESCRIPTORS.AuthRoleGetRequest, request).role);
    }),
    RoleList: ROOT_ONLY,
    RoleDelete: ROOT_ONLY,
    RoleGrantPermission: ROOT_ONLY,
    RoleRevokePermission: ROOT_ONLY,
  });
}

/** What Lock and Election do with keys inside of the server (X1-X10). */
function recipeRows(): Rows {
  const all = [
    ...rows("v3lockpb.Lock", {
      Lock: waiting(queueRule(DESCRIPTORS.LockRequest)),
      Unlock: judged((request, judge) => {
        return judge.writes(decode(DESCRIPTORS.UnlockRequest, request).key, EMPTY_BYTES);
      }),
    }),
    ...rows("v3electionpb.Election", {
      Campaign: waiting(queueRule(DESCRIPTORS.CampaignRequest)),
      Proclaim: judged((request, judge) => {
        return leaderRule(decode(DESCRIPTORS.ProclaimRequest, request).leader, judge);
      }),
      Leader: judged(leaderOfRule),
      Observe: judged(leaderOfRule),
      Resign: judged((request, judge) => {
        return leaderRule(decode(DESCRIPTORS.ResignRequest, request).leader, judge);
      }),
    }),
  ];
  return all.map(([path, policy]) => [path, { ...policy, isRecipe: true }]);
}

/** Runs down a list of needs, each asked only when those before are met. */
function firstRefusal(...needs: readonly (() => EtcdError | undefined)[]): EtcdError | undefined {
  for (const need of needs) {
    const refusal = need();
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function rangeRule(bytes: Uint8Array, judge: Judge): EtcdError | undefined {
  const request = decodeRangeRequest(bytes);
  const parsed = parseRange(request);
  if (parsed instanceof EtcdError) return parsed;
  return judge.reads(request.key, request.rangeEnd);
}

function putRule(bytes: Uint8Array, judge: Judge): EtcdError | undefined {
  const request = decodePutRequest(bytes);
  const parsed = parsePut(request);
  return parsed instanceof EtcdError ? parsed : putRefusal(request, judge);
}

function deleteRangeRule(bytes: Uint8Array, judge: Judge): EtcdError | undefined {
  const request = decodeDeleteRangeRequest(bytes);
  const parsed = parseDeleteRange(request);
  return parsed instanceof EtcdError ? parsed : deleteRefusal(request, judge);
}

function txnRule(bytes: Uint8Array, judge: Judge, maxOps: number): EtcdError | undefined {
  const request = decodeTxnRequest(bytes);
  const parsed = parseTxn(request, maxOps);
  if (parsed instanceof EtcdError) return parsed;
  return judge.current() ?? txnRefusal(request, judge);
}

function putRefusal(request: proto.PutRequest, judge: Judge): EtcdError | undefined {
  const { key, prevKv, lease } = request;
  const refusal = judge.writes(key, EMPTY_BYTES);
  if (refusal !== undefined) return refusal;
  if (prevKv) {
    const unread = judge.reads(key, EMPTY_BYTES);
    if (unread !== undefined) return unread;
  }
  return lease === 0n ? undefined : judge.writesLease(lease);
}

function deleteRefusal(request: proto.DeleteRangeRequest, judge: Judge): EtcdError | undefined {
  const { key, rangeEnd, prevKv } = request;
  return judge.writes(key, rangeEnd) ?? (prevKv ? judge.reads(key, rangeEnd) : undefined);
}

/** A22: every compare and every op of both branches, whichever runs, and so on inside. */
function txnRefusal(request: proto.TxnRequest, judge: Judge): EtcdError | undefined {
  for (const { key, rangeEnd } of request.compare) {
    const refusal = judge.reads(key, rangeEnd);
    if (refusal !== undefined) return refusal;
  }
  for (const ops of [request.success, request.failure]) {
    for (const op of ops) {
      const refusal = opRefusal(op, judge);
      if (refusal !== undefined) return refusal;
    }
  }
  return undefined;
}

function opRefusal({ request }: proto.RequestOp, judge: Judge): EtcdError | undefined {
  // An op with nothing set has been refused before.
  if (request === undefined) return new EtcdError("permissionDenied");
  switch (request.kind) {
    case "requestRange":
      return judge.reads(request.value.key, request.value.rangeEnd);
    case "requestPut":
      return putRefusal(request.value, judge);
    case "requestDeleteRange":
      return deleteRefusal(request.value, judge);
    case "requestTxn":
      return txnRefusal(request.value, judge);
  }
}

/**
 * Standing in the queue of a name: a key of one's own below the name, and reading all of them. With
 * a lease that the server has yet to choose, the key may be any of them (X1, X6).
 */
function queueRule(
  descriptor: Descriptor<{ readonly name: Uint8Array; readonly lease: bigint }>,
): Rule {
  return (request, judge) => {
    const { name, lease } = decode(descriptor, request);
    const [prefix, prefixEnd] = queueOf(name);
    const own = Buffer.concat([prefix, Buffer.from(lease.toString(16))]);
    return firstRefusal(
      () => judge.reads(prefix, prefixEnd),
      () => (lease === 0n ? judge.writes(prefix, prefixEnd) : judge.writes(own, EMPTY_BYTES)),
      () => judge.writesLease(lease),
    );
  };
}

function leaderOfRule(request: Uint8Array, judge: Judge): EtcdError | undefined {
  return judge.reads(...queueOf(decode(DESCRIPTORS.LeaderRequest, request).name));
}

/** A leader's key is compared and then changed (X7, X10); without one there is nothing to do. */
function leaderRule(leader: LeaderKey | undefined, judge: Judge): EtcdError | undefined {
  if (leader === undefined) return judge.identified();
  return judge.reads(leader.key, EMPTY_BYTES) ?? judge.writes(leader.key, EMPTY_BYTES);
}

const SLASH = 0x2f;

/** All keys that start with the name and a slash, as key and range_end. */
function queueOf(name: Uint8Array): readonly [Uint8Array, Uint8Array] {
  const prefix = Buffer.concat([name, Uint8Array.of(SLASH)]);
  return [prefix, Buffer.concat([name, Uint8Array.of(SLASH + 1)])];
}
