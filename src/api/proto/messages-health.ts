// Made from the schema by tools/generate-proto.ts; change the schema, not this.

/** grpc.health.v1.HealthCheckResponse.ServingStatus */
export const ServingStatus: {
  readonly UNKNOWN: 0;
  readonly SERVING: 1;
  readonly NOT_SERVING: 2;
  readonly SERVICE_UNKNOWN: 3;
} = { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 };

/** grpc.health.v1.HealthCheckRequest */
export interface HealthCheckRequest {
  readonly service: string;
}

/** grpc.health.v1.HealthCheckResponse */
export interface HealthCheckResponse {
  /** ServingStatus */
  readonly status: number;
}
