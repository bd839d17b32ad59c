import type { Alarm } from "../machine/alarm-command.ts";
import { idText } from "./member-ids.ts";
import type { Labels, MetricsText, Sample } from "./metrics-text.ts";
import type { MetricsSources, TransportFigures } from "./metrics.ts";

/** Alarms, auth, background work and the disk, under etcd's names (G31, G33). */
export function addMaintenance(text: MetricsText, sources: MetricsSources): void {
  const { replica, memberId, work, authRevision, logSync } = sources;
  const { writtenBytes, versionsRemoved, isDefragmenting } = replica.status();
  const alarms = alarmSamples(replica.alarms, memberId);
  text.gauges("etcd_debugging_server_alarms", "Alarms: 1 = it stands.", alarms);
  text.gauge("etcd_debugging_auth_revision", "The revision of users and roles.", authRevision());
  const disk = (name: string): string => `etcd_disk_${name}`;
  const commit = "Seconds that a commit takes: here, one write and sync of the log.";
  text.histogram(disk("backend_commit_duration_seconds"), commit, logSync);
  text.histogram(disk("wal_write_duration_seconds"), commit, logSync);
  text.gauge(disk("wal_write_bytes_total"), "Bytes written to the log.", writtenBytes);
  const defragment = "Seconds that a Defragment takes.";
  text.histogram(disk("backend_defrag_duration_seconds"), defragment, work.defragmentations);
  const underWay = "Whether a Defragment is under way.";
  text.gauge(disk("defrag_inflight"), underWay, Number(isDefragmenting));
  const mvcc = (name: string): string => `etcd_debugging_mvcc_${name}`;
  const pauses = "Milliseconds of a slice of a compaction's removal.";
  text.histogram(mvcc("db_compaction_pause_duration_milliseconds"), pauses, work.compactionPauses);
  text.histogram(
    mvcc("index_compaction_pause_duration_milliseconds"),
    pauses,
    work.compactionPauses,
  );
  const total = "Milliseconds of a compaction's removal from begin to end.";
  text.histogram(mvcc("db_compaction_total_duration_milliseconds"), total, work.compactions);
  const last = "Seconds since 1970 when the last compaction's removal ended.";
  text.gauge(mvcc("db_compaction_last"), last, work.lastCompactionSeconds);
  const removed = "Versions that compactions removed.";
  text.counter(mvcc("db_compaction_keys_total"), removed, versionsRemoved);
  const transactions = "Reads under way: none outlives its turn.";
  text.gauge("etcd_mvcc_db_open_read_transactions", transactions, 0);
  const hash = "Seconds that hashing all keys and revisions takes.";
  text.histogram("etcd_mvcc_hash_duration_seconds", hash, work.hashes);
  text.histogram("etcd_mvcc_hash_rev_duration_seconds", hash, work.hashes);
}

/**
 * What a cluster of one has none of: elections, peers, learners in sync. Families without a sample
 * are named, so that whoever asks for them finds that they are empty (G30, G32).
 */
export function addPeers(text: MetricsText): void {
  const peer = (name: string): string => `etcd_network_peer_${name}`;
  text.family(peer("sent_bytes_total"), "counter", "Bytes sent to peers: there are none.");
  text.family(peer("received_bytes_total"), "counter", "Bytes received of peers.");
  text.family(peer("sent_failures_total"), "counter", "Messages that did not reach a peer.");
  text.family(peer("received_failures_total"), "counter", "Messages of peers that failed.");
  text.family(peer("round_trip_time_seconds"), "histogram", "Round trips to peers.");
  text.family("etcd_network_active_peers", "gauge", "Peers that are connected.");
  text.family("etcd_network_known_peers", "gauge", "Peers that are known.");
  text.family("etcd_network_disconnected_peers_total", "counter", "Peers that were lost.");
  const server = (name: string): string => `etcd_server_${name}`;
  text.counter(server("heartbeat_send_failures_total"), "Heartbeats that were late.", 0);
  text.counter(server("slow_read_indexes_total"), "Slow reads of the leader's index.", 0);
  text.counter(server("read_indexes_failed_total"), "Failed reads of the leader's index.", 0);
  text.gauge(server("snapshot_apply_in_progress_total"), "Snapshots of a leader applied now.", 0);
  text.counter(server("learner_promote_successes"), "Learners that became voters.", 0);
  text.family(server("learner_promote_failures"), "counter", "Refused promotions, by reason.");
}

/**
 * Names of etcd under which nothing is measured here: single requests are not timed, there are no
 * snapshot files of a log, and no feature gates. They are there, without a sample (G31-G33).
 */
export function addUnmeasured(text: MetricsText): void {
  const server = (name: string): string => `etcd_server_${name}`;
  const nothing = "Not measured.";
  for (const name of ["apply", "range", "request"]) {
    text.family(server(`${name}_duration_seconds`), "histogram", nothing);
  }
  text.family(server("slow_apply_total"), "counter", nothing);
  text.family(server("feature_enabled"), "gauge", "There are no feature gates.");
  text.family("etcd_network_server_stream_failures_total", "counter", nothing);
  text.family("etcd_disk_backend_snapshot_duration_seconds", "histogram", nothing);
  for (const name of ["fsync", "db_fsync", "db_save_total"]) {
    text.family(`etcd_snap_${name}_duration_seconds`, "histogram", "No files of this kind.");
  }
  const loop = "etcd_debugging_server_watch_send_loop_";
  for (const name of [
    "watch_stream_duration",
    "watch_stream_duration_per_event",
    "control_stream_duration",
    "progress_duration",
  ]) {
    text.family(`${loop}${name}_seconds`, "histogram", "See vedette_watch_commit_to_socket.");
  }
}

/** Calls of clients, whatever version they say they are (G32). */
export function addClientRequests(text: MetricsText, { methods }: TransportFigures): void {
  const count = (isStream: boolean): number =>
    methods
      .filter(({ type }) => (type !== "unary") === isStream)
      .reduce((sum, { started }) => sum + started, 0);
  const labels = (type: string): Labels => ({ client_api_version: "unknown", type });
  text.counters("etcd_server_client_requests_total", "Calls of clients.", [
    { labels: labels("unary"), value: count(false) },
    { labels: labels("stream"), value: count(true) },
  ]);
}

/** This member's alarms whether they stand or not, and those of others that do. */
function alarmSamples(alarms: readonly Alarm[], memberId: bigint): readonly Sample[] {
  const own = (["nospace", "corrupt"] as const).map((alarm) => ({
    alarm,
    memberId,
    value: Number(alarms.some((one) => one.alarm === alarm && one.memberId === memberId)),
  }));
  const others = alarms.filter((one) => one.memberId !== memberId);
  return [...own, ...others.map((one) => ({ ...one, value: 1 }))].map((one) => ({
    labels: { alarm_type: one.alarm.toUpperCase(), server_id: idText(one.memberId) },
    value: one.value,
  }));
}
