/**
 * The wire facts of etcd's v3 API that the tests use, in a form of their own, on purpose not the
 * server's schema: what the server encodes is judged by a second reader, so a wrong field number
 * cannot hide by being wrong on both sides. One message a line, indented lines go on;
 * `name=number type`, `[]type` = repeated.
 */
export const MESSAGE_FACTS: string = `
KeyValue: key=1 bytes, create_revision=2 int64, mod_revision=3 int64, version=4 int64, value=5
  bytes, lease=6 int64
Event: type=1 EventType, kv=2 KeyValue, prev_kv=3 KeyValue
ResponseHeader: cluster_id=1 uint64, member_id=2 uint64, revision=3 int64, raft_term=4 uint64
RangeRequest: key=1 bytes, range_end=2 bytes, limit=3 int64, revision=4 int64, sort_order=5
  SortOrder, sort_target=6 SortTarget, serializable=7 bool, keys_only=8 bool, count_only=9 bool,
  min_mod_revision=10 int64, max_mod_revision=11 int64, min_create_revision=12 int64,
  max_create_revision=13 int64
RangeResponse: header=1 ResponseHeader, kvs=2 []KeyValue, more=3 bool, count=4 int64
PutRequest: key=1 bytes, value=2 bytes, lease=3 int64, prev_kv=4 bool, ignore_value=5 bool,
  ignore_lease=6 bool
PutResponse: header=1 ResponseHeader, prev_kv=2 KeyValue
DeleteRangeRequest: key=1 bytes, range_end=2 bytes, prev_kv=3 bool
DeleteRangeResponse: header=1 ResponseHeader, deleted=2 int64, prev_kvs=3 []KeyValue
RequestOp: request_range=1 RangeRequest, request_put=2 PutRequest, request_delete_range=3
  DeleteRangeRequest, request_txn=4 TxnRequest
ResponseOp: response_range=1 RangeResponse, response_put=2 PutResponse, response_delete_range=3
  DeleteRangeResponse, response_txn=4 TxnResponse
Compare: result=1 CompareResult, target=2 CompareTarget, key=3 bytes, version=4 int64,
  create_revision=5 int64, mod_revision=6 int64, value=7 bytes, lease=8 int64, range_end=64 bytes
TxnRequest: compare=1 []Compare, success=2 []RequestOp, failure=3 []RequestOp
TxnResponse: header=1 ResponseHeader, succeeded=2 bool, responses=3 []ResponseOp
CompactionRequest: revision=1 int64, physical=2 bool
CompactionResponse: header=1 ResponseHeader
HashRequest:
HashKVRequest: revision=1 int64
HashKVResponse: header=1 ResponseHeader, hash=2 uint32, compact_revision=3 int64, hash_revision=4
  int64
HashResponse: header=1 ResponseHeader, hash=2 uint32
SnapshotRequest:
SnapshotResponse: header=1 ResponseHeader, remaining_bytes=2 uint64, blob=3 bytes, version=4
  string
WatchRequest: create_request=1 WatchCreateRequest, cancel_request=2 WatchCancelRequest,
  progress_request=3 WatchProgressRequest
WatchCreateRequest: key=1 bytes, range_end=2 bytes, start_revision=3 int64, progress_notify=4
  bool, filters=5 []FilterType, prev_kv=6 bool, watch_id=7 int64, fragment=8 bool
WatchCancelRequest: watch_id=1 int64
WatchProgressRequest:
WatchResponse: header=1 ResponseHeader, watch_id=2 int64, created=3 bool, canceled=4 bool,
  compact_revision=5 int64, cancel_reason=6 string, fragment=7 bool, events=11 []Event
LeaseGrantRequest: TTL=1 int64, ID=2 int64
LeaseGrantResponse: header=1 ResponseHeader, ID=2 int64, TTL=3 int64, error=4 string
LeaseRevokeRequest: ID=1 int64
LeaseRevokeResponse: header=1 ResponseHeader
LeaseKeepAliveRequest: ID=1 int64
LeaseKeepAliveResponse: header=1 ResponseHeader, ID=2 int64, TTL=3 int64
LeaseTimeToLiveRequest: ID=1 int64, keys=2 bool
LeaseTimeToLiveResponse: header=1 ResponseHeader, ID=2 int64, TTL=3 int64, grantedTTL=4 int64,
  keys=5 []bytes
LeaseLeasesRequest:
LeaseStatus: ID=1 int64
LeaseLeasesResponse: header=1 ResponseHeader, leases=2 []LeaseStatus
Member: ID=1 uint64, name=2 string, peerURLs=3 []string, clientURLs=4 []string, isLearner=5 bool
MemberAddRequest: peerURLs=1 []string, isLearner=2 bool
MemberAddResponse: header=1 ResponseHeader, member=2 Member, members=3 []Member
MemberRemoveRequest: ID=1 uint64
MemberRemoveResponse: header=1 ResponseHeader, members=2 []Member
MemberUpdateRequest: ID=1 uint64, peerURLs=2 []string
MemberUpdateResponse: header=1 ResponseHeader, members=2 []Member
MemberListRequest: linearizable=1 bool
MemberListResponse: header=1 ResponseHeader, members=2 []Member
MemberPromoteRequest: ID=1 uint64
MemberPromoteResponse: header=1 ResponseHeader, members=2 []Member
DefragmentRequest:
DefragmentResponse: header=1 ResponseHeader
MoveLeaderRequest: targetID=1 uint64
MoveLeaderResponse: header=1 ResponseHeader
AlarmRequest: action=1 AlarmAction, memberID=2 uint64, alarm=3 AlarmType
AlarmMember: memberID=1 uint64, alarm=2 AlarmType
AlarmResponse: header=1 ResponseHeader, alarms=2 []AlarmMember
StatusRequest:
StatusResponse: header=1 ResponseHeader, version=2 string, dbSize=3 int64, leader=4 uint64,
  raftIndex=5 uint64, raftTerm=6 uint64, raftAppliedIndex=7 uint64, errors=8 []string,
  dbSizeInUse=9 int64, isLearner=10 bool, storageVersion=11 string, dbSizeQuota=12 int64,
  downgradeInfo=13 DowngradeInfo
RangeStreamResponse: range_response=1 RangeResponse
DowngradeInfo: enabled=1 bool, targetVersion=2 string
HealthCheckRequest: service=1 string
HealthCheckResponse: status=1 ServingStatus
WatcherRange: key=1 bytes, range_end=2 bytes
WatcherStatus: stream_id=1 int64, watch_id=2 int64, client=3 string, user=4 string,
  ranges=5 []WatcherRange, options=6 []string, position=7 string, next_revision=8 int64,
  lag_revisions=9 int64, lag_bytes=10 int64, lag_bytes_estimated=11 bool, lag_ms=12 int64,
  cause=13 string, created_at_ms=14 int64
WatcherListRequest: limit=1 int64, position=2 string, key=3 bytes
WatcherListResponse: header=1 ResponseHeader, watchers=2 []WatcherStatus, matched=3 int64
WatcherCancelRequest: stream_id=1 int64, watch_id=2 int64, reason=3 string
WatcherCancelResponse: header=1 ResponseHeader
WatcherTotals: watchers=1 int64, behind=2 int64, lag_revisions_sum=3 int64, lag_revisions_max=4 int64
WatcherPositionTotals: position=1 string, totals=2 WatcherTotals
WatcherClassTotals: ranges=1 []WatcherRange, options=2 []string, totals=3 WatcherTotals
WatcherSummaryRequest: classes=1 int64
WatcherSummaryResponse: header=1 ResponseHeader, streams=2 int64, totals=3 WatcherTotals,
  positions=4 []WatcherPositionTotals, class_count=5 int64, classes=6 []WatcherClassTotals
UserAddOptions: no_password=1 bool
Permission: permType=1 PermissionType, key=2 bytes, range_end=3 bytes
AuthEnableRequest:
AuthEnableResponse: header=1 ResponseHeader
AuthDisableRequest:
AuthDisableResponse: header=1 ResponseHeader
AuthStatusRequest:
AuthStatusResponse: header=1 ResponseHeader, enabled=2 bool, authRevision=3 uint64
AuthenticateRequest: name=1 string, password=2 string
AuthenticateResponse: header=1 ResponseHeader, token=2 string
AuthUserAddRequest: name=1 string, password=2 string, options=3 UserAddOptions, hashedPassword=4
  string
AuthUserAddResponse: header=1 ResponseHeader
AuthUserGetRequest: name=1 string
AuthUserGetResponse: header=1 ResponseHeader, roles=2 []string
AuthUserListRequest:
AuthUserListResponse: header=1 ResponseHeader, users=2 []string
AuthUserDeleteRequest: name=1 string
AuthUserDeleteResponse: header=1 ResponseHeader
AuthUserChangePasswordRequest: name=1 string, password=2 string, hashedPassword=3 string
AuthUserChangePasswordResponse: header=1 ResponseHeader
AuthUserGrantRoleRequest: user=1 string, role=2 string
AuthUserGrantRoleResponse: header=1 ResponseHeader
AuthUserRevokeRoleRequest: name=1 string, role=2 string
AuthUserRevokeRoleResponse: header=1 ResponseHeader
AuthRoleAddRequest: name=1 string
AuthRoleAddResponse: header=1 ResponseHeader
AuthRoleGetRequest: role=1 string
AuthRoleGetResponse: header=1 ResponseHeader, perm=2 []Permission
AuthRoleListRequest:
AuthRoleListResponse: header=1 ResponseHeader, roles=2 []string
AuthRoleDeleteRequest: role=1 string
AuthRoleDeleteResponse: header=1 ResponseHeader
AuthRoleGrantPermissionRequest: name=1 string, perm=2 Permission
AuthRoleGrantPermissionResponse: header=1 ResponseHeader
AuthRoleRevokePermissionRequest: role=1 string, key=2 bytes, range_end=3 bytes
AuthRoleRevokePermissionResponse: header=1 ResponseHeader
LockRequest: name=1 bytes, lease=2 int64
LockResponse: header=1 ResponseHeader, key=2 bytes
UnlockRequest: key=1 bytes
UnlockResponse: header=1 ResponseHeader
CampaignRequest: name=1 bytes, lease=2 int64, value=3 bytes
CampaignResponse: header=1 ResponseHeader, leader=2 LeaderKey
LeaderKey: name=1 bytes, key=2 bytes, rev=3 int64, lease=4 int64
LeaderRequest: name=1 bytes
LeaderResponse: header=1 ResponseHeader, kv=2 KeyValue
ResignRequest: leader=1 LeaderKey
ResignResponse: header=1 ResponseHeader
ProclaimRequest: leader=1 LeaderKey, value=2 bytes
ProclaimResponse: header=1 ResponseHeader
`;

/** Enum values, `NAME=number`. */
export const ENUM_FACTS: string = `
EventType: PUT=0, DELETE=1
SortOrder: NONE=0, ASCEND=1, DESCEND=2
SortTarget: KEY=0, VERSION=1, CREATE=2, MOD=3, VALUE=4
CompareResult: EQUAL=0, GREATER=1, LESS=2, NOT_EQUAL=3
CompareTarget: VERSION=0, CREATE=1, MOD=2, VALUE=3, LEASE=4
FilterType: NOPUT=0, NODELETE=1
AlarmType: NONE=0, NOSPACE=1, CORRUPT=2
AlarmAction: GET=0, ACTIVATE=1, DEACTIVATE=2
PermissionType: READ=0, WRITE=1, READWRITE=2
ServingStatus: UNKNOWN=0, SERVING=1, NOT_SERVING=2, SERVICE_UNKNOWN=3
`;

/** Unary methods by short name: path, request, response. */
export const METHOD_FACTS: string = `
Range /etcdserverpb.KV/Range RangeRequest RangeResponse
Put /etcdserverpb.KV/Put PutRequest PutResponse
DeleteRange /etcdserverpb.KV/DeleteRange DeleteRangeRequest DeleteRangeResponse
Txn /etcdserverpb.KV/Txn TxnRequest TxnResponse
Compact /etcdserverpb.KV/Compact CompactionRequest CompactionResponse
LeaseGrant /etcdserverpb.Lease/LeaseGrant LeaseGrantRequest LeaseGrantResponse
LeaseRevoke /etcdserverpb.Lease/LeaseRevoke LeaseRevokeRequest LeaseRevokeResponse
LeaseTimeToLive /etcdserverpb.Lease/LeaseTimeToLive LeaseTimeToLiveRequest LeaseTimeToLiveResponse
LeaseLeases /etcdserverpb.Lease/LeaseLeases LeaseLeasesRequest LeaseLeasesResponse
MemberAdd /etcdserverpb.Cluster/MemberAdd MemberAddRequest MemberAddResponse
MemberRemove /etcdserverpb.Cluster/MemberRemove MemberRemoveRequest MemberRemoveResponse
MemberUpdate /etcdserverpb.Cluster/MemberUpdate MemberUpdateRequest MemberUpdateResponse
MemberList /etcdserverpb.Cluster/MemberList MemberListRequest MemberListResponse
MemberPromote /etcdserverpb.Cluster/MemberPromote MemberPromoteRequest MemberPromoteResponse
Alarm /etcdserverpb.Maintenance/Alarm AlarmRequest AlarmResponse
Status /etcdserverpb.Maintenance/Status StatusRequest StatusResponse
Defragment /etcdserverpb.Maintenance/Defragment DefragmentRequest DefragmentResponse
Hash /etcdserverpb.Maintenance/Hash HashRequest HashResponse
HashKV /etcdserverpb.Maintenance/HashKV HashKVRequest HashKVResponse
MoveLeader /etcdserverpb.Maintenance/MoveLeader MoveLeaderRequest MoveLeaderResponse
AuthEnable /etcdserverpb.Auth/AuthEnable AuthEnableRequest AuthEnableResponse
AuthDisable /etcdserverpb.Auth/AuthDisable AuthDisableRequest AuthDisableResponse
AuthStatus /etcdserverpb.Auth/AuthStatus AuthStatusRequest AuthStatusResponse
Authenticate /etcdserverpb.Auth/Authenticate AuthenticateRequest AuthenticateResponse
UserAdd /etcdserverpb.Auth/UserAdd AuthUserAddRequest AuthUserAddResponse
UserGet /etcdserverpb.Auth/UserGet AuthUserGetRequest AuthUserGetResponse
UserList /etcdserverpb.Auth/UserList AuthUserListRequest AuthUserListResponse
UserDelete /etcdserverpb.Auth/UserDelete AuthUserDeleteRequest AuthUserDeleteResponse
UserChangePassword /etcdserverpb.Auth/UserChangePassword AuthUserChangePasswordRequest AuthUserChangePasswordResponse
UserGrantRole /etcdserverpb.Auth/UserGrantRole AuthUserGrantRoleRequest AuthUserGrantRoleResponse
UserRevokeRole /etcdserverpb.Auth/UserRevokeRole AuthUserRevokeRoleRequest AuthUserRevokeRoleResponse
RoleAdd /etcdserverpb.Auth/RoleAdd AuthRoleAddRequest AuthRoleAddResponse
RoleGet /etcdserverpb.Auth/RoleGet AuthRoleGetRequest AuthRoleGetResponse
RoleList /etcdserverpb.Auth/RoleList AuthRoleListRequest AuthRoleListResponse
RoleDelete /etcdserverpb.Auth/RoleDelete AuthRoleDeleteRequest AuthRoleDeleteResponse
RoleGrantPermission /etcdserverpb.Auth/RoleGrantPermission AuthRoleGrantPermissionRequest AuthRoleGrantPermissionResponse
RoleRevokePermission /etcdserverpb.Auth/RoleRevokePermission AuthRoleRevokePermissionRequest AuthRoleRevokePermissionResponse
Lock /v3lockpb.Lock/Lock LockRequest LockResponse
Unlock /v3lockpb.Lock/Unlock UnlockRequest UnlockResponse
Campaign /v3electionpb.Election/Campaign CampaignRequest CampaignResponse
Proclaim /v3electionpb.Election/Proclaim ProclaimRequest ProclaimResponse
Leader /v3electionpb.Election/Leader LeaderRequest LeaderResponse
Resign /v3electionpb.Election/Resign ResignRequest ResignResponse
HealthCheck /grpc.health.v1.Health/Check HealthCheckRequest HealthCheckResponse
WatcherList /vedette.v1.Watchers/List WatcherListRequest WatcherListResponse
WatcherCancel /vedette.v1.Watchers/Cancel WatcherCancelRequest WatcherCancelResponse
WatcherSummary /vedette.v1.Watchers/Summary WatcherSummaryRequest WatcherSummaryResponse
`;
