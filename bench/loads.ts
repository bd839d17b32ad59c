import { FastConnection } from "../test/support/fast-client.ts";
import {
  headerRevision,
  putRequest,
  rangeRequest,
  visitWatchResponse,
  watchCreateRequest,
} from "../test/support/fast-messages.ts";

/** `operations` are puts or ranges; for a fan-out the events that reached watchers. */
export interface LoadResult {
  readonly operations: number;
  readonly elapsedMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface FanoutOptions {
  readonly watchers: number;
  readonly callers: number;
  readonly puts: number;
}

const CONNECTIONS = 4;
const KEYS = 10_000;
const VALUE: Buffer = Buffer.alloc(256, "v");

/** `callers` that put 256-byte values under 10,000 keys, each waiting for its answer. */
export function runPuts(port: number, callers: number, puts: number): Promise<LoadResult> {
  return runCalls(port, { callers, total: puts, path: "/etcdserverpb.KV/Put" }, (i) =>
    putRequest(key(i), VALUE),
  );
}

/** Linearizable reads of single keys, which `runPuts` has written. */
export function runRanges(port: number, callers: number, ranges: number): Promise<LoadResult> {
  return runCalls(port, { callers, total: ranges, path: "/etcdserverpb.KV/Range" }, (i) =>
    rangeRequest(key(i * 7)),
  );
}

function key(i: number): Buffer {
  return Buffer.from(`k/${String(i % KEYS).padStart(30, "0")}`);
}

interface CallsOptions {
  readonly callers: number;
  readonly total: number;
  readonly path: string;
}

async function runCalls(
  port: number,
  { callers, total, path }: CallsOptions,
  request: (i: number) => Buffer,
): Promise<LoadResult> {
  const connections = await openAll(port);
  const latencies = new Float64Array(total);
  let started = 0;
  let finished = 0;
  const began = performance.now();
  await new Promise<void>((resolve, reject) => {
    const next = (caller: number): void => {
      if (started >= total) return;
      const i = started++;
      const sent = performance.now();
      connections[caller % CONNECTIONS]?.unary(path, request(i), (response, end) => {
        if (response === undefined) reject(new Error(end.text));
        latencies[i] = performance.now() - sent;
        if (++finished === total) resolve();
        next(caller);
      });
    };
    for (let caller = 0; caller < callers; caller++) next(caller);
  });
  const elapsedMs = performance.now() - began;
  for (const connection of connections) connection.close();
  return { operations: total, elapsedMs, ...percentiles(latencies) };
}

/**
 * All watchers watch one prefix, ten on a stream, and callers put there. Latency is from sending a
 * put until a watcher has its event, one sample of each put at each stream's first watcher.
 */
export async function runFanout(port: number, options: FanoutOptions): Promise<LoadResult> {
  const connections = await openAll(port);
  const expected = options.watchers * options.puts;
  const sentAt = new Float64Array(options.puts);
  const latencies: number[] = [];
  let received = 0;
  let finish: () => void = () => undefined;
  const all = new Promise<void>((resolve) => {
    finish = resolve;
  });
  await openWatchers(connections, options.watchers, (bytes) => {
    visitWatchResponse(bytes, {
      response: () => undefined,
      event: (event) => {
        // Sampled, since reading the number back costs the client more than the event itself.
        if ((received & 1023) === 0) {
          const index = Number(bytes.toString("latin1", event.valueStart, event.valueStart + 8));
          latencies.push(performance.now() - (sentAt[index] ?? 0));
        }
        if (++received === expected) finish();
      },
    });
  });
  const began = performance.now();
  let started = 0;
  const next = (caller: number): void => {
    if (started >= options.puts) return;
    const i = started++;
    sentAt[i] = performance.now();
    const value = Buffer.from(VALUE);
    value.write(String(i).padStart(8, "0"));
    const connection = connections[caller % CONNECTIONS];
    connection?.unary("/etcdserverpb.KV/Put", putRequest(key(i), value), () => next(caller));
  };
  for (let caller = 0; caller < options.callers; caller++) next(caller);
  await all;
  const elapsedMs = performance.now() - began;
  for (const connection of connections) connection.close();
  return { operations: expected, elapsedMs, ...percentiles(Float64Array.from(latencies)) };
}

const WATCHERS_PER_STREAM = 10;

async function openWatchers(
  connections: readonly FastConnection[],
  watchers: number,
  message: (bytes: Buffer) => void,
): Promise<void> {
  const streams = Math.ceil(watchers / WATCHERS_PER_STREAM);
  const create = watchCreateRequest(Buffer.from("k/"), Buffer.from("k0"), 0);
  let open = 0;
  await new Promise<void>((resolve) => {
    for (let i = 0; i < streams; i++) {
      let created = 0;
      const stream = connections[i % CONNECTIONS]?.stream("/etcdserverpb.Watch/Watch", {
        message: (bytes) => {
          if (created < WATCHERS_PER_STREAM) {
            if (headerRevision(bytes) === 0) throw new Error("a watcher was refused");
            if (++created === WATCHERS_PER_STREAM && ++open === streams) resolve();
          } else {
            message(bytes);
          }
        },
        ended: () => undefined,
      });
      for (let j = 0; j < WATCHERS_PER_STREAM; j++) stream?.send(create);
    }
  });
}

function openAll(port: number): Promise<FastConnection[]> {
  return Promise.all(Array.from({ length: CONNECTIONS }, () => FastConnection.open(port)));
}

function percentiles(latencies: Float64Array): { p50Ms: number; p99Ms: number } {
  const sorted = latencies.sort();
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}
