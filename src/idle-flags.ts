import {
  BOOLEAN,
  DURATION,
  type Flag,
  idle,
  INT32_MAX,
  INT64_MAX,
  oneOf,
  TEXT,
  UINT32_MAX,
  URLS,
  whole,
} from "./flag.ts";

const PEER_URL = "http://localhost:2380";
const COUNT = whole(0, UINT32_MAX);

/**
 * What an etcd takes and what means nothing here: of one member there are no peers, no elections,
 * no discovery, and a log that keeps itself small has no such settings. They are checked all the
 * same (F1, F2), so that a start script which is wrong for etcd is wrong here.
 */
export const IDLE_FLAGS: readonly Flag[] = [
  // Raft, and its files.
  idle("wal-dir", TEXT, ""),
  idle("initial-election-tick-advance", BOOLEAN, "true"),
  idle("pre-vote", BOOLEAN, "true"),
  idle("strict-reconfig-check", BOOLEAN, "true"),
  idle("force-new-cluster", BOOLEAN, "false"),
  idle("unsafe-no-fsync", BOOLEAN, "false"),
  idle("snapshot-count", whole(0, 2 * INT64_MAX), "10000"),
  idle("snapshot-catchup-entries", whole(0, 2 * INT64_MAX), "5000"),
  idle("max-snapshots", COUNT, "5"),
  idle("max-wals", COUNT, "5"),
  idle("max-learners", whole(0, INT32_MAX), "1"),
  idle("raft-read-timeout", DURATION, "5s"),
  idle("raft-write-timeout", DURATION, "5s"),
  idle("downgrade-check-time", DURATION, "5s"),

  // Peers.
  idle("listen-peer-urls", URLS, PEER_URL),
  idle("peer-cert-file", TEXT, ""),
  idle("peer-key-file", TEXT, ""),
  idle("peer-client-cert-auth", BOOLEAN, "false"),
  idle("peer-client-cert-file", TEXT, ""),
  idle("peer-client-key-file", TEXT, ""),
  idle("peer-trusted-ca-file", TEXT, ""),
  idle("peer-crl-file", TEXT, ""),
  idle("peer-cert-allowed-cn", TEXT, ""),
  idle("peer-cert-allowed-hostname", TEXT, ""),
  idle("peer-skip-client-san-verification", BOOLEAN, "false"),
  idle("peer-auto-tls", BOOLEAN, "false"),
  // What the gateway of an etcd shows to its own server: ours does not go over the network.
  idle("client-cert-file", TEXT, ""),
  idle("client-key-file", TEXT, ""),

  // Discovery.
  idle("discovery", TEXT, ""),
  idle("discovery-fallback", oneOf("exit", "proxy"), "exit"),
  idle("discovery-proxy", TEXT, ""),
  idle("discovery-srv", TEXT, ""),
  idle("discovery-srv-name", TEXT, ""),
  idle("discovery-endpoints", TEXT, ""),
  idle("discovery-token", TEXT, ""),
  idle("discovery-dial-timeout", DURATION, "2s"),
  idle("discovery-request-timeout", DURATION, "5s"),
  idle("discovery-keepalive-time", DURATION, "2s"),
  idle("discovery-keepalive-timeout", DURATION, "6s"),
  idle("discovery-insecure-transport", BOOLEAN, "true"),
  idle("discovery-insecure-skip-tls-verify", BOOLEAN, "false"),
  idle("discovery-cert", TEXT, ""),
  idle("discovery-key", TEXT, ""),
  idle("discovery-cacert", TEXT, ""),
  idle("discovery-user", TEXT, ""),
  idle("discovery-password", TEXT, ""),

  // The database file of an etcd.
  idle("backend-bbolt-freelist-type", oneOf("array", "map", ""), "map"),
  idle("backend-batch-interval", DURATION, "0s"),
  idle("backend-batch-limit", whole(0, INT32_MAX), "0"),
  idle("compaction-batch-limit", whole(0, INT32_MAX), "0"),
  idle("compaction-sleep-interval", DURATION, "0s"),
  idle("bootstrap-defrag-threshold-megabytes", COUNT, "0"),
  idle("memory-mlock", BOOLEAN, "false"),

  // Checks between members, figures, traces.
  idle("corrupt-check-time", DURATION, "0s"),
  idle("compact-hash-check-time", DURATION, "1m"),
  idle("warning-apply-duration", DURATION, "100ms"),
  idle("warning-unary-request-duration", DURATION, "300ms"),
  idle("metrics", oneOf("basic", "extensive"), "basic"),
  idle("enable-pprof", BOOLEAN, "false"),
  idle("enable-distributed-tracing", BOOLEAN, "false"),
  idle("distributed-tracing-address", TEXT, "localhost:4317"),
  idle("distributed-tracing-service-name", TEXT, "etcd"),
  idle("distributed-tracing-instance-id", TEXT, ""),
  idle("distributed-tracing-sampling-rate", whole(0, 1_000_000), "0"),
  idle("feature-gates", TEXT, ""),
  idle("socket-reuse-port", BOOLEAN, "false"),
  idle("socket-reuse-address", BOOLEAN, "false"),

  // Browsers.

  // Logs.
  idle("logger", oneOf("zap"), "zap"),
  idle("enable-log-rotation", BOOLEAN, "false"),
  idle("log-rotation-config-json", TEXT, ""),
  idle("disable-log-sampling", BOOLEAN, "false"),

  // What etcd has given up, and start scripts of older releases still say (F3).
  idle("debug", BOOLEAN, "false"),
  idle("enable-v2", BOOLEAN, "false"),
  idle("v2-deprecation", oneOf("not-yet", "write-only", "write-only-drop-data", "gone"), "not-yet"),
  idle("proxy", oneOf("off", "readonly", "on"), "off"),
  idle("proxy-failure-wait", COUNT, "5000"),
  idle("proxy-refresh-interval", COUNT, "30000"),
  idle("proxy-dial-timeout", COUNT, "1000"),
  idle("proxy-write-timeout", COUNT, "5000"),
  idle("proxy-read-timeout", COUNT, "0"),
  idle("log-package-levels", TEXT, ""),
  idle("experimental-initial-corrupt-check", BOOLEAN, "false"),
  idle("experimental-compact-hash-check-enabled", BOOLEAN, "false"),
  idle("experimental-enable-v2v3", TEXT, ""),
  idle("experimental-enable-lease-checkpoint", BOOLEAN, "false"),
  idle("experimental-enable-lease-checkpoint-persist", BOOLEAN, "false"),
  idle("experimental-txn-mode-write-with-shared-buffer", BOOLEAN, "true"),
  idle("experimental-stop-grpc-service-on-defrag", BOOLEAN, "false"),
  idle("experimental-set-member-localaddr", BOOLEAN, "false"),
  idle("experimental-wait-cluster-ready-timeout", DURATION, "5s"),
  idle("experimental-backend-bbolt-freelist-type", oneOf("array", "map", ""), "map"),
  // Names that etcd itself takes and does nothing with.
  idle("cluster-active-size", TEXT, ""),
  idle("cluster-remove-delay", TEXT, ""),
  idle("cluster-sync-interval", TEXT, ""),
  idle("config", TEXT, ""),
  idle("force", BOOLEAN, "false"),
  idle("max-result-buffer", TEXT, ""),
  idle("max-retry-attempts", TEXT, ""),
  idle("peer-heartbeat-interval", TEXT, ""),
  idle("peer-election-timeout", TEXT, ""),
  idle("retry-interval", TEXT, ""),
  idle("snapshot", BOOLEAN, "false"),
  idle("v", BOOLEAN, "false"),
  idle("vv", BOOLEAN, "false"),
];

/** Flags that began as `--experimental-...`, and are still given by that name (F3). */
export const ONCE_EXPERIMENTAL: readonly string[] = [
  "watch-progress-notify-interval",
  "snapshot-catchup-entries",
  "max-learners",
  "downgrade-check-time",
  "peer-skip-client-san-verification",
  "compaction-batch-limit",
  "compaction-sleep-interval",
  "bootstrap-defrag-threshold-megabytes",
  "memory-mlock",
  "corrupt-check-time",
  "compact-hash-check-time",
  "warning-apply-duration",
  "warning-unary-request-duration",
  "enable-distributed-tracing",
  "distributed-tracing-address",
  "distributed-tracing-service-name",
  "distributed-tracing-instance-id",
  "distributed-tracing-sampling-rate",
];
