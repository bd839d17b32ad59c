import {
  bool,
  bytes,
  enumeration,
  exactInt64,
  exactUint64,
  int64,
  message,
  oneof,
  repeated,
  since,
  string,
  type SchemaPart,
} from "./schema.ts";

/** Keys, watches and leases: packages mvccpb and etcdserverpb. */
export const KEY_VALUE_SCHEMA: SchemaPart = {
  enums: {
    EventType: { fullName: "mvccpb.Event.EventType", values: { PUT: 0, DELETE: 1 } },
    SortOrder: {
      fullName: "etcdserverpb.RangeRequest.SortOrder",
      values: { NONE: 0, ASCEND: 1, DESCEND: 2 },
    },
    SortTarget: {
      fullName: "etcdserverpb.RangeRequest.SortTarget",
      values: { KEY: 0, VERSION: 1, CREATE: 2, MOD: 3, VALUE: 4 },
    },
    CompareResult: {
      fullName: "etcdserverpb.Compare.CompareResult",
      values: { EQUAL: 0, GREATER: 1, LESS: 2, NOT_EQUAL: 3 },
    },
    CompareTarget: {
      fullName: "etcdserverpb.Compare.CompareTarget",
      values: { VERSION: 0, CREATE: 1, MOD: 2, VALUE: 3, LEASE: 4 },
    },
    FilterType: {
      fullName: "etcdserverpb.WatchCreateRequest.FilterType",
      values: { NOPUT: 0, NODELETE: 1 },
    },
  },
  messages: {
    mvccpb: {
      KeyValue: {
        key: bytes(1),
        create_revision: int64(2),
        mod_revision: int64(3),
        version: int64(4),
        value: bytes(5),
        lease: exactInt64(6),
      },
      Event: {
        type: enumeration(1, "EventType"),
        kv: message(2, "KeyValue"),
        prev_kv: message(3, "KeyValue"),
      },
    },
    etcdserverpb: {
      ResponseHeader: {
        cluster_id: exactUint64(1),
        member_id: exactUint64(2),
        revision: int64(3),
        raft_term: exactUint64(4),
      },
      RangeRequest: {
        key: bytes(1),
        range_end: bytes(2),
        limit: int64(3),
        revision: int64(4),
        sort_order: enumeration(5, "SortOrder"),
        sort_target: enumeration(6, "SortTarget"),
        serializable: bool(7),
        keys_only: bool(8),
        count_only: bool(9),
        min_mod_revision: since("3.1", int64(10)),
        max_mod_revision: since("3.1", int64(11)),
        min_create_revision: since("3.1", int64(12)),
        max_create_revision: since("3.1", int64(13)),
      },
      RangeResponse: {
        header: message(1, "ResponseHeader"),
        kvs: repeated(message(2, "KeyValue")),
        more: bool(3),
        count: int64(4),
      },
      PutRequest: {
        key: bytes(1),
        value: bytes(2),
        lease: exactInt64(3),
        prev_kv: since("3.1", bool(4)),
        ignore_value: since("3.2", bool(5)),
        ignore_lease: since("3.2", bool(6)),
      },
      PutResponse: {
        header: message(1, "ResponseHeader"),
        prev_kv: since("3.1", message(2, "KeyValue")),
      },
      DeleteRangeRequest: {
        key: bytes(1),
        range_end: bytes(2),
        prev_kv: since("3.1", bool(3)),
      },
      DeleteRangeResponse: {
        header: message(1, "ResponseHeader"),
        deleted: int64(2),
        prev_kvs: since("3.1", repeated(message(3, "KeyValue"))),
      },
      RequestOp: {
        request_range: oneof("request", message(1, "RangeRequest")),
        request_put: oneof("request", message(2, "PutRequest")),
        request_delete_range: oneof("request", message(3, "DeleteRangeRequest")),
        request_txn: since("3.3", oneof("request", message(4, "TxnRequest"))),
      },
      ResponseOp: {
        response_range: oneof("response", message(1, "RangeResponse")),
        response_put: oneof("response", message(2, "PutResponse")),
        response_delete_range: oneof("response", message(3, "DeleteRangeResponse")),
        response_txn: since("3.3", oneof("response", message(4, "TxnResponse"))),
      },
      Compare: {
        result: enumeration(1, "CompareResult"),
        target: enumeration(2, "CompareTarget"),
        key: bytes(3),
        version: oneof("target_union", int64(4)),
        create_revision: oneof("target_union", int64(5)),
        mod_revision: oneof("target_union", int64(6)),
        value: oneof("target_union", bytes(7)),
        lease: since("3.3", oneof("target_union", exactInt64(8))),
        range_end: since("3.3", bytes(64)),
      },
      TxnRequest: {
        compare: repeated(message(1, "Compare")),
        success: repeated(message(2, "RequestOp")),
        failure: repeated(message(3, "RequestOp")),
      },
      TxnResponse: {
        header: message(1, "ResponseHeader"),
        succeeded: bool(2),
        responses: repeated(message(3, "ResponseOp")),
      },
      CompactionRequest: {
        revision: int64(1),
        physical: bool(2),
      },
      CompactionResponse: {
        header: message(1, "ResponseHeader"),
      },
      WatchRequest: {
        create_request: oneof("request_union", message(1, "WatchCreateRequest")),
        cancel_request: oneof("request_union", message(2, "WatchCancelRequest")),
        progress_request: since("3.4", oneof("request_union", message(3, "WatchProgressRequest"))),
      },
      WatchCreateRequest: {
        key: bytes(1),
        range_end: bytes(2),
        start_revision: int64(3),
        progress_notify: bool(4),
        filters: since("3.1", repeated(enumeration(5, "FilterType"))),
        prev_kv: since("3.1", bool(6)),
        watch_id: since("3.4", exactInt64(7)),
        fragment: since("3.4", bool(8)),
      },
      WatchCancelRequest: {
        watch_id: since("3.1", exactInt64(1)),
      },
      WatchProgressRequest: {},
      WatchResponse: {
        header: message(1, "ResponseHeader"),
        watch_id: exactInt64(2),
        created: bool(3),
        canceled: bool(4),
        compact_revision: int64(5),
        cancel_reason: since("3.4", string(6)),
        fragment: since("3.4", bool(7)),
        events: repeated(message(11, "Event")),
      },
      LeaseGrantRequest: {
        TTL: int64(1),
        ID: exactInt64(2),
      },
      LeaseGrantResponse: {
        header: message(1, "ResponseHeader"),
        ID: exactInt64(2),
        TTL: int64(3),
        error: string(4),
      },
      LeaseRevokeRequest: {
        ID: exactInt64(1),
      },
      LeaseRevokeResponse: {
        header: message(1, "ResponseHeader"),
      },
      LeaseCheckpoint: {
        ID: exactInt64(1),
        remaining_TTL: int64(2),
      },
      LeaseCheckpointRequest: {
        checkpoints: repeated(message(1, "LeaseCheckpoint")),
      },
      LeaseCheckpointResponse: {
        header: message(1, "ResponseHeader"),
      },
      LeaseKeepAliveRequest: {
        ID: exactInt64(1),
      },
      LeaseKeepAliveResponse: {
        header: message(1, "ResponseHeader"),
        ID: exactInt64(2),
        TTL: int64(3),
      },
      LeaseTimeToLiveRequest: {
        ID: exactInt64(1),
        keys: bool(2),
      },
      LeaseTimeToLiveResponse: {
        header: message(1, "ResponseHeader"),
        ID: exactInt64(2),
        TTL: int64(3),
        grantedTTL: int64(4),
        keys: repeated(bytes(5)),
      },
      LeaseLeasesRequest: {},
      LeaseStatus: {
        ID: exactInt64(1),
      },
      LeaseLeasesResponse: {
        header: message(1, "ResponseHeader"),
        leases: repeated(message(2, "LeaseStatus")),
      },
      RangeStreamResponse: {
        range_response: message(1, "RangeResponse"),
      },
    },
  },
};
