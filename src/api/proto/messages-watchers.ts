// Made from the schema by tools/generate-proto.ts; change the schema, not this.
import type { ResponseHeader } from "./messages-key-value.ts";

/** vedette.v1.WatcherRange */
export interface WatcherRange {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

/** vedette.v1.WatcherStatus */
export interface WatcherStatus {
  readonly streamId: number;
  readonly watchId: bigint;
  readonly client: string;
  readonly user: string;
  readonly ranges: readonly WatcherRange[];
  readonly options: readonly string[];
  readonly position: string;
  readonly nextRevision: number;
  readonly lagRevisions: number;
  readonly lagBytes: number;
  readonly lagBytesEstimated: boolean;
  readonly lagMs: number;
  readonly cause: string;
  readonly createdAtMs: number;
}

/** vedette.v1.WatcherListRequest */
export interface WatcherListRequest {
  readonly limit: number;
  readonly position: string;
  readonly key: Uint8Array;
}

/** vedette.v1.WatcherListResponse */
export interface WatcherListResponse {
  readonly header: ResponseHeader | undefined;
  readonly watchers: readonly WatcherStatus[];
  readonly matched: number;
}

/** vedette.v1.WatcherCancelRequest */
export interface WatcherCancelRequest {
  readonly streamId: number;
  readonly watchId: bigint;
  readonly reason: string;
}

/** vedette.v1.WatcherCancelResponse */
export interface WatcherCancelResponse {
  readonly header: ResponseHeader | undefined;
}

/** vedette.v1.WatcherTotals */
export interface WatcherTotals {
  readonly watchers: number;
  readonly behind: number;
  readonly lagRevisionsSum: number;
  readonly lagRevisionsMax: number;
}

/** vedette.v1.WatcherPositionTotals */
export interface WatcherPositionTotals {
  readonly position: string;
  readonly totals: WatcherTotals | undefined;
}

/** vedette.v1.WatcherClassTotals */
export interface WatcherClassTotals {
  readonly ranges: readonly WatcherRange[];
  readonly options: readonly string[];
  readonly totals: WatcherTotals | undefined;
}

/** vedette.v1.WatcherSummaryRequest */
export interface WatcherSummaryRequest {
  readonly classes: number;
}

/** vedette.v1.WatcherSummaryResponse */
export interface WatcherSummaryResponse {
  readonly header: ResponseHeader | undefined;
  readonly streams: number;
  readonly totals: WatcherTotals | undefined;
  readonly positions: readonly WatcherPositionTotals[];
  readonly classCount: number;
  readonly classes: readonly WatcherClassTotals[];
}
