/**
 * Every error that a client can see by name: one table, texts and codes as etcd sends them
 * (behaviour E10-E72), because clients map errors by their text.
 */
export const GrpcCode = {
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
} as const;
export type GrpcCode = (typeof GrpcCode)[keyof typeof GrpcCode];

const TABLE = {
  emptyKey: [GrpcCode.invalidArgument, "etcdserver: key is not provided"],
  keyNotFound: [GrpcCode.invalidArgument, "etcdserver: key not found"],
  valueProvided: [GrpcCode.invalidArgument, "etcdserver: value is provided"],
  leaseProvided: [GrpcCode.invalidArgument, "etcdserver: lease is provided"],
  tooManyOps: [GrpcCode.invalidArgument, "etcdserver: too many operations in txn request"],
  duplicateKey: [GrpcCode.invalidArgument, "etcdserver: duplicate key given in txn request"],
  invalidClientApiVersion: [GrpcCode.invalidArgument, "etcdserver: invalid client api version"],
  invalidSortOption: [GrpcCode.invalidArgument, "etcdserver: invalid sort option"],
  compacted: [GrpcCode.outOfRange, "etcdserver: mvcc: required revision has been compacted"],
  futureRevision: [
    GrpcCode.outOfRange,
    "etcdserver: mvcc: required revision is a future revision",
  ],
  noSpace: [GrpcCode.resourceExhausted, "etcdserver: mvcc: database space exceeded"],
  leaseNotFound: [GrpcCode.notFound, "etcdserver: requested lease not found"],
  leaseExists: [GrpcCode.failedPrecondition, "etcdserver: lease already exists"],
  leaseTtlTooLarge: [GrpcCode.outOfRange, "etcdserver: too large lease TTL"],
  watchCanceled: [GrpcCode.canceled, "etcdserver: watch canceled"],
  memberNotFound: [GrpcCode.notFound, "etcdserver: member not found"],
  requestTooLarge: [GrpcCode.invalidArgument, "etcdserver: request is too large"],
  tooManyRequests: [GrpcCode.resourceExhausted, "etcdserver: too many requests"],
  noLeader: [GrpcCode.unavailable, "etcdserver: no leader"],
  stopped: [GrpcCode.unavailable, "etcdserver: server stopped"],
  timeout: [GrpcCode.unavailable, "etcdserver: request timed out"],
  corrupt: [GrpcCode.dataLoss, "etcdserver: corrupt cluster"],
} as const satisfies Record<string, readonly [GrpcCode, string]>;

export type EtcdErrorName = keyof typeof TABLE;

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

/** Names of all rows, for tests that walk the table. */
export const ETCD_ERROR_NAMES: readonly EtcdErrorName[] = Object.keys(TABLE) as EtcdErrorName[];
