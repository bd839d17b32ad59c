// Made from the schema by tools/generate-proto.ts; change the schema, not this.
import type {
  AuthDisableRequest,
  AuthDisableResponse,
  AuthEnableRequest,
  AuthEnableResponse,
  AuthRoleAddRequest,
  AuthRoleAddResponse,
  AuthRoleDeleteRequest,
  AuthRoleDeleteResponse,
  AuthRoleGetRequest,
  AuthRoleGetResponse,
  AuthRoleGrantPermissionRequest,
  AuthRoleGrantPermissionResponse,
  AuthRoleListRequest,
  AuthRoleListResponse,
  AuthRoleRevokePermissionRequest,
  AuthRoleRevokePermissionResponse,
  AuthStatusRequest,
  AuthStatusResponse,
  AuthUserAddRequest,
  AuthUserAddResponse,
  AuthUserChangePasswordRequest,
  AuthUserChangePasswordResponse,
  AuthUserDeleteRequest,
  AuthUserDeleteResponse,
  AuthUserGetRequest,
  AuthUserGetResponse,
  AuthUserGrantRoleRequest,
  AuthUserGrantRoleResponse,
  AuthUserListRequest,
  AuthUserListResponse,
  AuthUserRevokeRoleRequest,
  AuthUserRevokeRoleResponse,
  AuthenticateRequest,
  AuthenticateResponse,
  Permission,
  Role,
  User,
  UserAddOptions,
} from "./messages-auth.ts";
import type {
  AlarmMember,
  AlarmRequest,
  AlarmResponse,
  DefragmentRequest,
  DefragmentResponse,
  DowngradeInfo,
  DowngradeRequest,
  DowngradeResponse,
  DowngradeVersionTestRequest,
  HashKVRequest,
  HashKVResponse,
  HashRequest,
  HashResponse,
  Member,
  MemberAddRequest,
  MemberAddResponse,
  MemberListRequest,
  MemberListResponse,
  MemberPromoteRequest,
  MemberPromoteResponse,
  MemberRemoveRequest,
  MemberRemoveResponse,
  MemberUpdateRequest,
  MemberUpdateResponse,
  MoveLeaderRequest,
  MoveLeaderResponse,
  SnapshotRequest,
  SnapshotResponse,
  StatusRequest,
  StatusResponse,
} from "./messages-cluster.ts";
import type { HealthCheckRequest, HealthCheckResponse } from "./messages-health.ts";
import type {
  CompactionRequest,
  CompactionResponse,
  Compare,
  DeleteRangeRequest,
  DeleteRangeResponse,
  Event,
  KeyValue,
  LeaseCheckpoint,
  LeaseCheckpointRequest,
  LeaseCheckpointResponse,
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  LeaseLeasesRequest,
  LeaseLeasesResponse,
  LeaseRevokeRequest,
  LeaseRevokeResponse,
  LeaseStatus,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  RangeStreamResponse,
  RequestOp,
  ResponseHeader,
  ResponseOp,
  TxnRequest,
  TxnResponse,
  WatchCancelRequest,
  WatchCreateRequest,
  WatchProgressRequest,
  WatchRequest,
  WatchResponse,
} from "./messages-key-value.ts";
import type {
  CampaignRequest,
  CampaignResponse,
  LeaderKey,
  LeaderRequest,
  LeaderResponse,
  LockRequest,
  LockResponse,
  ProclaimRequest,
  ProclaimResponse,
  ResignRequest,
  ResignResponse,
  UnlockRequest,
  UnlockResponse,
} from "./messages-recipes.ts";
import type {
  WatcherCancelRequest,
  WatcherCancelResponse,
  WatcherClassTotals,
  WatcherListRequest,
  WatcherListResponse,
  WatcherPositionTotals,
  WatcherRange,
  WatcherStatus,
  WatcherSummaryRequest,
  WatcherSummaryResponse,
  WatcherTotals,
} from "./messages-watchers.ts";

/** The type that each message of the schema decodes to, by name. */
export interface MessageTypes {
  readonly KeyValue: KeyValue;
  readonly Event: Event;
  readonly ResponseHeader: ResponseHeader;
  readonly RangeRequest: RangeRequest;
  readonly RangeResponse: RangeResponse;
  readonly PutRequest: PutRequest;
  readonly PutResponse: PutResponse;
  readonly DeleteRangeRequest: DeleteRangeRequest;
  readonly DeleteRangeResponse: DeleteRangeResponse;
  readonly RequestOp: RequestOp;
  readonly ResponseOp: ResponseOp;
  readonly Compare: Compare;
  readonly TxnRequest: TxnRequest;
  readonly TxnResponse: TxnResponse;
  readonly CompactionRequest: CompactionRequest;
  readonly CompactionResponse: CompactionResponse;
  readonly WatchRequest: WatchRequest;
  readonly WatchCreateRequest: WatchCreateRequest;
  readonly WatchCancelRequest: WatchCancelRequest;
  readonly WatchProgressRequest: WatchProgressRequest;
  readonly WatchResponse: WatchResponse;
  readonly LeaseGrantRequest: LeaseGrantRequest;
  readonly LeaseGrantResponse: LeaseGrantResponse;
  readonly LeaseRevokeRequest: LeaseRevokeRequest;
  readonly LeaseRevokeResponse: LeaseRevokeResponse;
  readonly LeaseCheckpoint: LeaseCheckpoint;
  readonly LeaseCheckpointRequest: LeaseCheckpointRequest;
  readonly LeaseCheckpointResponse: LeaseCheckpointResponse;
  readonly LeaseKeepAliveRequest: LeaseKeepAliveRequest;
  readonly LeaseKeepAliveResponse: LeaseKeepAliveResponse;
  readonly LeaseTimeToLiveRequest: LeaseTimeToLiveRequest;
  readonly LeaseTimeToLiveResponse: LeaseTimeToLiveResponse;
  readonly LeaseLeasesRequest: LeaseLeasesRequest;
  readonly LeaseStatus: LeaseStatus;
  readonly LeaseLeasesResponse: LeaseLeasesResponse;
  readonly RangeStreamResponse: RangeStreamResponse;
  readonly HashRequest: HashRequest;
  readonly HashKVRequest: HashKVRequest;
  readonly HashKVResponse: HashKVResponse;
  readonly HashResponse: HashResponse;
  readonly SnapshotRequest: SnapshotRequest;
  readonly SnapshotResponse: SnapshotResponse;
  readonly Member: Member;
  readonly MemberAddRequest: MemberAddRequest;
  readonly MemberAddResponse: MemberAddResponse;
  readonly MemberRemoveRequest: MemberRemoveRequest;
  readonly MemberRemoveResponse: MemberRemoveResponse;
  readonly MemberUpdateRequest: MemberUpdateRequest;
  readonly MemberUpdateResponse: MemberUpdateResponse;
  readonly MemberListRequest: MemberListRequest;
  readonly MemberListResponse: MemberListResponse;
  readonly MemberPromoteRequest: MemberPromoteRequest;
  readonly MemberPromoteResponse: MemberPromoteResponse;
  readonly DefragmentRequest: DefragmentRequest;
  readonly DefragmentResponse: DefragmentResponse;
  readonly MoveLeaderRequest: MoveLeaderRequest;
  readonly MoveLeaderResponse: MoveLeaderResponse;
  readonly AlarmRequest: AlarmRequest;
  readonly AlarmMember: AlarmMember;
  readonly AlarmResponse: AlarmResponse;
  readonly DowngradeRequest: DowngradeRequest;
  readonly DowngradeResponse: DowngradeResponse;
  readonly DowngradeVersionTestRequest: DowngradeVersionTestRequest;
  readonly StatusRequest: StatusRequest;
  readonly StatusResponse: StatusResponse;
  readonly DowngradeInfo: DowngradeInfo;
  readonly UserAddOptions: UserAddOptions;
  readonly User: User;
  readonly Permission: Permission;
  readonly Role: Role;
  readonly AuthEnableRequest: AuthEnableRequest;
  readonly AuthDisableRequest: AuthDisableRequest;
  readonly AuthStatusRequest: AuthStatusRequest;
  readonly AuthenticateRequest: AuthenticateRequest;
  readonly AuthUserAddRequest: AuthUserAddRequest;
  readonly AuthUserGetRequest: AuthUserGetRequest;
  readonly AuthUserDeleteRequest: AuthUserDeleteRequest;
  readonly AuthUserChangePasswordRequest: AuthUserChangePasswordRequest;
  readonly AuthUserGrantRoleRequest: AuthUserGrantRoleRequest;
  readonly AuthUserRevokeRoleRequest: AuthUserRevokeRoleRequest;
  readonly AuthRoleAddRequest: AuthRoleAddRequest;
  readonly AuthRoleGetRequest: AuthRoleGetRequest;
  readonly AuthUserListRequest: AuthUserListRequest;
  readonly AuthRoleListRequest: AuthRoleListRequest;
  readonly AuthRoleDeleteRequest: AuthRoleDeleteRequest;
  readonly AuthRoleGrantPermissionRequest: AuthRoleGrantPermissionRequest;
  readonly AuthRoleRevokePermissionRequest: AuthRoleRevokePermissionRequest;
  readonly AuthEnableResponse: AuthEnableResponse;
  readonly AuthDisableResponse: AuthDisableResponse;
  readonly AuthStatusResponse: AuthStatusResponse;
  readonly AuthenticateResponse: AuthenticateResponse;
  readonly AuthUserAddResponse: AuthUserAddResponse;
  readonly AuthUserGetResponse: AuthUserGetResponse;
  readonly AuthUserDeleteResponse: AuthUserDeleteResponse;
  readonly AuthUserChangePasswordResponse: AuthUserChangePasswordResponse;
  readonly AuthUserGrantRoleResponse: AuthUserGrantRoleResponse;
  readonly AuthUserRevokeRoleResponse: AuthUserRevokeRoleResponse;
  readonly AuthRoleAddResponse: AuthRoleAddResponse;
  readonly AuthRoleGetResponse: AuthRoleGetResponse;
  readonly AuthRoleListResponse: AuthRoleListResponse;
  readonly AuthUserListResponse: AuthUserListResponse;
  readonly AuthRoleDeleteResponse: AuthRoleDeleteResponse;
  readonly AuthRoleGrantPermissionResponse: AuthRoleGrantPermissionResponse;
  readonly AuthRoleRevokePermissionResponse: AuthRoleRevokePermissionResponse;
  readonly LockRequest: LockRequest;
  readonly LockResponse: LockResponse;
  readonly UnlockRequest: UnlockRequest;
  readonly UnlockResponse: UnlockResponse;
  readonly CampaignRequest: CampaignRequest;
  readonly CampaignResponse: CampaignResponse;
  readonly LeaderKey: LeaderKey;
  readonly LeaderRequest: LeaderRequest;
  readonly LeaderResponse: LeaderResponse;
  readonly ResignRequest: ResignRequest;
  readonly ResignResponse: ResignResponse;
  readonly ProclaimRequest: ProclaimRequest;
  readonly ProclaimResponse: ProclaimResponse;
  readonly HealthCheckRequest: HealthCheckRequest;
  readonly HealthCheckResponse: HealthCheckResponse;
  readonly WatcherRange: WatcherRange;
  readonly WatcherStatus: WatcherStatus;
  readonly WatcherListRequest: WatcherListRequest;
  readonly WatcherListResponse: WatcherListResponse;
  readonly WatcherCancelRequest: WatcherCancelRequest;
  readonly WatcherCancelResponse: WatcherCancelResponse;
  readonly WatcherTotals: WatcherTotals;
  readonly WatcherPositionTotals: WatcherPositionTotals;
  readonly WatcherClassTotals: WatcherClassTotals;
  readonly WatcherSummaryRequest: WatcherSummaryRequest;
  readonly WatcherSummaryResponse: WatcherSummaryResponse;
}
