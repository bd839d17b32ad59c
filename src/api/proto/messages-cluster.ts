// Made from the schema by tools/generate-proto.ts; change the schema, not this.
import type { ResponseHeader } from "./messages-key-value.ts";

/** etcdserverpb.AlarmRequest.AlarmAction */
export const AlarmAction: {
  readonly GET: 0;
  readonly ACTIVATE: 1;
  readonly DEACTIVATE: 2;
} = { GET: 0, ACTIVATE: 1, DEACTIVATE: 2 };

/** etcdserverpb.AlarmType */
export const AlarmType: {
  readonly NONE: 0;
  readonly NOSPACE: 1;
  readonly CORRUPT: 2;
} = { NONE: 0, NOSPACE: 1, CORRUPT: 2 };

/** etcdserverpb.DowngradeRequest.DowngradeAction */
export const DowngradeAction: {
  readonly VALIDATE: 0;
  readonly ENABLE: 1;
  readonly CANCEL: 2;
} = { VALIDATE: 0, ENABLE: 1, CANCEL: 2 };

/** etcdserverpb.HashRequest */
export type HashRequest = Readonly<Record<string, never>>;

/** etcdserverpb.HashKVRequest */
export interface HashKVRequest {
  readonly revision: number;
}

/** etcdserverpb.HashKVResponse */
export interface HashKVResponse {
  readonly header: ResponseHeader | undefined;
  readonly hash: number;
  readonly compactRevision: number;
  /** since etcd 3.6 */
  readonly hashRevision: number;
}

/** etcdserverpb.HashResponse */
export interface HashResponse {
  readonly header: ResponseHeader | undefined;
  readonly hash: number;
}

/** etcdserverpb.SnapshotRequest */
export type SnapshotRequest = Readonly<Record<string, never>>;

/** etcdserverpb.SnapshotResponse */
export interface SnapshotResponse {
  readonly header: ResponseHeader | undefined;
  readonly remainingBytes: number;
  readonly blob: Uint8Array;
  /** since etcd 3.6 */
  readonly version: string;
}

/** etcdserverpb.Member */
export interface Member {
  readonly ID: bigint;
  readonly name: string;
  readonly peerURLs: readonly string[];
  readonly clientURLs: readonly string[];
  /** since etcd 3.4 */
  readonly isLearner: boolean;
}

/** etcdserverpb.MemberAddRequest */
export interface MemberAddRequest {
  readonly peerURLs: readonly string[];
  /** since etcd 3.4 */
  readonly isLearner: boolean;
}

/** etcdserverpb.MemberAddResponse */
export interface MemberAddResponse {
  readonly header: ResponseHeader | undefined;
  readonly member: Member | undefined;
  readonly members: readonly Member[];
}

/** etcdserverpb.MemberRemoveRequest */
export interface MemberRemoveRequest {
  readonly ID: bigint;
}

/** etcdserverpb.MemberRemoveResponse */
export interface MemberRemoveResponse {
  readonly header: ResponseHeader | undefined;
  readonly members: readonly Member[];
}

/** etcdserverpb.MemberUpdateRequest */
export interface MemberUpdateRequest {
  readonly ID: bigint;
  readonly peerURLs: readonly string[];
}

/** etcdserverpb.MemberUpdateResponse */
export interface MemberUpdateResponse {
  readonly header: ResponseHeader | undefined;
  /** since etcd 3.1 */
  readonly members: readonly Member[];
}

/** etcdserverpb.MemberListRequest */
export interface MemberListRequest {
  /** since etcd 3.5 */
  readonly linearizable: boolean;
}

/** etcdserverpb.MemberListResponse */
export interface MemberListResponse {
  readonly header: ResponseHeader | undefined;
  readonly members: readonly Member[];
}

/** etcdserverpb.MemberPromoteRequest */
export interface MemberPromoteRequest {
  readonly ID: bigint;
}

/** etcdserverpb.MemberPromoteResponse */
export interface MemberPromoteResponse {
  readonly header: ResponseHeader | undefined;
  readonly members: readonly Member[];
}

/** etcdserverpb.DefragmentRequest */
export type DefragmentRequest = Readonly<Record<string, never>>;

/** etcdserverpb.DefragmentResponse */
export interface DefragmentResponse {
  readonly header: ResponseHeader | undefined;
}

/** etcdserverpb.MoveLeaderRequest */
export interface MoveLeaderRequest {
  readonly targetID: bigint;
}

/** etcdserverpb.MoveLeaderResponse */
export interface MoveLeaderResponse {
  readonly header: ResponseHeader | undefined;
}

/** etcdserverpb.AlarmRequest */
export interface AlarmRequest {
  /** AlarmAction */
  readonly action: number;
  readonly memberID: bigint;
  /** AlarmType */
  readonly alarm: number;
}

/** etcdserverpb.AlarmMember */
export interface AlarmMember {
  readonly memberID: bigint;
  /** AlarmType */
  readonly alarm: number;
}

/** etcdserverpb.AlarmResponse */
export interface AlarmResponse {
  readonly header: ResponseHeader | undefined;
  readonly alarms: readonly AlarmMember[];
}

/** etcdserverpb.DowngradeRequest */
export interface DowngradeRequest {
  /** DowngradeAction */
  readonly action: number;
  readonly version: string;
}

/** etcdserverpb.DowngradeResponse */
export interface DowngradeResponse {
  readonly header: ResponseHeader | undefined;
  readonly version: string;
}

/** etcdserverpb.DowngradeVersionTestRequest */
export interface DowngradeVersionTestRequest {
  readonly ver: string;
}

/** etcdserverpb.StatusRequest */
export type StatusRequest = Readonly<Record<string, never>>;

/** etcdserverpb.StatusResponse */
export interface StatusResponse {
  readonly header: ResponseHeader | undefined;
  readonly version: string;
  readonly dbSize: number;
  readonly leader: bigint;
  readonly raftIndex: bigint;
  readonly raftTerm: bigint;
  /** since etcd 3.4 */
  readonly raftAppliedIndex: bigint;
  /** since etcd 3.4 */
  readonly errors: readonly string[];
  /** since etcd 3.4 */
  readonly dbSizeInUse: number;
  /** since etcd 3.4 */
  readonly isLearner: boolean;
  /** since etcd 3.6 */
  readonly storageVersion: string;
  /** since etcd 3.6 */
  readonly dbSizeQuota: number;
  /** since etcd 3.6 */
  readonly downgradeInfo: DowngradeInfo | undefined;
}

/** etcdserverpb.DowngradeInfo */
export interface DowngradeInfo {
  readonly enabled: boolean;
  readonly targetVersion: string;
}
