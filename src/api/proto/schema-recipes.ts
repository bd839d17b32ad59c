import { bytes, exactInt64, int64, message, type SchemaPart } from "./schema.ts";

/** Locks and elections: packages v3lockpb and v3electionpb. */
export const RECIPES_SCHEMA: SchemaPart = {
  enums: {},
  messages: {
    v3lockpb: {
      LockRequest: {
        name: bytes(1),
        lease: exactInt64(2),
      },
      LockResponse: {
        header: message(1, "ResponseHeader"),
        key: bytes(2),
      },
      UnlockRequest: {
        key: bytes(1),
      },
      UnlockResponse: {
        header: message(1, "ResponseHeader"),
      },
    },
    v3electionpb: {
      CampaignRequest: {
        name: bytes(1),
        lease: exactInt64(2),
        value: bytes(3),
      },
      CampaignResponse: {
        header: message(1, "ResponseHeader"),
        leader: message(2, "LeaderKey"),
      },
      LeaderKey: {
        name: bytes(1),
        key: bytes(2),
        rev: int64(3),
        lease: exactInt64(4),
      },
      LeaderRequest: {
        name: bytes(1),
      },
      LeaderResponse: {
        header: message(1, "ResponseHeader"),
        kv: message(2, "KeyValue"),
      },
      ResignRequest: {
        leader: message(1, "LeaderKey"),
      },
      ResignResponse: {
        header: message(1, "ResponseHeader"),
      },
      ProclaimRequest: {
        leader: message(1, "LeaderKey"),
        value: bytes(2),
      },
      ProclaimResponse: {
        header: message(1, "ResponseHeader"),
      },
    },
  },
};
