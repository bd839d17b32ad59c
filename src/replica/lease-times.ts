/** etcd's --heartbeat-interval and --election-timeout. */
export interface ElectionTimes {
  readonly heartbeatIntervalMs: number;
  readonly electionTimeoutMs: number;
}

/**
 * What a shorter TTL of a lease is raised to, in seconds: one and a half election timeouts, so that
 * no lease is lost while a leader is looked for (O6k, L2). Both are counted in heartbeats, as in
 * etcd, and rounded as there.
 */
export function leaseTtlSecondsMin({
  heartbeatIntervalMs,
  electionTimeoutMs,
}: ElectionTimes): number {
  const electionTicks = Math.trunc(electionTimeoutMs / heartbeatIntervalMs);
  return Math.ceil((Math.trunc((3 * electionTicks) / 2) * heartbeatIntervalMs) / 1000);
}
