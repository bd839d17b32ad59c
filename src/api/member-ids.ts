import { createHash } from "node:crypto";

/** What etcd makes the ids of a first member from (C4). */
export interface MemberSeed {
  /** The member's own advertised peer URLs. */
  readonly peerUrls: readonly string[];
  /** --initial-cluster-token. */
  readonly clusterToken: string;
}

export interface MemberIds {
  readonly memberId: bigint;
  readonly clusterId: bigint;
}

/**
 * The ids of a cluster of one, equal to those of an etcd that is started with the same peer URLs
 * and token. Source: etcd server/etcdserver/api/membership, as in C4.
 */
export function singleMemberIds(seed: MemberSeed): MemberIds {
  const memberId = firstEightBytes(memberText(seed));
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, memberId);
  return { memberId, clusterId: firstEightBytes(bytes) };
}

/** The id of a member that is added at run time: the time stands in for the token (C4). */
export function addedMemberId(peerUrls: readonly string[], wallMs: number): bigint {
  const clusterToken = String(Math.floor(wallMs / 1000));
  return firstEightBytes(memberText({ peerUrls, clusterToken }));
}

/** Ids as people see them: lower-case hex without leading zeros (C4). */
export function idText(id: bigint): string {
  return id.toString(16);
}

function memberText({ peerUrls, clusterToken }: MemberSeed): string {
  return [...peerUrls].sort().join("") + clusterToken;
}

function firstEightBytes(input: string | Uint8Array): bigint {
  return createHash("sha1").update(input).digest().readBigUInt64BE(0);
}
