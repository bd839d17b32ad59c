import type { WatchStats } from "../watch/hub.ts";
import type { PositionCounts } from "../watch/position-counts.ts";
import type { LagTotals } from "../watch/watcher-survey.ts";
import type { Histogram } from "./histogram.ts";
import type { MetricsText } from "./metrics-text.ts";

/** 0.1 ms, doubled 16 times, in seconds: up to 6.6 s. */
export const DELIVERY_BUCKETS_SECONDS: readonly number[] = Array.from(
  { length: 17 },
  (_, power) => 0.0001 * 2 ** power,
);

export interface WatchMetrics {
  readonly stats: WatchStats;
  readonly lag: Readonly<LagTotals>;
  /** Seconds from a group's becoming durable until the kernel has its events. */
  readonly delivery: Histogram;
}

/** Watchers under etcd's names, then what etcd does not tell. No label names a watcher. */
export function addWatch(text: MetricsText, { stats, lag, delivery }: WatchMetrics): void {
  const debugging = (name: string): string => `etcd_debugging_mvcc_${name}`;
  text.gauge(debugging("watch_stream_total"), "Open watch streams.", stats.streams);
  text.gauge(debugging("watcher_total"), "Watchers.", stats.watchers);
  const slow = "Watchers that are behind: unsynced and victims.";
  text.gauge(debugging("slow_watcher_total"), slow, stats.slowWatchers);
  const pending = "Revisions that watchers have still to be sent, added up.";
  text.gauge(debugging("pending_events_total"), pending, lag.lagSum);
  text.counter(debugging("events_total"), "Events sent to watchers.", stats.eventsSent);

  const watch = (name: string): string => `vedette_watch_${name}`;
  const standing = "Watchers by where they stand.";
  text.gauges(watch("watchers"), standing, positionSamples(stats.positions));
  text.gauge(watch("classes"), "Sets of watchers that want the same bytes.", stats.classes);
  const most = "The largest lag of a watcher, in revisions.";
  text.gauge(watch("lag_revisions_max"), most, lag.lagMax);
  text.gauge(watch("lag_revisions_sum"), "The lags of all watchers, in revisions.", lag.lagSum);
  text.gauge(watch("event_log_bytes"), "Memory of the shared event log.", stats.eventLogBytes);
  const encoded = "Bytes of events that were encoded, each time they were.";
  text.counter(watch("encoded_bytes_total"), encoded, stats.bytesEncoded);
  text.counter(watch("sent_bytes_total"), "Bytes of events sent to watchers.", stats.bytesSent);
  const sharing = stats.bytesEncoded === 0 ? 0 : stats.bytesSent / stats.bytesEncoded;
  text.gauge(watch("sharing_ratio"), "Bytes sent for each byte encoded, since start.", sharing);
  const refused = "How often a watcher was parked because its stream took no more.";
  text.counter(watch("victims_total"), refused, stats.victimsMade);
  const compacted = "Watchers cancelled because what they needed was compacted.";
  text.counter(watch("compaction_cancels_total"), compacted, stats.compactionCancels);
  const byHand = "Watchers cancelled by an operator.";
  text.counter(watch("operator_cancels_total"), byHand, stats.operatorCancels);
  const latency =
    "From a group of writes becoming durable until the kernel has taken its events, " +
    "one observation a connection and write.";
  text.histogram(watch("commit_to_socket_seconds"), latency, delivery);
}

function positionSamples(
  positions: PositionCounts,
): { labels: { position: string }; value: number }[] {
  return Object.entries(positions).map(([position, value]) => ({ labels: { position }, value }));
}
