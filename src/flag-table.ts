import { MAX_REQUEST_BYTES_DEFAULT, MAX_TXN_OPS_DEFAULT } from "./base/limits.ts";
import {
  BOOLEAN,
  DURATION,
  type Flag,
  INT32_MAX,
  INT64_MAX,
  oneOf,
  TEXT,
  UINT32_MAX,
  URLS,
  used,
  whole,
} from "./flag.ts";
import { IDLE_FLAGS, ONCE_EXPERIMENTAL } from "./idle-flags.ts";

const CLIENT_URL = "http://127.0.0.1:2379";
const PEER_URL = "http://localhost:2380";

/** Flags with an effect; which of them etcd does not have, they say. */
const PRESENT: readonly Flag[] = [
  used("name", TEXT, "default", "name of this member"),
  used("config-file", TEXT, "", "a YAML file that says it all; flags beside it are ignored"),
  used("data-dir", TEXT, "", "folder that holds the data"),
  used("in-memory", BOOLEAN, "false", "keep everything in memory only; not a flag of etcd"),
  used("listen-client-urls", URLS, CLIENT_URL, "where to listen for clients"),
  used("advertise-client-urls", URLS, "", "client URLs to tell others"),
  used(
    "listen-client-http-urls",
    URLS,
    "",
    "where to serve HTTP; the other URLs are for gRPC then",
  ),
  used("listen-metrics-urls", URLS, "", "where to serve /metrics and /health as well"),
  used("cert-file", TEXT, "", "the server's certificate, for https:// and unixs:// URLs"),
  used("key-file", TEXT, "", "its key"),
  used("client-cert-auth", BOOLEAN, "false", "clients must show a certificate"),
  used("trusted-ca-file", TEXT, "", "who may have signed it; given alone it asks for one, too"),
  used("client-crl-file", TEXT, "", "certificates that were revoked"),
  used("client-cert-allowed-hostname", TEXT, "", "names that it may have, parted by commas"),
  used("client-cert-allowed-cn", TEXT, "", "common names that it may have; not a flag of etcd"),
  used("auto-tls", BOOLEAN, "false", "make a certificate, unless there is one"),
  used("self-signed-cert-validity", whole(1, UINT32_MAX), "1", "how long it lasts, in years"),
  used("tls-min-version", TEXT, "TLS1.2", "oldest TLS to speak: TLS1.2 or TLS1.3"),
  used("tls-max-version", TEXT, "", "newest TLS to speak; empty = the newest there is"),
  used("cipher-suites", TEXT, "", "suites to use, by Go's names, parted by commas"),
  used("cors", TEXT, "*", "origins whose pages may ask over HTTP, parted by commas; * = all"),
  used("host-whitelist", TEXT, "*", "names that HTTP without TLS may call this server by; * = any"),
  used("enable-grpc-gateway", BOOLEAN, "true", "whether to serve the JSON gateway"),
  used("heartbeat-interval", whole(1, INT32_MAX), "100", "what elections count by, in ms"),
  used(
    "election-timeout",
    whole(1, INT32_MAX),
    "1000",
    "what a restart gives leases, in ms; their shortest TTL is 1.5 times this",
  ),
  used("initial-advertise-peer-urls", URLS, PEER_URL, "makes, with the token, the member's id"),
  used("initial-cluster-token", TEXT, "etcd-cluster", "makes, with the peer URLs, the ids"),
  used("initial-cluster", TEXT, "", "members of a new cluster: this one"),
  used("initial-cluster-state", oneOf("new", "existing"), "new", "whether the cluster is new"),
  used(
    "max-request-bytes",
    whole(0, UINT32_MAX),
    String(MAX_REQUEST_BYTES_DEFAULT),
    "largest request, in bytes",
  ),
  used(
    "max-txn-ops",
    whole(0, UINT32_MAX),
    String(MAX_TXN_OPS_DEFAULT),
    "most operations in a list of a txn",
  ),
  used(
    "quota-backend-bytes",
    whole(-INT64_MAX, INT64_MAX),
    "0",
    "bytes that the store may have; 0 = 2 GiB, negative = any number",
  ),
  used("max-concurrent-streams", whole(0, UINT32_MAX), "4294967295", "most calls a connection"),
  used("grpc-keepalive-min-time", DURATION, "5s", "shortest time between a client's pings"),
  used("grpc-keepalive-interval", DURATION, "2h", "time between our pings; 0 = none"),
  used("grpc-keepalive-timeout", DURATION, "20s", "wait for the answer to a ping"),
  used("watch-progress-notify-interval", DURATION, "0s", "time between progress notes; 0 = 10m"),
  used("auto-compaction-mode", oneOf("periodic", "revision"), "periodic", "what retention counts"),
  used("auto-compaction-retention", TEXT, "0", "history to keep; 0 = all"),
  used("auth-token", TEXT, "simple", "simple, or jwt,sign-method=,pub-key=,priv-key=,ttl="),
  used("auth-token-ttl", whole(0, UINT32_MAX), "300", "seconds that an unused simple token lasts"),
  used("bcrypt-cost", whole(0, UINT32_MAX), "10", "cost of hashing a password: 4 to 31"),
  used(
    "log-level",
    oneOf("debug", "info", "warn", "error", "panic", "fatal"),
    "info",
    "least important lines to log",
  ),
  used("log-outputs", TEXT, "default", "where to log: stderr, stdout, files, parted by commas"),
  used("log-format", oneOf("json", "console"), "json", "form of a log line outside of a terminal"),
];

const ALL_PRESENT: readonly Flag[] = [...PRESENT, ...IDLE_FLAGS];

/** etcd's flags (F1, F2) and ours, in the order of --help; older names at the end (F3). */
export const FLAGS: readonly Flag[] = [
  ...ALL_PRESENT,
  ...ALL_PRESENT.filter((flag) => ONCE_EXPERIMENTAL.includes(flag.name)).map((flag) => ({
    ...flag,
    name: `experimental-${flag.name}`,
    aliasOf: flag.name,
  })),
  ...ALL_PRESENT.filter((flag) => flag.name === "log-outputs").map((flag) => ({
    ...flag,
    name: "log-output",
    aliasOf: flag.name,
  })),
];
