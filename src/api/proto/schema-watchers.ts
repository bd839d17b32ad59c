import {
  bool,
  bytes,
  exactInt64,
  int64,
  message,
  repeated,
  type SchemaPart,
  string,
} from "./schema.ts";

/** Our own service that shows watchers: package vedette.v1 (docs/watchers-admin.md). */
export const WATCHERS_SCHEMA: SchemaPart = {
  enums: {},
  messages: {
    "vedette.v1": {
      WatcherRange: { key: bytes(1), range_end: bytes(2) },
      WatcherStatus: {
        stream_id: int64(1),
        watch_id: exactInt64(2),
        client: string(3),
        user: string(4),
        ranges: repeated(message(5, "WatcherRange")),
        options: repeated(string(6)),
        position: string(7),
        next_revision: int64(8),
        lag_revisions: int64(9),
        lag_bytes: int64(10),
        lag_bytes_estimated: bool(11),
        lag_ms: int64(12),
        cause: string(13),
        created_at_ms: int64(14),
      },
      WatcherListRequest: { limit: int64(1), position: string(2), key: bytes(3) },
      WatcherListResponse: {
        header: message(1, "ResponseHeader"),
        watchers: repeated(message(2, "WatcherStatus")),
        matched: int64(3),
      },
      WatcherCancelRequest: {
        stream_id: int64(1),
        watch_id: exactInt64(2),
        reason: string(3),
      },
      WatcherCancelResponse: { header: message(1, "ResponseHeader") },
      WatcherTotals: {
        watchers: int64(1),
        behind: int64(2),
        lag_revisions_sum: int64(3),
        lag_revisions_max: int64(4),
      },
      WatcherPositionTotals: { position: string(1), totals: message(2, "WatcherTotals") },
      WatcherClassTotals: {
        ranges: repeated(message(1, "WatcherRange")),
        options: repeated(string(2)),
        totals: message(3, "WatcherTotals"),
      },
      WatcherSummaryRequest: { classes: int64(1) },
      WatcherSummaryResponse: {
        header: message(1, "ResponseHeader"),
        streams: int64(2),
        totals: message(3, "WatcherTotals"),
        positions: repeated(message(4, "WatcherPositionTotals")),
        class_count: int64(5),
        classes: repeated(message(6, "WatcherClassTotals")),
      },
    },
  },
};
