import type { Revision } from "../base/revision.ts";

/** A LeaseGrant request (L1): who proposes it has picked an id and settled the TTL. */
export interface LeaseGrantCommand {
  readonly kind: "lease-grant";
  /** Any but 0, negative ones too. */
  readonly id: bigint;
  readonly ttlSeconds: number;
}

/** The end of a lease, asked for by a client or because its time is over (L4, L5). */
export interface LeaseRevokeCommand {
  readonly kind: "lease-revoke";
  readonly id: bigint;
  readonly reason: "request" | "expiry";
}

export interface LeaseGrantResult {
  readonly kind: "lease-grant";
  readonly revision: Revision;
  readonly id: bigint;
  readonly ttlSeconds: number;
}

export interface LeaseRevokeResult {
  readonly kind: "lease-revoke";
  /** A new one when keys went with the lease. */
  readonly revision: Revision;
}
