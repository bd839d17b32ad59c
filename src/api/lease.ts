import { latin1Bytes } from "../base/bytes.ts";
import { EtcdError } from "../base/errors.ts";
import type { Random } from "../base/outside.ts";
import type { LeaseGrantCommand } from "../machine/lease-command.ts";
import type { Outcome } from "../machine/result.ts";
import { LEASE_GRANT_COST } from "../machine/write-cost.ts";
import type { LeaseRunner } from "../replica/lease-runner.ts";
import type { Replica } from "../replica/replica.ts";
import type { Method, UnaryCall } from "./call.ts";
import type { Histogram } from "./histogram.ts";
import { KeepAliveStream } from "./lease-keep-alive.ts";
import { type MemberIdentity, headerOf } from "./member.ts";
import { DESCRIPTORS, type Draft } from "./proto/codec.ts";
import type {
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseLeasesResponse,
  LeaseRevokeRequest,
  LeaseRevokeResponse,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
} from "./proto/messages-key-value.ts";
import type { ResponseHeaderWriter } from "../base/response-header.ts";
import type { SpaceQuota } from "./space-quota.ts";
import { unaryMethod } from "./unary.ts";

/** What the Lease service is given by the wiring. */
export interface LeaseSources {
  readonly runner: LeaseRunner;
  readonly random: Random;
  /** What a shorter TTL is raised to (L2). */
  readonly ttlSecondsMin: number;
  /** Observes each TTL that is granted or renewed (G33). */
  readonly ttls: Histogram;
}

export interface LeaseOptions extends LeaseSources {
  readonly replica: Replica;
  readonly member: MemberIdentity;
  readonly header: ResponseHeaderWriter;
  readonly quota: SpaceQuota;
}

/** etcd's buckets for TTLs in seconds: 1, doubled 23 times. */
export const LEASE_TTL_BUCKETS: readonly number[] = Array.from({ length: 24 }, (_, n) => 2 ** n);

/** The Lease service (L1-L11). */
export function leaseMethods(options: LeaseOptions): readonly (readonly [string, Method])[] {
  const service = new LeaseService(options);
  const grant = unaryMethod<LeaseGrantRequest, LeaseGrantResponse>(
    { request: DESCRIPTORS.LeaseGrantRequest, response: DESCRIPTORS.LeaseGrantResponse },
    (request, done, call) => service.grant(request, done, call),
  );
  const revoke = unaryMethod<LeaseRevokeRequest, LeaseRevokeResponse>(
    { request: DESCRIPTORS.LeaseRevokeRequest, response: DESCRIPTORS.LeaseRevokeResponse },
    (request, done) => service.revoke(request, done),
  );
  const timeToLive = unaryMethod<LeaseTimeToLiveRequest, LeaseTimeToLiveResponse>(
    {
      request: DESCRIPTORS.LeaseTimeToLiveRequest,
      response: DESCRIPTORS.LeaseTimeToLiveResponse,
    },
    (request, done) => service.timeToLive(request, done),
  );
  const leases = unaryMethod(
    { request: DESCRIPTORS.LeaseLeasesRequest, response: DESCRIPTORS.LeaseLeasesResponse },
    (_request, done) => service.leases(done),
  );
  const keepAlive: Method = {
    kind: "stream",
    open: (call): KeepAliveStream => new KeepAliveStream(call, options),
  };
  return [
    ["/etcdserverpb.Lease/LeaseGrant", grant],
    ["/etcdserverpb.Lease/LeaseRevoke", revoke],
    ["/etcdserverpb.Lease/LeaseKeepAlive", keepAlive],
    ["/etcdserverpb.Lease/LeaseTimeToLive", timeToLive],
    ["/etcdserverpb.Lease/LeaseLeases", leases],
  ];
}

/**
 * The command of a LeaseGrant request: an id by chance if the client names none, a TTL of at least
 * the least one (L1, L2).
 */
export function leaseGrantCommand(
  { ID, TTL }: LeaseGrantRequest,
  { ttlSecondsMin, random }: Pick<LeaseSources, "ttlSecondsMin" | "random">,
): LeaseGrantCommand {
  const id = ID === 0n ? newLeaseId(random) : ID;
  return { kind: "lease-grant", id, ttlSeconds: Math.max(TTL, ttlSecondsMin) };
}

type Done<Response> = (outcome: Outcome<Draft<Response>>) => void;

class LeaseService {
  readonly #options: LeaseOptions;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  grant(request: LeaseGrantRequest, done: Done<LeaseGrantResponse>, call: UnaryCall): void {
    const { replica, quota, ttls, member } = this.#options;
    if (!quota.admits(LEASE_GRANT_COST, call)) return;
    const command = leaseGrantCommand(request, this.#options);
    replica.propose(command, (outcome) => {
      if (outcome instanceof EtcdError) {
        done(outcome);
        return;
      }
      ttls.observe(outcome.ttlSeconds);
      const header = headerOf(member, outcome.revision);
      done({ header, ID: outcome.id, TTL: outcome.ttlSeconds });
    });
  }

  revoke({ ID }: LeaseRevokeRequest, done: Done<LeaseRevokeResponse>): void {
    const { replica, member } = this.#options;
    replica.propose({ kind: "lease-revoke", id: ID, reason: "request" }, (outcome) => {
      if (outcome instanceof EtcdError) done(outcome);
      else done({ header: headerOf(member, outcome.revision) });
    });
  }

  timeToLive(request: LeaseTimeToLiveRequest, done: Done<LeaseTimeToLiveResponse>): void {
    if (!request.keys) this.#timeToLive(request, done);
    else this.#options.replica.whenWhole(() => this.#timeToLive(request, done));
  }

  /** No lease is no error: its TTL is -1 (L10). */
  #timeToLive(request: LeaseTimeToLiveRequest, done: Done<LeaseTimeToLiveResponse>): void {
    const { runner, replica, member } = this.#options;
    const { ID } = request;
    const found = runner.timeToLive(ID);
    const keys = request.keys && found !== undefined ? [...found.lease.keys] : [];
    const time = {
      TTL: found?.remainingSeconds ?? -1,
      grantedTTL: found?.lease.ttlSeconds ?? 0,
      keys: keys.map(latin1Bytes),
    };
    replica.settled(() => {
      done({ header: headerOf(member, replica.view.revision), ID, ...time });
    });
  }

  leases(done: Done<LeaseLeasesResponse>): void {
    const { runner, replica, member } = this.#options;
    const leases = runner.list().map(({ id }) => ({ ID: id }));
    replica.settled(() => {
      done({ header: headerOf(member, replica.view.revision), leases });
    });
  }
}

/** 63 bits, and never 0, which stands for none. */
export function newLeaseId(random: Random): bigint {
  for (;;) {
    const id = (BigInt(random.u32() & 0x7fff_ffff) << 32n) | BigInt(random.u32());
    if (id !== 0n) return id;
  }
}
