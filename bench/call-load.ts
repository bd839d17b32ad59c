import { FastConnection } from "../test/support/fast-client.ts";
import { headerRevision, rangeRequest } from "../test/support/fast-messages.ts";
import type { Figures } from "./figures.ts";
import { writtenKey } from "./keys.ts";
import { percentiles } from "./latencies.ts";
import { CpuMeter, type RowContext } from "./row.ts";
import { monotonicMs } from "./stamp.ts";
import { Writers } from "./writers.ts";

export interface CallLoad {
  readonly callers: number;
  /** Over all callers. */
  readonly calls: number;
}

const CONNECTIONS_MAX = 4;
const RANGE_PATH = "/etcdserverpb.KV/Range";
/** Neighbouring reads are not of neighbouring keys. */
const KEY_STEP = 7;

/** Callers that put, each waiting for its answer. */
export async function runPuts(
  { callers, calls }: CallLoad,
  { server, scale }: RowContext,
): Promise<Figures> {
  const connections = Math.min(callers, CONNECTIONS_MAX);
  const writers = await Writers.open({
    port: server.port,
    connections,
    writers: callers,
    interest: "all",
    watchers: 0,
    putsPerCall: 1,
  });
  try {
    const cpu = new CpuMeter(server);
    const { puts, elapsedMs, latency } = await writers.write({
      putsMax: Math.ceil(calls * scale),
      durationMs: Number.POSITIVE_INFINITY,
      putsPerSecond: 0,
    });
    return {
      perSecond: (puts * 1000) / elapsedMs,
      ...cpu.each(puts),
      callP50Ms: latency.p50Ms,
      callP99Ms: latency.p99Ms,
    };
  } finally {
    writers.close();
  }
}

/** Callers that read one key each time, linearizably, of those that `runPuts` has written. */
export async function runRanges(
  { callers, calls }: CallLoad,
  { server, scale }: RowContext,
): Promise<Figures> {
  const total = Math.ceil(calls * scale);
  const opening = Array.from({ length: CONNECTIONS_MAX }, () => FastConnection.open(server.port));
  const connections = await Promise.all(opening);
  const latenciesMs: number[] = [];
  const cpu = new CpuMeter(server);
  const beganMs = monotonicMs();
  let started = 0;
  await new Promise<void>((resolve, reject) => {
    const next = (caller: number): void => {
      if (started === total) return;
      const request = rangeRequest(Buffer.from(writtenKey("all", started++ * KEY_STEP, 0)));
      const sentMs = monotonicMs();
      connections[caller % CONNECTIONS_MAX]?.unary(RANGE_PATH, request, (response, end) => {
        if (response === undefined) reject(new Error(`range: ${end.text}`));
        if (latenciesMs.push(monotonicMs() - sentMs) === total) resolve();
        next(caller);
      });
    };
    for (let caller = 0; caller < callers; caller++) next(caller);
  });
  const elapsedMs = monotonicMs() - beganMs;
  const { p50Ms, p99Ms } = percentiles(latenciesMs);
  for (const connection of connections) connection.close();
  return {
    perSecond: (total * 1000) / elapsedMs,
    ...cpu.each(total),
    callP50Ms: p50Ms,
    callP99Ms: p99Ms,
  };
}

/** The newest revision of the store. */
export async function currentRevision(port: number): Promise<number> {
  const connection = await FastConnection.open(port);
  try {
    return await new Promise((resolve, reject) => {
      connection.unary(RANGE_PATH, rangeRequest(Buffer.from("none")), (response, end) => {
        if (response === undefined) reject(new Error(`range: ${end.text}`));
        else resolve(headerRevision(response));
      });
    });
  } finally {
    connection.close();
  }
}
