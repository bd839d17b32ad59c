import {
  bool,
  bytes,
  enumeration,
  exactUint64,
  int64,
  message,
  repeated,
  since,
  string,
  uint32,
  uint64,
  type SchemaPart,
} from "./schema.ts";

/** Members and maintenance: package etcdserverpb. */
export const CLUSTER_SCHEMA: SchemaPart = {
  enums: {
    AlarmAction: {
      fullName: "etcdserverpb.AlarmRequest.AlarmAction",
      values: { GET: 0, ACTIVATE: 1, DEACTIVATE: 2 },
    },
    AlarmType: { fullName: "etcdserverpb.AlarmType", values: { NONE: 0, NOSPACE: 1, CORRUPT: 2 } },
    DowngradeAction: {
      fullName: "etcdserverpb.DowngradeRequest.DowngradeAction",
      values: { VALIDATE: 0, ENABLE: 1, CANCEL: 2 },
    },
  },
  messages: {
    etcdserverpb: {
      HashRequest: {},
      HashKVRequest: {
        revision: int64(1),
      },
      HashKVResponse: {
        header: message(1, "ResponseHeader"),
        hash: uint32(2),
        compact_revision: int64(3),
        hash_revision: since("3.6", int64(4)),
      },
      HashResponse: {
        header: message(1, "ResponseHeader"),
        hash: uint32(2),
      },
      SnapshotRequest: {},
      SnapshotResponse: {
        header: message(1, "ResponseHeader"),
        remaining_bytes: uint64(2),
        blob: bytes(3),
        version: since("3.6", string(4)),
      },
      Member: {
        ID: exactUint64(1),
        name: string(2),
        peerURLs: repeated(string(3)),
        clientURLs: repeated(string(4)),
        isLearner: since("3.4", bool(5)),
      },
      MemberAddRequest: {
        peerURLs: repeated(string(1)),
        isLearner: since("3.4", bool(2)),
      },
      MemberAddResponse: {
        header: message(1, "ResponseHeader"),
        member: message(2, "Member"),
        members: repeated(message(3, "Member")),
      },
      MemberRemoveRequest: {
        ID: exactUint64(1),
      },
      MemberRemoveResponse: {
        header: message(1, "ResponseHeader"),
        members: repeated(message(2, "Member")),
      },
      MemberUpdateRequest: {
        ID: exactUint64(1),
        peerURLs: repeated(string(2)),
      },
      MemberUpdateResponse: {
        header: message(1, "ResponseHeader"),
        members: since("3.1", repeated(message(2, "Member"))),
      },
      MemberListRequest: {
        linearizable: since("3.5", bool(1)),
      },
      MemberListResponse: {
        header: message(1, "ResponseHeader"),
        members: repeated(message(2, "Member")),
      },
      MemberPromoteRequest: {
        ID: exactUint64(1),
      },
      MemberPromoteResponse: {
        header: message(1, "ResponseHeader"),
        members: repeated(message(2, "Member")),
      },
      DefragmentRequest: {},
      DefragmentResponse: {
        header: message(1, "ResponseHeader"),
      },
      MoveLeaderRequest: {
        targetID: exactUint64(1),
      },
      MoveLeaderResponse: {
        header: message(1, "ResponseHeader"),
      },
      AlarmRequest: {
        action: enumeration(1, "AlarmAction"),
        memberID: exactUint64(2),
        alarm: enumeration(3, "AlarmType"),
      },
      AlarmMember: {
        memberID: exactUint64(1),
        alarm: enumeration(2, "AlarmType"),
      },
      AlarmResponse: {
        header: message(1, "ResponseHeader"),
        alarms: repeated(message(2, "AlarmMember")),
      },
      DowngradeRequest: {
        action: enumeration(1, "DowngradeAction"),
        version: string(2),
      },
      DowngradeResponse: {
        header: message(1, "ResponseHeader"),
        version: string(2),
      },
      DowngradeVersionTestRequest: {
        ver: string(1),
      },
      StatusRequest: {},
      StatusResponse: {
        header: message(1, "ResponseHeader"),
        version: string(2),
        dbSize: int64(3),
        leader: exactUint64(4),
        raftIndex: exactUint64(5),
        raftTerm: exactUint64(6),
        raftAppliedIndex: since("3.4", exactUint64(7)),
        errors: since("3.4", repeated(string(8))),
        dbSizeInUse: since("3.4", int64(9)),
        isLearner: since("3.4", bool(10)),
        storageVersion: since("3.6", string(11)),
        dbSizeQuota: since("3.6", int64(12)),
        downgradeInfo: since("3.6", message(13, "DowngradeInfo")),
      },
      DowngradeInfo: {
        enabled: bool(1),
        targetVersion: string(2),
      },
    },
  },
};
