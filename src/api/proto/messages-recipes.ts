// Made from the schema by tools/generate-proto.ts; change the schema, not this.
import type { KeyValue, ResponseHeader } from "./messages-key-value.ts";

/** v3lockpb.LockRequest */
export interface LockRequest {
  readonly name: Uint8Array;
  readonly lease: bigint;
}

/** v3lockpb.LockResponse */
export interface LockResponse {
  readonly header: ResponseHeader | undefined;
  readonly key: Uint8Array;
}

/** v3lockpb.UnlockRequest */
export interface UnlockRequest {
  readonly key: Uint8Array;
}

/** v3lockpb.UnlockResponse */
export interface UnlockResponse {
  readonly header: ResponseHeader | undefined;
}

/** v3electionpb.CampaignRequest */
export interface CampaignRequest {
  readonly name: Uint8Array;
  readonly lease: bigint;
  readonly value: Uint8Array;
}

/** v3electionpb.CampaignResponse */
export interface CampaignResponse {
  readonly header: ResponseHeader | undefined;
  readonly leader: LeaderKey | undefined;
}

/** v3electionpb.LeaderKey */
export interface LeaderKey {
  readonly name: Uint8Array;
  readonly key: Uint8Array;
  readonly rev: number;
  readonly lease: bigint;
}

/** v3electionpb.LeaderRequest */
export interface LeaderRequest {
  readonly name: Uint8Array;
}

/** v3electionpb.LeaderResponse */
export interface LeaderResponse {
  readonly header: ResponseHeader | undefined;
  readonly kv: KeyValue | undefined;
}

/** v3electionpb.ResignRequest */
export interface ResignRequest {
  readonly leader: LeaderKey | undefined;
}

/** v3electionpb.ResignResponse */
export interface ResignResponse {
  readonly header: ResponseHeader | undefined;
}

/** v3electionpb.ProclaimRequest */
export interface ProclaimRequest {
  readonly leader: LeaderKey | undefined;
  readonly value: Uint8Array;
}

/** v3electionpb.ProclaimResponse */
export interface ProclaimResponse {
  readonly header: ResponseHeader | undefined;
}
