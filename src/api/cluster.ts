import { EtcdError } from "../base/errors.ts";
import type { MemberChange, MemberRecord } from "../machine/member-command.ts";
import type { Outcome } from "../machine/result.ts";
import type { Replica } from "../replica/replica.ts";
import type { Method } from "./call.ts";
import { headerOf, type MemberIdentity, memberMessage } from "./member.ts";
import { arePeerUrls } from "./peer-urls.ts";
import { DESCRIPTORS, type Draft } from "./proto/codec.ts";
import type { MemberListResponse } from "./proto/messages-cluster.ts";
import { unaryMethod } from "./unary.ts";

/** Headers of the service show no revision (C1). */
const NO_REVISION = 0;

export interface ClusterOptions {
  readonly replica: Replica;
  readonly member: MemberIdentity;
  /** Makes the id of a member that is added now (C4). */
  readonly newMemberId: (peerUrls: readonly string[]) => bigint;
}

/** The service's answers: all of them list the members. */
type Listed = Draft<MemberListResponse>;
type Done = (outcome: Outcome<Listed>) => void;

/**
 * The Cluster service of a cluster with one voter (C1-C3, C5). What is wrong with a request by
 * itself is told here; the log tells the rest.
 */
export function clusterMethods(options: ClusterOptions): readonly (readonly [string, Method])[] {
  const { member, newMemberId } = options;
  const change = (asked: MemberChange, done: Done): void => proposeChange(options, asked, done);
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
      unaryMethod(messages.list, (_, done) => change({ action: "list" }, done)),
    ],
    [
      "/etcdserverpb.Cluster/MemberAdd",
      unaryMethod(messages.add, ({ peerURLs: peerUrls, isLearner }, done) => {
        if (!arePeerUrls(peerUrls)) {
          done(new EtcdError("memberBadUrls"));
          return;
        }
        const added: MemberRecord = { id: newMemberId(peerUrls), peerUrls, isLearner };
        change({ action: "add", member: added }, (outcome) => {
          if (outcome instanceof EtcdError) done(outcome);
          else done({ ...outcome, member: memberMessage(member, added) });
        });
      }),
    ],
    [
      "/etcdserverpb.Cluster/MemberRemove",
      unaryMethod(messages.remove, ({ ID: id }, done) => change({ action: "remove", id }, done)),
    ],
    [
      "/etcdserverpb.Cluster/MemberUpdate",
      unaryMethod(messages.update, ({ ID: id, peerURLs: peerUrls }, done) => {
        // As in etcd, nobody looks at what kind of text the URLs are.
        change({ action: "update", id, peerUrls }, done);
      }),
    ],
    [
      "/etcdserverpb.Cluster/MemberPromote",
      unaryMethod(messages.promote, ({ ID: id }, done) => change({ action: "promote", id }, done)),
    ],
  ];
}

function proposeChange(
  { replica, member }: ClusterOptions,
  change: MemberChange,
  done: Done,
): void {
  replica.propose({ kind: "member", change }, (outcome) => {
    if (outcome instanceof EtcdError) {
      done(outcome);
      return;
    }
    const members = outcome.members.map((record) => memberMessage(member, record));
    done({ header: headerOf(member, NO_REVISION), members });
  });
}
