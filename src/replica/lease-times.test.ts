import { expect, test } from "vitest";
import { leaseTtlSecondsMin } from "./lease-times.ts";

test.each([
  [100, 1000, 2],
  [100, 500, 1],
  [100, 1300, 2],
  [100, 1400, 3],
  [10, 50, 1],
  [300, 1000, 2],
  [1000, 50_000, 75],
])(
  "with heartbeats of %i ms and elections of %i ms it is %i s (O6k)",
  (heartbeat, election, ttl) => {
    const times = { heartbeatIntervalMs: heartbeat, electionTimeoutMs: election };
    expect(leaseTtlSecondsMin(times)).toBe(ttl);
  },
);
