// Made from the schema by tools/generate-proto.ts; change the schema, not this.

/** mvccpb.Event.EventType */
export const EventType: {
  readonly PUT: 0;
  readonly DELETE: 1;
} = { PUT: 0, DELETE: 1 };

/** etcdserverpb.RangeRequest.SortOrder */
export const SortOrder: {
  readonly NONE: 0;
  readonly ASCEND: 1;
  readonly DESCEND: 2;
} = { NONE: 0, ASCEND: 1, DESCEND: 2 };

/** etcdserverpb.RangeRequest.SortTarget */
export const SortTarget: {
  readonly KEY: 0;
  readonly VERSION: 1;
  readonly CREATE: 2;
  readonly MOD: 3;
  readonly VALUE: 4;
} = { KEY: 0, VERSION: 1, CREATE: 2, MOD: 3, VALUE: 4 };

/** etcdserverpb.Compare.CompareResult */
export const CompareResult: {
  readonly EQUAL: 0;
  readonly GREATER: 1;
  readonly LESS: 2;
  readonly NOT_EQUAL: 3;
} = { EQUAL: 0, GREATER: 1, LESS: 2, NOT_EQUAL: 3 };

/** etcdserverpb.Compare.CompareTarget */
export const CompareTarget: {
  readonly VERSION: 0;
  readonly CREATE: 1;
  readonly MOD: 2;
  readonly VALUE: 3;
  readonly LEASE: 4;
} = { VERSION: 0, CREATE: 1, MOD: 2, VALUE: 3, LEASE: 4 };

/** etcdserverpb.WatchCreateRequest.FilterType */
export const FilterType: {
  readonly NOPUT: 0;
  readonly NODELETE: 1;
} = { NOPUT: 0, NODELETE: 1 };

/** mvccpb.KeyValue */
export interface KeyValue {
  readonly key: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly value: Uint8Array;
  readonly lease: bigint;
}

/** mvccpb.Event */
export interface Event {
  /** EventType */
  readonly type: number;
  readonly kv: KeyValue | undefined;
  readonly prevKv: KeyValue | undefined;
}

/** etcdserverpb.ResponseHeader */
export interface ResponseHeader {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly revision: number;
  readonly raftTerm: bigint;
}

/** etcdserverpb.RangeRequest */
export interface RangeRequest {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  readonly limit: number;
  readonly revision: number;
  /** SortOrder */
  readonly sortOrder: number;
  /** SortTarget */
  readonly sortTarget: number;
  readonly serializable: boolean;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  /** since etcd 3.1 */
  readonly minModRevision: number;
  /** since etcd 3.1 */
  readonly maxModRevision: number;
  /** since etcd 3.1 */
  readonly minCreateRevision: number;
  /** since etcd 3.1 */
  readonly maxCreateRevision: number;
}

/** etcdserverpb.RangeResponse */
export interface RangeResponse {
  readonly header: ResponseHeader | undefined;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  readonly count: number;
}

/** etcdserverpb.PutRequest */
export interface PutRequest {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly lease: bigint;
  /** since etcd 3.1 */
  readonly prevKv: boolean;
  /** since etcd 3.2 */
  readonly ignoreValue: boolean;
  /** since etcd 3.2 */
  readonly ignoreLease: boolean;
}

/** etcdserverpb.PutResponse */
export interface PutResponse {
  readonly header: ResponseHeader | undefined;
  /** since etcd 3.1 */
  readonly prevKv: KeyValue | undefined;
}

/** etcdserverpb.DeleteRangeRequest */
export interface DeleteRangeRequest {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  /** since etcd 3.1 */
  readonly prevKv: boolean;
}

/** etcdserverpb.DeleteRangeResponse */
export interface DeleteRangeResponse {
  readonly header: ResponseHeader | undefined;
  readonly deleted: number;
  /** since etcd 3.1 */
  readonly prevKvs: readonly KeyValue[];
}

/** etcdserverpb.RequestOp */
export interface RequestOp {
  readonly request:
    | { readonly kind: "requestRange"; readonly value: RangeRequest }
    | { readonly kind: "requestPut"; readonly value: PutRequest }
    | { readonly kind: "requestDeleteRange"; readonly value: DeleteRangeRequest }
    | { readonly kind: "requestTxn"; readonly value: TxnRequest }
    | undefined;
}

/** etcdserverpb.ResponseOp */
export interface ResponseOp {
  readonly response:
    | { readonly kind: "responseRange"; readonly value: RangeResponse }
    | { readonly kind: "responsePut"; readonly value: PutResponse }
    | { readonly kind: "responseDeleteRange"; readonly value: DeleteRangeResponse }
    | { readonly kind: "responseTxn"; readonly value: TxnResponse }
    | undefined;
}

/** etcdserverpb.Compare */
export interface Compare {
  /** CompareResult */
  readonly result: number;
  /** CompareTarget */
  readonly target: number;
  readonly key: Uint8Array;
  readonly targetUnion:
    | { readonly kind: "version"; readonly value: number }
    | { readonly kind: "createRevision"; readonly value: number }
    | { readonly kind: "modRevision"; readonly value: number }
    | { readonly kind: "value"; readonly value: Uint8Array }
    | { readonly kind: "lease"; readonly value: bigint }
    | undefined;
  /** since etcd 3.3 */
  readonly rangeEnd: Uint8Array;
}

/** etcdserverpb.TxnRequest */
export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}

/** etcdserverpb.TxnResponse */
export interface TxnResponse {
  readonly header: ResponseHeader | undefined;
  readonly succeeded: boolean;
  readonly responses: readonly ResponseOp[];
}

/** etcdserverpb.CompactionRequest */
export interface CompactionRequest {
  readonly revision: number;
  readonly physical: boolean;
}

/** etcdserverpb.CompactionResponse */
export interface CompactionResponse {
  readonly header: ResponseHeader | undefined;
}

/** etcdserverpb.WatchRequest */
export interface WatchRequest {
  readonly requestUnion:
    | { readonly kind: "createRequest"; readonly value: WatchCreateRequest }
    | { readonly kind: "cancelRequest"; readonly value: WatchCancelRequest }
    | { readonly kind: "progressRequest"; readonly value: WatchProgressRequest }
    | undefined;
}

/** etcdserverpb.WatchCreateRequest */
export interface WatchCreateRequest {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  readonly startRevision: number;
  readonly progressNotify: boolean;
  /** FilterType; since etcd 3.1 */
  readonly filters: readonly number[];
  /** since etcd 3.1 */
  readonly prevKv: boolean;
  /** since etcd 3.4 */
  readonly watchId: bigint;
  /** since etcd 3.4 */
  readonly fragment: boolean;
}

/** etcdserverpb.WatchCancelRequest */
export interface WatchCancelRequest {
  /** since etcd 3.1 */
  readonly watchId: bigint;
}

/** etcdserverpb.WatchProgressRequest */
export type WatchProgressRequest = Readonly<Record<string, never>>;

/** etcdserverpb.WatchResponse */
export interface WatchResponse {
  readonly header: ResponseHeader | undefined;
  readonly watchId: bigint;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compactRevision: number;
  /** since etcd 3.4 */
  readonly cancelReason: string;
  /** since etcd 3.4 */
  readonly fragment: boolean;
  readonly events: readonly Event[];
}

/** etcdserverpb.LeaseGrantRequest */
export interface LeaseGrantRequest {
  readonly TTL: number;
  readonly ID: bigint;
}

/** etcdserverpb.LeaseGrantResponse */
export interface LeaseGrantResponse {
  readonly header: ResponseHeader | undefined;
  readonly ID: bigint;
  readonly TTL: number;
  readonly error: string;
}

/** etcdserverpb.LeaseRevokeRequest */
export interface LeaseRevokeRequest {
  readonly ID: bigint;
}

/** etcdserverpb.LeaseRevokeResponse */
export interface LeaseRevokeResponse {
  readonly header: ResponseHeader | undefined;
}

/** etcdserverpb.LeaseCheckpoint */
export interface LeaseCheckpoint {
  readonly ID: bigint;
  readonly remainingTTL: number;
}

/** etcdserverpb.LeaseCheckpointRequest */
export interface LeaseCheckpointRequest {
  readonly checkpoints: readonly LeaseCheckpoint[];
}

/** etcdserverpb.LeaseCheckpointResponse */
export interface LeaseCheckpointResponse {
  readonly header: ResponseHeader | undefined;
}

/** etcdserverpb.LeaseKeepAliveRequest */
export interface LeaseKeepAliveRequest {
  readonly ID: bigint;
}

/** etcdserverpb.LeaseKeepAliveResponse */
export interface LeaseKeepAliveResponse {
  readonly header: ResponseHeader | undefined;
  readonly ID: bigint;
  readonly TTL: number;
}

/** etcdserverpb.LeaseTimeToLiveRequest */
export interface LeaseTimeToLiveRequest {
  readonly ID: bigint;
  readonly keys: boolean;
}

/** etcdserverpb.LeaseTimeToLiveResponse */
export interface LeaseTimeToLiveResponse {
  readonly header: ResponseHeader | undefined;
  readonly ID: bigint;
  readonly TTL: number;
  readonly grantedTTL: number;
  readonly keys: readonly Uint8Array[];
}

/** etcdserverpb.LeaseLeasesRequest */
export type LeaseLeasesRequest = Readonly<Record<string, never>>;

/** etcdserverpb.LeaseStatus */
export interface LeaseStatus {
  readonly ID: bigint;
}

/** etcdserverpb.LeaseLeasesResponse */
export interface LeaseLeasesResponse {
  readonly header: ResponseHeader | undefined;
  readonly leases: readonly LeaseStatus[];
}

/** etcdserverpb.RangeStreamResponse */
export interface RangeStreamResponse {
  readonly rangeResponse: RangeResponse | undefined;
}
