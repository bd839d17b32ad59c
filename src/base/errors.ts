/**
 * Every error that a client can see by name: one table, texts and codes as etcd sends them
 * (behaviour E10-E72), because clients map errors by their text.
 */
export const GrpcCode: {
  readonly ok: 0;
  readonly canceled: 1;
  readonly unknown: 2;
  readonly invalidArgument: 3;
  readonly deadlineExceeded: 4;
  readonly notFound: 5;
  readonly alreadyExists: 6;
  readonly permissionDenied: 7;
  readonly resourceExhausted: 8;
  readonly failedPrecondition: 9;
  readonly aborted: 10;
  readonly outOfRange: 11;
  readonly unimplemented: 12;
  readonly internal: 13;
  readonly unavailable: 14;
  readonly dataLoss: 15;
  readonly unauthenticated: 16;
} = {
  ok: 0,
  canceled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
};
export type GrpcCode = (typeof GrpcCode)[keyof typeof GrpcCode];

export type EtcdErrorName =
  | "emptyKey"
  | "keyNotFound"
  | "valueProvided"
  | "leaseProvided"
  | "tooManyOps"
  | "duplicateKey"
  | "invalidClientApiVersion"
  | "invalidSortOption"
  | "compacted"
  | "futureRevision"
  | "noSpace"
  | "leaseNotFound"
  | "leaseExists"
  | "leaseTtlTooLarge"
  | "watchCanceled"
  | "memberExists"
  | "peerUrlExists"
  | "memberNotEnoughStarted"
  | "memberBadUrls"
  | "memberNotFound"
  | "memberNotLearner"
  | "learnerNotReady"
  | "tooManyLearners"
  | "clusterIdMismatch"
  | "requestTooLarge"
  | "tooManyRequests"
  | "rootUserMissing"
  | "rootRoleMissing"
  | "userExists"
  | "userEmpty"
  | "userNotFound"
  | "roleExists"
  | "roleNotFound"
  | "roleEmpty"
  | "authFailed"
  | "permissionNotGiven"
  | "permissionDenied"
  | "roleNotGranted"
  | "permissionNotGranted"
  | "authNotEnabled"
  | "invalidAuthToken"
  | "invalidAuthManagement"
  | "authOldRevision"
  | "noLeader"
  | "notLeader"
  | "leaderChanged"
  | "notCapable"
  | "stopped"
  | "timeout"
  | "timeoutDueToLeaderFail"
  | "timeoutDueToConnectionLost"
  | "timeoutWaitAppliedIndex"
  | "unhealthy"
  | "corrupt"
  | "notSupportedForLearner"
  | "badLeaderTransferee"
  | "wrongDowngradeVersionFormat"
  | "invalidDowngradeTargetVersion"
  | "clusterVersionUnavailable"
  | "downgradeInProcess"
  | "noInflightDowngrade"
  | "unknownMethod"
  | "requestCanceled"
  | "deadlineExceeded";

const TABLE: Readonly<Record<EtcdErrorName, readonly [GrpcCode, string]>> = {
  emptyKey: [GrpcCode.invalidArgument, "etcdserver: key is not provided"],
  keyNotFound: [GrpcCode.invalidArgument, "etcdserver: key not found"],
  valueProvided: [GrpcCode.invalidArgument, "etcdserver: value is provided"],
  leaseProvided: [GrpcCode.invalidArgument, "etcdserver: lease is provided"],
  tooManyOps: [GrpcCode.invalidArgument, "etcdserver: too many operations in txn request"],
  duplicateKey: [GrpcCode.invalidArgument, "etcdserver: duplicate key given in txn request"],
  invalidClientApiVersion: [GrpcCode.invalidArgument, "etcdserver: invalid client api version"],
  invalidSortOption: [GrpcCode.invalidArgument, "etcdserver: invalid sort option"],
  compacted: [GrpcCode.outOfRange, "etcdserver: mvcc: required revision has been compacted"],
  futureRevision: [GrpcCode.outOfRange, "etcdserver: mvcc: required revision is a future revision"],
  noSpace: [GrpcCode.resourceExhausted, "etcdserver: mvcc: database space exceeded"],
  leaseNotFound: [GrpcCode.notFound, "etcdserver: requested lease not found"],
  leaseExists: [GrpcCode.failedPrecondition, "etcdserver: lease already exists"],
  leaseTtlTooLarge: [GrpcCode.outOfRange, "etcdserver: too large lease TTL"],
  watchCanceled: [GrpcCode.canceled, "etcdserver: watch canceled"],
  memberExists: [GrpcCode.failedPrecondition, "etcdserver: member ID already exist"],
  peerUrlExists: [GrpcCode.failedPrecondition, "etcdserver: Peer URLs already exists"],
  memberNotEnoughStarted: [
    GrpcCode.failedPrecondition,
    "etcdserver: re-configuration failed due to not enough started members",
  ],
  memberBadUrls: [GrpcCode.invalidArgument, "etcdserver: given member URLs are invalid"],
  memberNotFound: [GrpcCode.notFound, "etcdserver: member not found"],
  memberNotLearner: [GrpcCode.failedPrecondition, "etcdserver: can only promote a learner member"],
  learnerNotReady: [
    GrpcCode.failedPrecondition,
    "etcdserver: can only promote a learner member which is in sync with leader",
  ],
  tooManyLearners: [GrpcCode.failedPrecondition, "etcdserver: too many learner members in cluster"],
  clusterIdMismatch: [GrpcCode.failedPrecondition, "etcdserver: cluster ID mismatch"],
  requestTooLarge: [GrpcCode.invalidArgument, "etcdserver: request is too large"],
  tooManyRequests: [GrpcCode.resourceExhausted, "etcdserver: too many requests"],
  rootUserMissing: [GrpcCode.failedPrecondition, "etcdserver: root user does not exist"],
  rootRoleMissing: [GrpcCode.failedPrecondition, "etcdserver: root user does not have root role"],
  userExists: [GrpcCode.failedPrecondition, "etcdserver: user name already exists"],
  userEmpty: [GrpcCode.invalidArgument, "etcdserver: user name is empty"],
  userNotFound: [GrpcCode.failedPrecondition, "etcdserver: user name not found"],
  roleExists: [GrpcCode.failedPrecondition, "etcdserver: role name already exists"],
  roleNotFound: [GrpcCode.failedPrecondition, "etcdserver: role name not found"],
  roleEmpty: [GrpcCode.invalidArgument, "etcdserver: role name is empty"],
  authFailed: [
    GrpcCode.invalidArgument,
    "etcdserver: authentication failed, invalid user ID or password",
  ],
  permissionNotGiven: [GrpcCode.invalidArgument, "etcdserver: permission not given"],
  permissionDenied: [GrpcCode.permissionDenied, "etcdserver: permission denied"],
  roleNotGranted: [GrpcCode.failedPrecondition, "etcdserver: role is not granted to the user"],
  permissionNotGranted: [
    GrpcCode.failedPrecondition,
    "etcdserver: permission is not granted to the role",
  ],
  authNotEnabled: [GrpcCode.failedPrecondition, "etcdserver: authentication is not enabled"],
  invalidAuthToken: [GrpcCode.unauthenticated, "etcdserver: invalid auth token"],
  invalidAuthManagement: [GrpcCode.invalidArgument, "etcdserver: invalid auth management"],
  authOldRevision: [GrpcCode.invalidArgument, "etcdserver: revision of auth store is old"],
  noLeader: [GrpcCode.unavailable, "etcdserver: no leader"],
  notLeader: [GrpcCode.failedPrecondition, "etcdserver: not leader"],
  leaderChanged: [GrpcCode.unavailable, "etcdserver: leader changed"],
  notCapable: [GrpcCode.failedPrecondition, "etcdserver: not capable"],
  stopped: [GrpcCode.unavailable, "etcdserver: server stopped"],
  timeout: [GrpcCode.unavailable, "etcdserver: request timed out"],
  timeoutDueToLeaderFail: [
    GrpcCode.unavailable,
    "etcdserver: request timed out, possibly due to previous leader failure",
  ],
  timeoutDueToConnectionLost: [
    GrpcCode.unavailable,
    "etcdserver: request timed out, possibly due to connection lost",
  ],
  timeoutWaitAppliedIndex: [
    GrpcCode.unavailable,
    "etcdserver: request timed out, waiting for the applied index took too long",
  ],
  unhealthy: [GrpcCode.unavailable, "etcdserver: unhealthy cluster"],
  corrupt: [GrpcCode.dataLoss, "etcdserver: corrupt cluster"],
  notSupportedForLearner: [
    GrpcCode.failedPrecondition,
    "etcdserver: rpc not supported for learner",
  ],
  badLeaderTransferee: [GrpcCode.failedPrecondition, "etcdserver: bad leader transferee"],
  wrongDowngradeVersionFormat: [
    GrpcCode.invalidArgument,
    "etcdserver: wrong downgrade target version format",
  ],
  invalidDowngradeTargetVersion: [
    GrpcCode.invalidArgument,
    "etcdserver: invalid downgrade target version",
  ],
  clusterVersionUnavailable: [
    GrpcCode.failedPrecondition,
    "etcdserver: cluster version not found during downgrade",
  ],
  downgradeInProcess: [
    GrpcCode.failedPrecondition,
    "etcdserver: cluster has a downgrade job in progress",
  ],
  noInflightDowngrade: [GrpcCode.failedPrecondition, "etcdserver: no inflight downgrade job"],
  unknownMethod: [GrpcCode.unknown, "etcdserver: unknown method"],
  requestCanceled: [GrpcCode.canceled, "etcdserver: request canceled"],
  deadlineExceeded: [GrpcCode.deadlineExceeded, "context deadline exceeded"],
};

/**
 * An answer of "no" that a client caused or must hear of. Made without a stack: it is an answer,
 * not a fault, and requests that fail by design (a txn that loses a race) are on the hot path.
 */
export class EtcdError extends Error {
  override readonly name: EtcdErrorName;
  readonly code: GrpcCode;

  constructor(name: EtcdErrorName) {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(TABLE[name][1]);
    Error.stackTraceLimit = limit;
    this.name = name;
    this.code = TABLE[name][0];
  }
}
