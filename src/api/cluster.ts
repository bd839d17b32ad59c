import { EtcdError } from "../base/errors.ts";
import type { Method } from "./call.ts";
import { headerOf, type MemberIdentity, memberMessage } from "./member.ts";
import { arePeerUrls } from "./peer-urls.ts";
import { DESCRIPTORS } from "./proto/codec.ts";
import { unaryMethod } from "./unary.ts";

/** The header of a member list shows no revision (C1). */
const NO_REVISION = 0;

/**
 * The Cluster service of a cluster that has one member and cannot grow (C5): what is wrong with a
 * request by itself is told as etcd tells it; what etcd would do is refused as a cluster that is
 * not able to change its members now.
 */
export function clusterMethods(member: MemberIdentity): readonly (readonly [string, Method])[] {
  const isOurs = (id: bigint): boolean => id === member.memberId;
  const messages = {
    add: { request: DESCRIPTORS.MemberAddRequest, response: DESCRIPTORS.MemberAddResponse },
    remove: {
      request: DESCRIPTORS.MemberRemoveRequest,
      response: DESCRIPTORS.MemberRemoveResponse,
    },
    update: {
      request: DESCRIPTORS.MemberUpdateRequest,
      response: DESCRIPTORS.MemberUpdateResponse,
    },
    list: { request: DESCRIPTORS.MemberListRequest, response: DESCRIPTORS.MemberListResponse },
    promote: {
      request: DESCRIPTORS.MemberPromoteRequest,
      response: DESCRIPTORS.MemberPromoteResponse,
    },
  };
  return [
    [
      "/etcdserverpb.Cluster/MemberList",
      unaryMethod(messages.list, (_, done) => {
        done({ header: headerOf(member, NO_REVISION), members: [memberMessage(member)] });
      }),
    ],
    [
      "/etcdserverpb.Cluster/MemberAdd",
      unaryMethod(messages.add, (asked, done) => {
        done(refusedUrls(member, asked.peerURLs) ?? new EtcdError("unhealthy"));
      }),
    ],
    [
      "/etcdserverpb.Cluster/MemberRemove",
      unaryMethod(messages.remove, (asked, done) => {
        done(new EtcdError(isOurs(asked.ID) ? "memberNotEnoughStarted" : "memberNotFound"));
      }),
    ],
    [
      "/etcdserverpb.Cluster/MemberUpdate",
      unaryMethod(messages.update, (asked, done) => {
        if (!arePeerUrls(asked.peerURLs)) done(new EtcdError("memberBadUrls"));
        else done(new EtcdError(isOurs(asked.ID) ? "unhealthy" : "memberNotFound"));
      }),
    ],
    [
      "/etcdserverpb.Cluster/MemberPromote",
      unaryMethod(messages.promote, (asked, done) => {
        done(new EtcdError(isOurs(asked.ID) ? "memberNotLearner" : "memberNotFound"));
      }),
    ],
  ];
}

/** C2. */
function refusedUrls(member: MemberIdentity, urls: readonly string[]): EtcdError | undefined {
  if (!arePeerUrls(urls)) return new EtcdError("memberBadUrls");
  if (urls.some((url) => member.peerUrls.includes(url))) return new EtcdError("peerUrlExists");
  return undefined;
}
