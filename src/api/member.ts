import type { MemberRecord } from "../machine/member-command.ts";
import type { Draft } from "./proto/codec.ts";
import type { Member } from "./proto/messages-cluster.ts";
import type { ResponseHeader } from "./proto/messages-key-value.ts";

/** What this server says of itself: it is the one member of its cluster, and so its leader (C5). */
export interface MemberIdentity {
  readonly clusterId: bigint;
  /** Not 0. */
  readonly memberId: bigint;
  readonly name: string;
  readonly clientUrls: readonly string[];
  /** At least 2, as in an etcd that has elected itself once (C5). */
  readonly raftTerm: bigint;
}

export function headerOf(member: MemberIdentity, revision: number): Draft<ResponseHeader> {
  const { clusterId, memberId, raftTerm } = member;
  return { clusterId, memberId, revision, raftTerm };
}

/** A member as others see it: one that has not started has neither a name nor client URLs (C1). */
export function memberMessage(self: MemberIdentity, record: MemberRecord): Draft<Member> {
  const { id, peerUrls, isLearner } = record;
  const message = { ID: id, peerURLs: peerUrls, isLearner };
  if (id !== self.memberId) return message;
  return { ...message, name: self.name, clientURLs: self.clientUrls };
}
