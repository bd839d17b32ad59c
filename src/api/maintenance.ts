import { EtcdError } from "../base/errors.ts";
import type { Outcome } from "../machine/result.ts";
import type { HashKvResult, Replica } from "../replica/replica.ts";
import { alarmCommand, alarmMessage, alarmText } from "./alarms.ts";
import type { Method } from "./call.ts";
import { headerOf, type MemberIdentity } from "./member.ts";
import { DESCRIPTORS, type Draft } from "./proto/codec.ts";
import {
  DowngradeAction,
  type DowngradeRequest,
  type HashKVResponse,
  type StatusResponse,
} from "./proto/messages-cluster.ts";
import { unaryMethod } from "./unary.ts";
import { ETCD_STORAGE_VERSION, ETCD_VERSION } from "./version.ts";

export interface MaintenanceOptions {
  readonly replica: Replica;
  readonly member: MemberIdentity;
  /** Bytes that the store may have, for people to see; negative = any number. */
  readonly quotaBytes: number;
}

/** The Maintenance service, as far as it has meaning here. */
export function maintenanceMethods(
  options: MaintenanceOptions,
): readonly (readonly [string, Method])[] {
  const { replica, member } = options;
  const messages = {
    status: { request: DESCRIPTORS.StatusRequest, response: DESCRIPTORS.StatusResponse },
    hashKV: { request: DESCRIPTORS.HashKVRequest, response: DESCRIPTORS.HashKVResponse },
    hash: { request: DESCRIPTORS.HashRequest, response: DESCRIPTORS.HashResponse },
    moveLeader: {
      request: DESCRIPTORS.MoveLeaderRequest,
      response: DESCRIPTORS.MoveLeaderResponse,
    },
    downgrade: {
      request: DESCRIPTORS.DowngradeRequest,
      response: DESCRIPTORS.DowngradeResponse,
    },
    defragment: {
      request: DESCRIPTORS.DefragmentRequest,
      response: DESCRIPTORS.DefragmentResponse,
    },
  };
  return [
    [
      "/etcdserverpb.Maintenance/Status",
      unaryMethod(messages.status, (_, done) => done(statusOf(options))),
    ],
    [
      "/etcdserverpb.Maintenance/HashKV",
      unaryMethod(messages.hashKV, (request, done) => {
        replica.hashKv(request.revision, (outcome) => done(hashKvMessage(member, outcome)));
      }),
    ],
    [
      // etcd hashes its database file, which no other store can have (K71). Ours says the same of
      // the same data: it is the hash of all keys and revisions, as HashKV counts it.
      "/etcdserverpb.Maintenance/Hash",
      unaryMethod(messages.hash, (_, done) => {
        replica.hashKv(0, (outcome) => {
          if (outcome instanceof EtcdError) done(outcome);
          else done({ header: headerOf(member, outcome.revision), hash: outcome.hash });
        });
      }),
    ],
    [
      // Space comes back by itself when half a segment is not needed; this does the rest (M30).
      "/etcdserverpb.Maintenance/Defragment",
      unaryMethod(messages.defragment, (_, done) => {
        replica.defragment((refusal) => done(refusal ?? {}));
      }),
    ],
    ["/etcdserverpb.Maintenance/Alarm", alarmMethod(options)],
    [
      // Nobody but the leader can lead: a learner may not, and there is no other member (E65).
      "/etcdserverpb.Maintenance/MoveLeader",
      unaryMethod(messages.moveLeader, ({ targetID }, done) => {
        done(targetID === member.memberId ? {} : new EtcdError("badLeaderTransferee"));
      }),
    ],
    [
      "/etcdserverpb.Maintenance/Downgrade",
      unaryMethod(messages.downgrade, (request, done) => done(downgradeRefusal(request))),
    ],
  ];
}

/** M1. A cluster of one is its own leader, and what it has applied is what it has committed. */
function statusOf({ replica, member, quotaBytes }: MaintenanceOptions): Draft<StatusResponse> {
  const status = replica.status();
  const index = BigInt(status.appliedIndex);
  return {
    header: headerOf(member, replica.view.revision),
    version: ETCD_VERSION,
    dbSize: status.sizeBytes,
    dbSizeInUse: status.sizeInUseBytes,
    dbSizeQuota: quotaBytes,
    leader: member.memberId,
    raftIndex: index,
    raftAppliedIndex: index,
    raftTerm: member.raftTerm,
    errors: replica.alarms.map(alarmText),
    storageVersion: ETCD_STORAGE_VERSION,
    downgradeInfo: {},
  };
}

function hashKvMessage(
  member: MemberIdentity,
  outcome: Outcome<HashKvResult>,
): Outcome<Draft<HashKVResponse>> {
  if (outcome instanceof EtcdError) return outcome;
  const { revision, hash, compactRevision, hashRevision } = outcome;
  return { header: headerOf(member, revision), hash, compactRevision, hashRevision };
}

/** A version in two or three numbers, as etcd's parser takes it. */
const VERSION = /^\d+\.\d+(?:\.\d+)?(?:[-+].*)?$/;

/** M50: there is one version of this server, so there is none to go to and no way to stop. */
function downgradeRefusal({ action, version }: DowngradeRequest): EtcdError {
  switch (action) {
    case DowngradeAction.VALIDATE:
    case DowngradeAction.ENABLE:
      return new EtcdError(
        VERSION.test(version) ? "invalidDowngradeTargetVersion" : "wrongDowngradeVersionFormat",
      );
    case DowngradeAction.CANCEL:
      return new EtcdError("noInflightDowngrade");
    default:
      return new EtcdError("unknownMethod");
  }
}

/** M10; the header is filled as in 3.7 (V12). */
function alarmMethod({ replica, member }: MaintenanceOptions): Method {
  const { AlarmRequest, AlarmResponse } = DESCRIPTORS;
  return unaryMethod({ request: AlarmRequest, response: AlarmResponse }, (request, done) => {
    replica.propose(alarmCommand(request), (outcome) => {
      if (outcome instanceof EtcdError) done(outcome);
      else {
        const { revision, alarms } = outcome;
        done({ header: headerOf(member, revision), alarms: alarms.map(alarmMessage) });
      }
    });
  });
}
