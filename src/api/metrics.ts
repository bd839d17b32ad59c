import type { OpCounters } from "../machine/op-counters.ts";
import type { LeaseCounters } from "../replica/lease-runner.ts";
import type { Replica } from "../replica/replica.ts";
import type { WatchStats } from "../watch/hub.ts";
import type { LagTotals } from "../watch/watcher-survey.ts";
import type { Histogram } from "./histogram.ts";
import { idText } from "./member-ids.ts";
import type { HealthCounts } from "./health-counts.ts";
import { addClientRequests, addMaintenance, addPeers, addUnmeasured } from "./member-metrics.ts";
import { MetricsText, type Sample } from "./metrics-text.ts";
import { ETCD_CLUSTER_VERSION, ETCD_VERSION } from "./version.ts";
import { addWatch } from "./watch-metrics.ts";
import type { WorkTimes } from "./work-times.ts";

/** What the transport counted since the start. */
export interface TransportFigures {
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly methods: readonly MethodFigures[];
}

export interface MethodFigures {
  /** `/etcdserverpb.KV/Put`. */
  readonly path: string;
  readonly type: "unary" | "bidi_stream" | "server_stream";
  readonly started: number;
  readonly messagesReceived: number;
  readonly messagesSent: number;
  /** Ended calls by gRPC code, the code being the index; missing ones are 0. */
  readonly handledByCode: readonly number[];
}

export interface ProcessFigures {
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  /** Name and version of what runs the server. */
  readonly runtime: string;
  readonly openFiles: number;
  readonly openFilesMax: number;
  /** Seconds since 1970 UTC. */
  readonly startTimeSeconds: number;
  /** How the process was started; not told where nobody asks for it. */
  readonly commandLine?: readonly string[];
  readonly heap?: { readonly usedBytes: number; readonly totalBytes: number };
}

/** Where the figures come from: asked once for each page, so not on any hot path. */
export interface MetricsSources {
  readonly memberId: bigint;
  readonly replica: Replica;
  readonly machine: { readonly counters: Readonly<OpCounters> };
  readonly logSync: Histogram;
  /** --quota-backend-bytes as it holds. */
  readonly quotaBytes: number;
  watch(): WatchStats;
  /** Finds out how far behind the watchers are, now or in later turns. */
  watchLag(done: (lag: Readonly<LagTotals>) => void): void;
  readonly watchDelivery: Histogram;
  readonly leases: { readonly counters: Readonly<LeaseCounters> };
  readonly leaseTtls: Histogram;
  readonly work: WorkTimes;
  readonly health: HealthCounts;
  readonly authRevision: () => number;
  transport(): TransportFigures;
  process(): ProcessFigures;
}

/** The page of /metrics, under etcd's names so that its dashboards and alerts work (G30-G33). */
export function renderMetrics(sources: MetricsSources, lag: Readonly<LagTotals>): string {
  const text = new MetricsText();
  addServer(text, sources);
  addStore(text, sources);
  addWatch(text, { stats: sources.watch(), lag, delivery: sources.watchDelivery });
  addLeases(text, sources);
  addMaintenance(text, sources);
  addPeers(text);
  addUnmeasured(text);
  sources.health.addTo(text);
  const transport = sources.transport();
  addTransport(text, transport);
  addClientRequests(text, transport);
  addProcess(text, sources.process());
  return text.toString();
}

function addServer(text: MetricsText, sources: MetricsSources): void {
  const { appliedIndex, pendingProposals } = sources.replica.status();
  const server = (name: string): string => `etcd_server_${name}`;
  text.gauge(server("has_leader"), "Whether there is a leader: always, on one machine.", 1);
  text.gauge(server("is_leader"), "Whether this member is the leader.", 1);
  text.counter(server("leader_changes_seen_total"), "Changes of the leader seen.", 0);
  text.gauge(server("is_learner"), "Whether this member is a learner.", 0);
  text.gauge(server("proposals_committed_total"), "Commands that are durable.", appliedIndex);
  text.gauge(server("proposals_applied_total"), "Commands that are applied.", appliedIndex);
  text.gauge(server("proposals_pending"), "Commands that wait for the disk.", pendingProposals);
  text.counter(server("proposals_failed_total"), "Commands that failed.", 0);
  text.gauge(server("quota_backend_bytes"), "The store's quota in bytes.", sources.quotaBytes);
  const serverId = idText(sources.memberId);
  text.labelledGauge(server("id"), "The member's id.", { server_id: serverId });
  const versions = { server_version: ETCD_VERSION };
  text.labelledGauge(server("version"), "The etcd version that is followed.", versions);
  const runtime = { server_go_version: sources.process().runtime };
  text.labelledGauge(server("go_version"), "What runs the server: not Go.", runtime);
  const cluster = { cluster_version: ETCD_CLUSTER_VERSION };
  text.labelledGauge("etcd_cluster_version", "The cluster's version.", cluster);
}

function addStore(text: MetricsText, { replica, machine, logSync }: MetricsSources): void {
  const { sizeBytes, sizeInUseBytes, keys } = replica.status();
  const { puts, ranges, deletes, txns } = machine.counters;
  const { revision, compacted } = replica.view;
  text.counter("etcd_mvcc_put_total", "Puts, those in txns included.", puts);
  text.counter("etcd_mvcc_range_total", "Ranges, those in txns included.", ranges);
  text.counter("etcd_mvcc_delete_total", "Deletes, those in txns included.", deletes);
  text.counter("etcd_mvcc_txn_total", "Txns.", txns);
  text.gauge("etcd_mvcc_db_total_size_in_bytes", "Bytes of the store's files.", sizeBytes);
  text.gauge("etcd_mvcc_db_total_size_in_use_in_bytes", "Bytes in use of them.", sizeInUseBytes);
  const debugging = (name: string): string => `etcd_debugging_mvcc_${name}`;
  text.gauge(debugging("db_total_size_in_bytes"), "Bytes of the store's files.", sizeBytes);
  const putBytes = "Bytes of keys and values that were put since the start.";
  text.gauge(debugging("total_put_size_in_bytes"), putBytes, machine.counters.putBytes);
  text.gauge(debugging("keys_total"), "Live keys.", keys);
  text.gauge(debugging("current_revision"), "The store's durable revision.", revision);
  text.gauge(debugging("compact_revision"), "The last compacted revision.", compacted);
  const help = "Seconds that making a group of records durable takes.";
  text.histogram("etcd_disk_wal_fsync_duration_seconds", help, logSync);
}

function addLeases(text: MetricsText, { leases, leaseTtls }: MetricsSources): void {
  const { granted, revoked, renewed, expired } = leases.counters;
  const lease = (name: string): string => `etcd_debugging_lease_${name}`;
  text.counter(lease("granted_total"), "Leases granted.", granted);
  text.counter(lease("revoked_total"), "Leases that ended.", revoked);
  text.counter(lease("renewed_total"), "Renewals of leases.", renewed);
  text.histogram(lease("ttl_total"), "TTLs granted or renewed, in seconds.", leaseTtls);
  const help = "Leases that ended because their time was over.";
  text.counter("etcd_debugging_server_lease_expired_total", help, expired);
}

function addTransport(text: MetricsText, transport: TransportFigures): void {
  const { bytesReceived, bytesSent, methods } = transport;
  const network = (name: string): string => `etcd_network_client_grpc_${name}`;
  text.counter(network("sent_bytes_total"), "Bytes sent to clients.", bytesSent);
  text.counter(network("received_bytes_total"), "Bytes received of clients.", bytesReceived);
  const samples = (value: (method: MethodFigures) => number): Sample[] =>
    methods.map((method) => ({ labels: methodLabels(method), value: value(method) }));
  const server = (name: string): string => `grpc_server_${name}`;
  text.counters(
    server("started_total"),
    "Calls begun.",
    samples((method) => method.started),
  );
  const received = samples((method) => method.messagesReceived);
  text.counters(server("msg_received_total"), "Messages received.", received);
  const sent = samples((method) => method.messagesSent);
  text.counters(server("msg_sent_total"), "Messages sent.", sent);
  text.counters(server("handled_total"), "Calls ended, by code.", methods.flatMap(handledSamples));
}

function handledSamples(method: MethodFigures): readonly Sample[] {
  const labels = methodLabels(method);
  return method.handledByCode.flatMap((value, code) => {
    const name = CODE_NAMES[code];
    if (value === 0 || name === undefined) return [];
    return [{ labels: { grpc_code: name, ...labels }, value }];
  });
}

/** Of `/etcdserverpb.KV/Put`: service and method by themselves. */
function methodLabels({ path, type }: MethodFigures): Readonly<Record<string, string>> {
  const [, service = "", method = ""] = path.split("/");
  return { grpc_method: method, grpc_service: service, grpc_type: type };
}

/** As Go's gRPC prints codes, in their order. */
const CODE_NAMES: readonly string[] = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
];

function addProcess(text: MetricsText, figures: ProcessFigures): void {
  const name = (suffix: string): string => `process_${suffix}`;
  text.gauge(name("resident_memory_bytes"), "Resident memory.", figures.residentBytes);
  text.counter(name("cpu_seconds_total"), "CPU time, user and system.", figures.cpuSeconds);
  text.gauge(name("open_fds"), "Open file descriptors.", figures.openFiles);
  text.gauge(name("max_fds"), "The most file descriptors allowed.", figures.openFilesMax);
  text.gauge("os_fd_used", "Open file descriptors.", figures.openFiles);
  text.gauge("os_fd_limit", "The most file descriptors allowed.", figures.openFilesMax);
  text.gauge(name("start_time_seconds"), "Start since 1970.", figures.startTimeSeconds);
}
