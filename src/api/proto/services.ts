import { bidirectional, type ServiceSchema, serverStream, service, unary } from "./schema.ts";

/**
 * Every service of etcd, and last one of our own: its methods, their messages, and the paths of the
 * JSON gateway (G1; a method without one is gRPC only). The first path is the usual one.
 */
export const SERVICES: readonly ServiceSchema[] = [
  service("etcdserverpb.KV", [
    unary("Range", "RangeRequest", "RangeResponse", ["/v3/kv/range"]),
    serverStream("RangeStream", "RangeRequest", "RangeStreamResponse", []),
    unary("Put", "PutRequest", "PutResponse", ["/v3/kv/put"]),
    unary("DeleteRange", "DeleteRangeRequest", "DeleteRangeResponse", ["/v3/kv/deleterange"]),
    unary("Txn", "TxnRequest", "TxnResponse", ["/v3/kv/txn"]),
    unary("Compact", "CompactionRequest", "CompactionResponse", ["/v3/kv/compaction"]),
  ]),
  service("etcdserverpb.Watch", [
    bidirectional("Watch", "WatchRequest", "WatchResponse", ["/v3/watch"]),
  ]),
  service("etcdserverpb.Lease", [
    unary("LeaseGrant", "LeaseGrantRequest", "LeaseGrantResponse", ["/v3/lease/grant"]),
    unary("LeaseRevoke", "LeaseRevokeRequest", "LeaseRevokeResponse", [
      "/v3/lease/revoke",
      "/v3/kv/lease/revoke",
    ]),
    bidirectional("LeaseKeepAlive", "LeaseKeepAliveRequest", "LeaseKeepAliveResponse", [
      "/v3/lease/keepalive",
    ]),
    unary("LeaseTimeToLive", "LeaseTimeToLiveRequest", "LeaseTimeToLiveResponse", [
      "/v3/lease/timetolive",
      "/v3/kv/lease/timetolive",
    ]),
    unary("LeaseLeases", "LeaseLeasesRequest", "LeaseLeasesResponse", [
      "/v3/lease/leases",
      "/v3/kv/lease/leases",
    ]),
  ]),
  service("etcdserverpb.Cluster", [
    unary("MemberAdd", "MemberAddRequest", "MemberAddResponse", ["/v3/cluster/member/add"]),
    unary("MemberRemove", "MemberRemoveRequest", "MemberRemoveResponse", [
      "/v3/cluster/member/remove",
    ]),
    unary("MemberUpdate", "MemberUpdateRequest", "MemberUpdateResponse", [
      "/v3/cluster/member/update",
    ]),
    unary("MemberList", "MemberListRequest", "MemberListResponse", ["/v3/cluster/member/list"]),
    unary("MemberPromote", "MemberPromoteRequest", "MemberPromoteResponse", [
      "/v3/cluster/member/promote",
    ]),
  ]),
  service("etcdserverpb.Maintenance", [
    unary("Alarm", "AlarmRequest", "AlarmResponse", ["/v3/maintenance/alarm"]),
    unary("Status", "StatusRequest", "StatusResponse", ["/v3/maintenance/status"]),
    unary("Defragment", "DefragmentRequest", "DefragmentResponse", ["/v3/maintenance/defragment"]),
    unary("Hash", "HashRequest", "HashResponse", ["/v3/maintenance/hash"]),
    unary("HashKV", "HashKVRequest", "HashKVResponse", ["/v3/maintenance/hashkv"]),
    serverStream("Snapshot", "SnapshotRequest", "SnapshotResponse", ["/v3/maintenance/snapshot"]),
    unary("MoveLeader", "MoveLeaderRequest", "MoveLeaderResponse", [
      "/v3/maintenance/transfer-leadership",
    ]),
    unary("Downgrade", "DowngradeRequest", "DowngradeResponse", ["/v3/maintenance/downgrade"]),
  ]),
  service("etcdserverpb.Auth", [
    unary("AuthEnable", "AuthEnableRequest", "AuthEnableResponse", ["/v3/auth/enable"]),
    unary("AuthDisable", "AuthDisableRequest", "AuthDisableResponse", ["/v3/auth/disable"]),
    unary("AuthStatus", "AuthStatusRequest", "AuthStatusResponse", ["/v3/auth/status"]),
    unary("Authenticate", "AuthenticateRequest", "AuthenticateResponse", ["/v3/auth/authenticate"]),
    unary("UserAdd", "AuthUserAddRequest", "AuthUserAddResponse", ["/v3/auth/user/add"]),
    unary("UserGet", "AuthUserGetRequest", "AuthUserGetResponse", ["/v3/auth/user/get"]),
    unary("UserList", "AuthUserListRequest", "AuthUserListResponse", ["/v3/auth/user/list"]),
    unary("UserDelete", "AuthUserDeleteRequest", "AuthUserDeleteResponse", [
      "/v3/auth/user/delete",
    ]),
    unary("UserChangePassword", "AuthUserChangePasswordRequest", "AuthUserChangePasswordResponse", [
      "/v3/auth/user/changepw",
    ]),
    unary("UserGrantRole", "AuthUserGrantRoleRequest", "AuthUserGrantRoleResponse", [
      "/v3/auth/user/grant",
    ]),
    unary("UserRevokeRole", "AuthUserRevokeRoleRequest", "AuthUserRevokeRoleResponse", [
      "/v3/auth/user/revoke",
    ]),
    unary("RoleAdd", "AuthRoleAddRequest", "AuthRoleAddResponse", ["/v3/auth/role/add"]),
    unary("RoleGet", "AuthRoleGetRequest", "AuthRoleGetResponse", ["/v3/auth/role/get"]),
    unary("RoleList", "AuthRoleListRequest", "AuthRoleListResponse", ["/v3/auth/role/list"]),
    unary("RoleDelete", "AuthRoleDeleteRequest", "AuthRoleDeleteResponse", [
      "/v3/auth/role/delete",
    ]),
    unary(
      "RoleGrantPermission",
      "AuthRoleGrantPermissionRequest",
      "AuthRoleGrantPermissionResponse",
      ["/v3/auth/role/grant"],
    ),
    unary(
      "RoleRevokePermission",
      "AuthRoleRevokePermissionRequest",
      "AuthRoleRevokePermissionResponse",
      ["/v3/auth/role/revoke"],
    ),
  ]),
  service("v3lockpb.Lock", [
    unary("Lock", "LockRequest", "LockResponse", ["/v3/lock/lock"]),
    unary("Unlock", "UnlockRequest", "UnlockResponse", ["/v3/lock/unlock"]),
  ]),
  service("v3electionpb.Election", [
    unary("Campaign", "CampaignRequest", "CampaignResponse", ["/v3/election/campaign"]),
    unary("Proclaim", "ProclaimRequest", "ProclaimResponse", ["/v3/election/proclaim"]),
    unary("Leader", "LeaderRequest", "LeaderResponse", ["/v3/election/leader"]),
    serverStream("Observe", "LeaderRequest", "LeaderResponse", ["/v3/election/observe"]),
    unary("Resign", "ResignRequest", "ResignResponse", ["/v3/election/resign"]),
  ]),
  service("grpc.health.v1.Health", [
    unary("Check", "HealthCheckRequest", "HealthCheckResponse", []),
    serverStream("Watch", "HealthCheckRequest", "HealthCheckResponse", []),
  ]),
  service("vedette.v1.Watchers", [
    unary("List", "WatcherListRequest", "WatcherListResponse", []),
    unary("Cancel", "WatcherCancelRequest", "WatcherCancelResponse", []),
    unary("Summary", "WatcherSummaryRequest", "WatcherSummaryResponse", []),
  ]),
];
