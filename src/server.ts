import type { HttpHandler, MethodTable } from "./api/call.ts";
import { HealthCounts } from "./api/health-counts.ts";
import { Histogram, LATENCY_BUCKETS_SECONDS } from "./api/histogram.ts";
import type { Gateway } from "./api/gateway/gateway.ts";
import { httpHandler } from "./api/http.ts";
import { LEASE_TTL_BUCKETS } from "./api/lease.ts";
import type { MetricsSources } from "./api/metrics.ts";
import { addedMemberId, singleMemberIds } from "./api/member-ids.ts";
import { methodTable } from "./api/services.ts";
import { watchMethod } from "./api/watch.ts";
import { WatcherDirectory } from "./api/watcher-directory.ts";
import { WorkTimes } from "./api/work-times.ts";
import {
  EVENT_LOG_BYTES_DEFAULT,
  REQUEST_OVERHEAD_BYTES,
  RESERVE_BYTES_DEFAULT,
  RESIDENT_BYTES_DEFAULT,
  SEGMENT_BYTES_DEFAULT,
  WATCH_EVENTS_PER_STEP,
  WATCH_RESPONSE_BYTES_MAX,
  WATCHERS_PER_STREAM_MAX,
  WATCHERS_TOTAL_MAX,
} from "./base/limits.ts";
import { clientHttp, openGateway } from "./client-http.ts";
import { DeliveryLatency } from "./delivery-latency.ts";
import { processFigures, transportFigures } from "./figures.ts";
import { type Front, listenAt, NO_HTTP } from "./listeners.ts";
import type { Logger } from "./logger.ts";
import { type OpenedAuth, openAuth } from "./open-auth.ts";
import { random64, realClock, realRandom, realTimers } from "./outside.ts";
import { startAutoCompaction } from "./replica/auto-compaction.ts";
import { leaseTtlSecondsMin } from "./replica/lease-times.ts";
import { type OpenedReplica, openReplica } from "./replica/open-replica.ts";
import { openSecureFront } from "./secure-front.ts";
import type { ServerOptions } from "./server-options.ts";
import type { Disk } from "./storage/disk.ts";
import { MemoryDisk } from "./storage/memory-disk.ts";
import { NodeDisk } from "./storage/node-disk.ts";
import type { TlsAcceptor } from "./transport/tls/tls-acceptor.ts";

export interface RunningServer {
  /** Where clients reach it; ports that were asked for as 0 are the real ones. */
  readonly clientUrls: readonly string[];
  /** Undefined = in memory only. */
  readonly dataDir: string | undefined;
  readonly memberId: bigint;
  readonly clusterId: bigint;
  /** Resolves when the server cannot go on: the disk failed. It has stopped answering then. */
  readonly failed: Promise<Error>;
  /** Lets calls under way finish, ends streams, makes everything durable, gives up the folder. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A single member never changes its leader: its term is that of an etcd after its first election.
 */
const RAFT_TERM = 2n;
/** How long streams may go on after SIGTERM, as in etcd: its request timeout (O6m, W38). */
const DRAIN_MS = 7000;

/**
 * Opens the data folder and serves it.
 * @throws StorageError when the folder cannot be used, Error when an address cannot be listened on;
 *   nothing is left open then
 */
export async function startServer(options: ServerOptions, log: Logger): Promise<RunningServer> {
  const disk = await openDisk(options.dataDir);
  const { promise: failed, resolve: fail } = newDeferred<Error>();
  const hooks: Hooks = {
    log,
    fail,
    logSync: new Histogram(LATENCY_BUCKETS_SECONDS),
    work: new WorkTimes(),
    delivery: new DeliveryLatency(realClock),
  };
  let opened: OpenedReplica;
  try {
    opened = open(options, disk, hooks);
  } catch (error) {
    await callback((done) => disk.close(done));
    throw error;
  }
  const { replica, identity } = opened;
  const clients: Front = { listeners: [], urls: [] };
  const others: Front = { listeners: [], urls: [] };
  const clientUrls = clients.urls;
  const stopAutoCompaction = startAutoCompaction(options.autoCompaction, replica, realTimers);
  let auth: OpenedAuth | undefined;
  const close = async (): Promise<void> => {
    stopAutoCompaction();
    const all = [...clients.listeners, ...others.listeners];
    await Promise.all(all.map((listener) => listener.drain(DRAIN_MS)));
    opened.leases.stop();
    await auth?.close();
    await callback((done) => replica.stop(done));
    // The log gives up the folder itself, as the last thing it does.
    await callback((done) => opened.log.close(done));
  };
  try {
    auth = openAuth(options.auth, opened);
    const { methods, pages, gateway } = answers(options, { ...opened, auth }, hooks, clients);
    const tls = openTls(options, log);
    const served = { options, http: pages, delivery: hooks.delivery, tls };
    const http = clientHttp(options, pages, gateway);
    const { listenClientUrls, listenClientHttpUrls, listenMetricsUrls } = options;
    const besideGrpc = listenClientHttpUrls.length > 0 ? NO_HTTP : http;
    const noMethods: MethodTable = new Map();
    await listenAt(listenClientUrls, clients, { ...served, ...besideGrpc, methods });
    await listenAt(listenClientHttpUrls, others, { ...served, ...http, methods: noMethods });
    await listenAt(listenMetricsUrls, others, { ...served, methods: noMethods });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    clientUrls,
    dataDir: options.dataDir,
    memberId: identity.memberId,
    clusterId: identity.clusterId,
    failed,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function openTls(options: ServerOptions, log: Logger): TlsAcceptor | undefined {
  return openSecureFront({
    flags: options.tls,
    clientUrls: [...options.listenClientUrls, ...options.listenClientHttpUrls],
    metricsUrls: options.listenMetricsUrls,
    dataDir: options.dataDir,
    clock: realClock,
    log,
  });
}

/** All that clients can ask for, by gRPC and by plain HTTP. */
function answers(
  options: ServerOptions,
  { replica, hub, machine, leases, identity, auth }: OpenedReplica & { readonly auth: OpenedAuth },
  { logSync, work, delivery }: Hooks,
  clients: Front,
): { methods: MethodTable; pages: HttpHandler; gateway: Gateway } {
  const { advertiseClientUrls } = options;
  const member = {
    ...identity,
    raftTerm: RAFT_TERM,
    clientUrls: advertiseClientUrls.length > 0 ? advertiseClientUrls : clients.urls,
  };
  const leaseTtls = new Histogram(LEASE_TTL_BUCKETS);
  const watchers = new WatcherDirectory({ hub, replica, timers: realTimers });
  const methods = methodTable({
    replica,
    member,
    maxRequestBytes: options.maxRequestBytes,
    maxTxnOps: options.maxTxnOps,
    quotaBytes: options.quotaBytes,
    newMemberId: (peerUrls) => addedMemberId(peerUrls, realClock.wallMs()),
    watch: watchMethod({
      hub,
      timers: realTimers,
      random: realRandom,
      progressIntervalMs: options.watchProgressNotifyIntervalMs,
      guard: auth.guard,
    }),
    watchers,
    lease: {
      runner: leases,
      random: realRandom,
      ttlSecondsMin: leaseTtlSecondsMin(options),
      ttls: leaseTtls,
    },
    recipes: { hub, timers: realTimers },
    auth: auth.sources,
  });
  const gateway = openGateway(options, methods, auth.gate);
  const figures: MetricsSources = {
    memberId: identity.memberId,
    replica,
    machine,
    logSync,
    quotaBytes: options.quotaBytes,
    watch: () => hub.stats,
    watchLag: (done) => watchers.lag(done),
    watchDelivery: delivery.histogram,
    leases,
    leaseTtls,
    work,
    health: new HealthCounts(),
    authRevision: () => machine.auth.revision,
    transport: () => transportFigures(clients.listeners, gateway.counts),
    process: processFigures,
  };
  return { methods, pages: httpHandler(figures, watchers, auth.gate), gateway };
}

async function openDisk(dataDir: string | undefined): Promise<Disk> {
  return dataDir === undefined ? new MemoryDisk() : NodeDisk.open(dataDir);
}

/** Who is told what while the server runs. */
interface Hooks {
  readonly log: Logger;
  readonly fail: (error: Error) => void;
  readonly logSync: Histogram;
  readonly work: WorkTimes;
  readonly delivery: DeliveryLatency;
}

function open(options: ServerOptions, disk: Disk, hooks: Hooks): OpenedReplica {
  const { log, fail, logSync, work, delivery } = hooks;
  const ids = singleMemberIds({
    peerUrls: options.initialAdvertisePeerUrls,
    clusterToken: options.initialClusterToken,
  });
  return openReplica({
    disk,
    log: {
      segmentBytes: SEGMENT_BYTES_DEFAULT,
      residentBytes: RESIDENT_BYTES_DEFAULT,
      reserveBytes: RESERVE_BYTES_DEFAULT,
      identity: { ...ids, name: options.name, secret: random64(realRandom) },
    },
    timers: realTimers,
    random: realRandom,
    electionTimeoutMs: options.electionTimeoutMs,
    raftTerm: RAFT_TERM,
    peerUrls: options.initialAdvertisePeerUrls,
    watch: {
      limits: { watchersPerStream: WATCHERS_PER_STREAM_MAX, watchersTotal: WATCHERS_TOTAL_MAX },
      eventLogBytes: EVENT_LOG_BYTES_DEFAULT,
      responseBytesMax: WATCH_RESPONSE_BYTES_MAX,
      fragmentBytes: options.maxRequestBytes + REQUEST_OVERHEAD_BYTES,
      eventsPerStep: WATCH_EVENTS_PER_STEP,
      deliveryTimes: delivery,
    },
    clock: realClock,
    committed: (ms) => logSync.observe(ms / 1000),
    failed: fail,
    worked: (kind, ms) => work.observe(kind, ms, realClock.wallMs()),
    diskIsFull: () => log.warn("the disk is full: raising the NOSPACE alarm"),
    rewriteFailed: (error) => log.warn("failed to rewrite log segments", { error: error.message }),
  });
}

function callback(run: (done: (error?: Error) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    run((error) => (error === undefined ? resolve() : reject(error)));
  });
}

function newDeferred<Value>(): { promise: Promise<Value>; resolve: (value: Value) => void } {
  let resolve: (value: Value) => void = () => {};
  const promise = new Promise<Value>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
