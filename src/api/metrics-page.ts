import type { MachineCounters } from "../machine/machine.ts";
import type { Replica } from "../replica/replica.ts";
import type { WatchStats } from "../watch/hub.ts";
import { idText } from "./member-ids.ts";
import type { MemberIdentity } from "./member.ts";
import { MetricsText, type Sample } from "./metrics.ts";
import { ETCD_CLUSTER_VERSION, ETCD_VERSION } from "./version.ts";

/** What the transport counted of one RPC method. */
export interface MethodFigures {
  readonly service: string;
  readonly method: string;
  readonly kind: "unary" | "stream";
  readonly started: number;
  readonly messagesReceived: number;
  readonly messagesSent: number;
  /** Calls ended, by gRPC code 0 to 16. */
  readonly handled: readonly number[];
}

export interface TransportFigures {
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly methods: ReadonlyMap<string, MethodFigures>;
}

/** The process, as the wiring sees it. */
export interface ProcessFigures {
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  /** Seconds since 1970. */
  readonly startSeconds: number;
  /** Undefined where the system does not tell. */
  readonly openFiles: number | undefined;
}

export interface MetricsSources {
  readonly replica: Replica;
  readonly member: MemberIdentity;
  machine(): MachineCounters;
  watch(): WatchStats;
  transport(): readonly TransportFigures[];
  process(): ProcessFigures;
}

/** Go's names of the gRPC codes, which dashboards select by (G30). */
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

/** The page at /metrics: etcd's names where they have a meaning here (G30-G32). */
export function metricsPage(sources: MetricsSources): string {
  const text = new MetricsText();
  serverMetrics(text, sources);
  storeMetrics(text, sources);
  watchMetrics(text, sources.watch());
  transportMetrics(text, sources.transport());
  processMetrics(text, sources.process());
  return text.toString();
}

function serverMetrics(text: MetricsText, { replica, member }: MetricsSources): void {
  const { appliedIndex, pendingProposals } = replica.status();
  const one = (labels: Record<string, string>): Sample[] => [{ labels, value: 1 }];
  text.gauge("etcd_server_has_leader", "Whether a leader exists: always, with one member.", 1);
  text.gauge("etcd_server_is_leader", "Whether this member is the leader.", 1);
  text.counter("etcd_server_leader_changes_seen_total", "Leader changes seen.", 0);
  text.gauge("etcd_server_is_learner", "Whether this member is a learner.", 0);
  text.gauge("etcd_server_proposals_committed_total", "Durable commands.", appliedIndex);
  text.gauge("etcd_server_proposals_applied_total", "Applied commands.", appliedIndex);
  text.gauge("etcd_server_proposals_pending", "Commands on their way.", pendingProposals);
  text.counter("etcd_server_proposals_failed_total", "Commands that failed.", 0);
  const id = one({ server_id: idText(member.memberId) });
  text.gauge("etcd_server_id", "The member's id.", id);
  text.gauge("etcd_server_version", "Version followed.", one({ server_version: ETCD_VERSION }));
  const cluster = one({ cluster_version: ETCD_CLUSTER_VERSION });
  text.gauge("etcd_cluster_version", "Cluster version followed.", cluster);
}

function storeMetrics(text: MetricsText, { replica, machine }: MetricsSources): void {
  const { sizeBytes, sizeInUseBytes, keys } = replica.status();
  const { puts, ranges, deletes, txns } = machine();
  text.gauge("etcd_mvcc_db_total_size_in_bytes", "Bytes of the log's files.", sizeBytes);
  text.gauge("etcd_debugging_mvcc_db_total_size_in_bytes", "Bytes of the log's files.", sizeBytes);
  text.gauge("etcd_mvcc_db_total_size_in_use_in_bytes", "Bytes in use.", sizeInUseBytes);
  text.gauge("etcd_debugging_mvcc_keys_total", "Live keys.", keys);
  const { revision, compacted } = replica.view;
  text.gauge("etcd_debugging_mvcc_current_revision", "Durable revision.", revision);
  text.gauge("etcd_debugging_mvcc_compact_revision", "Compacted revision.", compacted);
  text.counter("etcd_mvcc_put_total", "Puts.", puts);
  text.counter("etcd_mvcc_range_total", "Ranges.", ranges);
  text.counter("etcd_mvcc_delete_total", "Deletes.", deletes);
  text.counter("etcd_mvcc_txn_total", "Txns.", txns);
}

function watchMetrics(text: MetricsText, stats: WatchStats): void {
  text.gauge("etcd_debugging_mvcc_watch_stream_total", "Watch streams.", stats.streams);
  text.gauge("etcd_debugging_mvcc_watcher_total", "Watchers.", stats.watchers);
  const slow = "Watchers that are unsynced or victims.";
  text.gauge("etcd_debugging_mvcc_slow_watcher_total", slow, stats.slowWatchers);
  text.counter("etcd_debugging_mvcc_events_total", "Events sent to watchers.", stats.eventsSent);
  const classes = "Different ranges and options that are watched.";
  text.gauge("vedette_watch_classes", classes, stats.classes);
  text.gauge("vedette_watch_event_log_bytes", "Memory of the event log.", stats.eventLogBytes);
}

function transportMetrics(text: MetricsText, listeners: readonly TransportFigures[]): void {
  const sum = (pick: (figures: TransportFigures) => number): number =>
    listeners.reduce((total, figures) => total + pick(figures), 0);
  const received = sum((figures) => figures.bytesReceived);
  const sent = sum((figures) => figures.bytesSent);
  text.counter("etcd_network_client_grpc_received_bytes_total", "Bytes received.", received);
  text.counter("etcd_network_client_grpc_sent_bytes_total", "Bytes sent.", sent);
  const methods = listeners.flatMap((figures) => [...figures.methods.values()]);
  const samples = (pick: (figures: MethodFigures) => number): Sample[] =>
    methods.map((figures) => ({ labels: grpcLabels(figures), value: pick(figures) }));
  text.counter(
    "grpc_server_started_total",
    "RPCs started.",
    samples((m) => m.started),
  );
  const messagesIn = samples((m) => m.messagesReceived);
  text.counter("grpc_server_msg_received_total", "Messages received.", messagesIn);
  text.counter(
    "grpc_server_msg_sent_total",
    "Messages sent.",
    samples((m) => m.messagesSent),
  );
  const handled = methods.flatMap((figures) =>
    CODE_NAMES.map((name, code) => ({
      labels: { grpc_code: name, ...grpcLabels(figures) },
      value: figures.handled[code] ?? 0,
    })),
  );
  text.counter("grpc_server_handled_total", "RPCs ended, by code.", handled);
}

function processMetrics(text: MetricsText, figures: ProcessFigures): void {
  text.gauge("process_resident_memory_bytes", "Resident memory.", figures.residentBytes);
  text.counter("process_cpu_seconds_total", "CPU time.", figures.cpuSeconds);
  text.gauge("process_start_time_seconds", "Start, since 1970.", figures.startSeconds);
  if (figures.openFiles !== undefined) {
    text.gauge("process_open_fds", "Open file descriptors.", figures.openFiles);
  }
}

function grpcLabels({ service, method, kind }: MethodFigures): Record<string, string> {
  return {
    grpc_method: method,
    grpc_service: service,
    grpc_type: kind === "unary" ? "unary" : "bidi_stream",
  };
}
