import type { Timers } from "../base/outside.ts";
import type { Replica } from "../replica/replica.ts";
import type { WatchHub } from "../watch/hub.ts";
import { AuthService, type AuthSources } from "./auth/auth-service.ts";
import { guardMethods } from "./auth/guard.ts";
import { policyTable } from "./auth/policy.ts";
import type { Method, MethodTable } from "./call.ts";
import { clusterMethods } from "./cluster.ts";
import { healthMethods } from "./health.ts";
import { KvService } from "./kv.ts";
import { type LeaseSources, leaseMethods } from "./lease.ts";
import { maintenanceMethods } from "./maintenance.ts";
import type { MemberIdentity } from "./member.ts";
import { electionMethods } from "./recipes/election.ts";
import { lockMethods } from "./recipes/lock.ts";
import { snapshotMethod } from "./snapshot.ts";
import type { WatcherDirectory } from "./watcher-directory.ts";
import { watchersMethods } from "./watchers.ts";
import { SpaceQuota } from "./space-quota.ts";
import { ResponseHeaderWriter } from "../base/response-header.ts";

export interface ServicesOptions {
  readonly replica: Replica;
  readonly member: MemberIdentity;
  readonly maxRequestBytes: number;
  readonly maxTxnOps: number;
  /** Makes the id of a member that is added now (C4). */
  readonly newMemberId: (peerUrls: readonly string[]) => bigint;
  /** Bytes that the store may have; negative = any number (M20). */
  readonly quotaBytes: number;
  /** The Watch service, which is made where the hub is. */
  readonly watch: Method;
  readonly watchers: WatcherDirectory;
  readonly lease: LeaseSources;
  /** What Lock and Election wait by. */
  readonly recipes: { readonly hub: WatchHub; readonly timers: Timers };
  readonly auth: AuthSources;
}

/**
 * Every RPC that there is, each behind its policy. Whatever is not in the table, the transport
 * calls unimplemented (E81).
 */
export function methodTable(options: ServicesOptions): MethodTable {
  const { replica, member, maxRequestBytes, maxTxnOps, quotaBytes } = options;
  const header = new ResponseHeaderWriter(member);
  const quota = new SpaceQuota({ replica, memberId: member.memberId, quotaBytes });
  const kv = new KvService({ replica, header, quota, maxRequestBytes, maxTxnOps });
  const { hub, timers } = options.recipes;
  const recipes = { replica, member, hub, timers, random: options.lease.random, quota };
  const methods = new Map<string, Method>([
    ...kv.methods(),
    ["/etcdserverpb.Watch/Watch", options.watch],
    ...leaseMethods({ ...options.lease, replica, member, header, quota }),
    ...maintenanceMethods({ replica, member, quotaBytes }),
    ["/etcdserverpb.Maintenance/Snapshot", snapshotMethod({ replica, member })],
    ...clusterMethods({ replica, member, newMemberId: options.newMemberId }),
    ...new AuthService({ ...options.auth, replica, member }).methods(),
    ...lockMethods(recipes),
    ...electionMethods(recipes),
    ...healthMethods(),
    ...watchersMethods({ directory: options.watchers, member }),
  ]);
  return guardMethods(methods, {
    gate: options.auth.gate,
    policies: policyTable({ maxTxnOps }),
  });
}
