import type { Draft } from "./proto/codec.ts";
import type { Member } from "./proto/messages-cluster.ts";
import type { ResponseHeader } from "./proto/messages-key-value.ts";

/** What this server says of itself: it is the one member of its cluster, and so its leader (C5). */
export interface MemberIdentity {
  readonly clusterId: bigint;
  /** Not 0. */
  readonly memberId: bigint;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  /** At least 2, as in an etcd that has elected itself once (C5). */
  readonly raftTerm: bigint;
}

export function headerOf(member: MemberIdentity, revision: number): Draft<ResponseHeader> {
  const { clusterId, memberId, raftTerm } = member;
  return { clusterId, memberId, revision, raftTerm };
}

export function memberMessage(member: MemberIdentity): Draft<Member> {
  return {
    ID: member.memberId,
    name: member.name,
    peerURLs: member.peerUrls,
    clientURLs: member.clientUrls,
  };
}
