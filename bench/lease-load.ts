import { FastConnection } from "../test/support/fast-client.ts";
import { FieldWalker } from "../test/support/fast-messages.ts";
import { encodeMessage } from "../test/support/wire-codec.ts";
import type { Figures } from "./figures.ts";
import { percentiles } from "./latencies.ts";
import { CpuMeter, type RowContext } from "./row.ts";
import { monotonicMs } from "./stamp.ts";

export interface LeaseLoad {
  readonly leases: number;
  /** Streams of renewals, each with one request under way. */
  readonly streams: number;
  /** Over all streams. */
  readonly renewals: number;
}

const CONNECTIONS = 4;
const GRANTERS = 256;
/** None of them ends in a run. */
const TTL_SECONDS = 3600;
/** LeaseKeepAliveResponse.TTL */
const TTL_FIELD = 3;

/** Grants the leases; what it returns renews them in turn for one round. */
export async function prepareRenewals(
  { leases, streams, renewals }: LeaseLoad,
  { server, scale }: RowContext,
): Promise<() => Promise<Figures>> {
  const count = Math.ceil(leases * scale);
  const opening = Array.from({ length: CONNECTIONS }, () => FastConnection.open(server.port));
  const connections = await Promise.all(opening);
  await grant(connections, count);
  return async () => {
    const total = Math.ceil(renewals * scale);
    const cpu = new CpuMeter(server);
    const beganMs = monotonicMs();
    const latenciesMs = await renew(connections, { streams, total, leases: count });
    const elapsedMs = monotonicMs() - beganMs;
    const { p50Ms, p99Ms } = percentiles(latenciesMs);
    return {
      perSecond: (total * 1000) / elapsedMs,
      ...cpu.each(total),
      callP50Ms: p50Ms,
      callP99Ms: p99Ms,
    };
  };
}

function grant(connections: readonly FastConnection[], count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let started = 0;
    let granted = 0;
    const next = (caller: number): void => {
      if (started === count) return;
      const request = encodeMessage("LeaseGrantRequest", { ID: ++started, TTL: TTL_SECONDS });
      const connection = connections[caller % CONNECTIONS];
      connection?.unary("/etcdserverpb.Lease/LeaseGrant", request, (response, end) => {
        if (response === undefined) reject(new Error(`grant: ${end.text}`));
        if (++granted === count) resolve();
        next(caller);
      });
    };
    for (let caller = 0; caller < GRANTERS; caller++) next(caller);
  });
}

/** One lease after the other, by whichever stream is free; returns how long each answer took. */
function renew(
  connections: readonly FastConnection[],
  load: { readonly streams: number; readonly total: number; readonly leases: number },
): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const latenciesMs: number[] = [];
    const walker = new FieldWalker();
    let started = 0;
    for (let i = 0; i < load.streams; i++) {
      let sentMs = 0;
      const stream = connections[i % CONNECTIONS]?.stream("/etcdserverpb.Lease/LeaseKeepAlive", {
        message: (bytes) => {
          if (ttlOf(walker, bytes) !== TTL_SECONDS) reject(new Error("a lease is gone"));
          if (latenciesMs.push(monotonicMs() - sentMs) === load.total) resolve(latenciesMs);
          next();
        },
        ended: ({ text }) => reject(new Error(`a keepalive stream ended: ${text}`)),
      });
      const next = (): void => {
        if (started === load.total) {
          stream?.cancel();
          return;
        }
        sentMs = monotonicMs();
        const ID = 1 + (started++ % load.leases);
        stream?.send(encodeMessage("LeaseKeepAliveRequest", { ID }));
      };
      next();
    }
  });
}

function ttlOf(walker: FieldWalker, response: Buffer): number {
  const fields = walker.over(response);
  while (fields.next()) if (fields.field === TTL_FIELD) return fields.value;
  return 0;
}
