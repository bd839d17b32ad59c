import { enumeration, type SchemaPart, string } from "./schema.ts";

/** gRPC's own health check: package grpc.health.v1. */
export const HEALTH_SCHEMA: SchemaPart = {
  enums: {
    ServingStatus: {
      fullName: "grpc.health.v1.HealthCheckResponse.ServingStatus",
      values: { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 },
    },
  },
  messages: {
    "grpc.health.v1": {
      HealthCheckRequest: { service: string(1) },
      HealthCheckResponse: { status: enumeration(1, "ServingStatus") },
    },
  },
};
