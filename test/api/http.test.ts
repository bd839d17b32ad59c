import { beforeEach, describe, expect, test } from "vitest";
import type { HttpHandler, HttpResponse } from "../../src/api/call.ts";
import { Histogram, LATENCY_BUCKETS_SECONDS } from "../../src/api/histogram.ts";
import { HealthCounts } from "../../src/api/health-counts.ts";
import { httpHandler } from "../../src/api/http.ts";
import { LEASE_TTL_BUCKETS } from "../../src/api/lease.ts";
import type { MetricsSources } from "../../src/api/metrics.ts";
import { DELIVERY_BUCKETS_SECONDS } from "../../src/api/watch-metrics.ts";
import { POSITION_KINDS } from "../../src/watch/watcher.ts";
import type { PutCommand } from "../../src/machine/command.ts";
import { testAuth } from "./auth/test-auth.ts";
import { WorkTimes } from "../../src/api/work-times.ts";
import { ImmediateReplica } from "./immediate-replica.ts";
import { latin1, MEMBER } from "./test-services.ts";
import { TestWatchers } from "./test-watchers.ts";
import { putCommand } from "../support/commands.ts";

/**
 * What etcd's stock dashboard and alert rules compute, in short. The one query of theirs that is not
 * here needs --metrics=extensive of etcd, too: grpc_server_handling_seconds.
 */
const DASHBOARD_QUERIES: readonly string[] = [
  "sum(etcd_server_has_leader)",
  "rate(grpc_server_started_total)",
  "rate(grpc_server_handled_total)",
  "sum(grpc_server_started_total) - sum(grpc_server_handled_total)",
  "etcd_mvcc_db_total_size_in_bytes",
  "histogram_quantile(0.99, rate(etcd_disk_wal_fsync_duration_seconds_bucket))",
  "histogram_quantile(0.99, rate(etcd_disk_backend_commit_duration_seconds_bucket))",
  "process_resident_memory_bytes",
  "rate(etcd_network_client_grpc_received_bytes_total)",
  "rate(etcd_network_client_grpc_sent_bytes_total)",
  "rate(etcd_network_peer_received_bytes_total)",
  "rate(etcd_network_peer_sent_bytes_total)",
  "changes(etcd_server_leader_changes_seen_total)",
  "histogram_quantile(0.99, rate(etcd_network_peer_round_trip_time_seconds_bucket))",
  "rate(etcd_network_peer_sent_failures_total) > 0.01",
  "rate(etcd_server_proposals_failed_total) > 5",
  "etcd_server_proposals_pending",
  "rate(etcd_server_proposals_committed_total) - rate(etcd_server_proposals_applied_total)",
  "etcd_mvcc_db_total_size_in_bytes / etcd_server_quota_backend_bytes",
  "etcd_mvcc_db_total_size_in_use_in_bytes / etcd_mvcc_db_total_size_in_bytes",
  "etcd_debugging_mvcc_db_total_size_in_bytes",
];

const NO_POSITIONS = Object.fromEntries(POSITION_KINDS.map((kind) => [kind, 0])) as Record<
  (typeof POSITION_KINDS)[number],
  number
>;

let handler: HttpHandler;
let replica: ImmediateReplica;
beforeEach(() => {
  replica = new ImmediateReplica();
  const logSync = new Histogram(LATENCY_BUCKETS_SECONDS);
  logSync.observe(0.003);
  const delivery = new Histogram(DELIVERY_BUCKETS_SECONDS);
  delivery.observe(0.0003);
  const leaseTtls = new Histogram(LEASE_TTL_BUCKETS);
  leaseTtls.observe(60);
  const work = new WorkTimes();
  work.observe("compaction-slice", 3, 0);
  work.observe("compaction", 150, 1_700_000_001_000);
  work.observe("defragment", 300, 0);
  work.observe("hash", 30, 0);
  const sources: MetricsSources = {
    memberId: MEMBER.memberId,
    replica,
    machine: replica.tested.machine,
    logSync,
    quotaBytes: 0,
    watch: () => ({
      streams: 2,
      watchers: 30,
      slowWatchers: 4,
      positions: { ...NO_POSITIONS, synced: 26, unsynced: 1, victim: 3 },
      classes: 7,
      eventsSent: 500,
      eventLogBytes: 4000,
      bytesEncoded: 1000,
      bytesSent: 25_000,
      victimsMade: 8,
      compactionCancels: 9,
      operatorCancels: 10,
    }),
    watchLag: (done) => done({ watchers: 30, behind: 4, lagSum: 70, lagMax: 40 }),
    watchDelivery: delivery,
    leases: { counters: { granted: 5, revoked: 3, renewed: 9, expired: 2 } },
    leaseTtls,
    work,
    health: new HealthCounts(),
    authRevision: () => 6,
    transport: () => ({
      bytesReceived: 1000,
      bytesSent: 2000,
      methods: [
        {
          path: "/etcdserverpb.KV/Put",
          type: "unary",
          started: 9,
          messagesReceived: 8,
          messagesSent: 7,
          handledByCode: [5, 0, 0, 2],
        },
      ],
    }),
    process: () => ({
      runtime: "node20.0.0",
      residentBytes: 12_345,
      cpuSeconds: 1.5,
      openFiles: 20,
      openFilesMax: 1024,
      startTimeSeconds: 1_700_000_000,
    }),
  };
  const { gate } = testAuth(replica.tested);
  handler = httpHandler(sources, new TestWatchers(replica).directory, gate);
});

describe("HTTP on the client port", () => {
  test("is not healthy while an alarm stands (G20)", () => {
    const alarm = { kind: "alarm", action: "activate", memberId: 1n, alarm: "nospace" } as const;
    replica.propose(alarm, () => undefined);
    const { status, body } = get("/health");
    expect([status, body]).toEqual([503, '{"health":"false","reason":"ALARM NOSPACE"}']);
  });

  test("passes over the alarms that are excluded, and no others (G20)", () => {
    for (const alarm of ["nospace", "corrupt"] as const) {
      const command = { kind: "alarm", action: "activate", memberId: 1n, alarm } as const;
      replica.propose(command, () => undefined);
    }
    expect(get("/health?exclude=NOSPACE").body).toContain("ALARM CORRUPT");
    expect(get("/health?exclude=CORRUPT&exclude=NOSPACE").status).toBe(200);
    expect(get("/health?exclude=corrupt&exclude=nospace").status).toBe(503);
  });

  test.each([
    ["/livez", "ok\n"],
    ["/livez?verbose", "[+]serializable_read ok\nok\n"],
    ["/readyz", "ok\n"],
    [
      "/readyz?verbose&exclude=linearizable_read",
      "[+]data_corruption ok\n[+]serializable_read ok\n[+]non_learner ok\nok\n",
    ],
    ["/readyz/linearizable_read?verbose", "[+]linearizable_read ok\nok\n"],
    ["/readyz/non_learner?exclude=non_learner&verbose", "[+]non_learner ok\nok\n"],
  ])("answers %s with the checks that are asked for (G21)", (target, body) => {
    expect(get(target)).toMatchObject({ status: 200, body });
  });

  test("is alive but not ready while data is corrupt (G21)", () => {
    const alarm = { kind: "alarm", action: "activate", memberId: 1n, alarm: "corrupt" } as const;
    replica.propose(alarm, () => undefined);
    expect(get("/livez").status).toBe(200);
    const { status, body } = get("/readyz?exclude=linearizable_read&exclude=non_learner");
    expect(status).toBe(503);
    expect(body).toBe(
      "[-]data_corruption failed: alarm activated: CORRUPT\n[+]serializable_read ok\n\n",
    );
    expect(get("/readyz?exclude=data_corruption").status).toBe(200);
    expect(get("/readyz/data_corruption").status).toBe(503);
  });

  test("shows etcd's variables at /debug/vars (G23)", () => {
    const { headers, body } = get("/debug/vars");
    expect(headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(JSON.parse(String(body))).toMatchObject({
      cmdline: [],
      file_descriptor_limit: 1024,
      memstats: { Sys: 12_345 },
      "raft.status": { id: "8e9e05c52164694d", raftState: "StateLeader" },
    });
  });

  test("tells the version that it follows (G22)", () => {
    const { status, headers, body } = get("/version");
    expect(status).toBe(200);
    expect(headers["content-type"]).toBe("application/json");
    expect(body).toBe('{"etcdserver":"3.7.1","etcdcluster":"3.7.0","storage":"3.7.0"}');
  });

  test.each(["/health", "/health?serializable=true", "/health?exclude=NOSPACE"])(
    "is healthy at %s (G20)",
    (target) => {
      expect(get(target)).toMatchObject({ status: 200, body: '{"health":"true","reason":""}' });
    },
  );

  test.each([
    ["POST", "/health"],
    ["PUT", "/version"],
    ["DELETE", "/metrics"],
    ["POST", "/vedette/watchers"],
  ])("allows no %s of %s (G20)", (method, target) => {
    const response = ask(method, target);
    expect(response.status).toBe(405);
    expect(response.headers["allow"]).toBe("GET");
  });

  test.each(["/", "/nothing", "/versions", "/health/"])("finds nothing at %s (G23)", (target) => {
    expect(get(target)).toMatchObject({ status: 404, body: "404 page not found\n" });
  });

  test.each([
    "etcd_server_has_leader 1",
    'etcd_server_version{server_version="3.7.1"} 1',
    'etcd_server_id{server_id="8e9e05c52164694d"} 1',
    "etcd_mvcc_put_total 1",
    "etcd_debugging_lease_granted_total 5",
    "etcd_debugging_lease_revoked_total 3",
    "etcd_debugging_lease_renewed_total 9",
    'etcd_debugging_lease_ttl_total_bucket{le="32"} 0',
    'etcd_debugging_lease_ttl_total_bucket{le="64"} 1',
    "etcd_debugging_server_lease_expired_total 2",
    "etcd_mvcc_db_total_size_in_bytes 4096",
    "etcd_mvcc_db_total_size_in_use_in_bytes 1024",
    "etcd_debugging_mvcc_keys_total 1",
    "etcd_debugging_mvcc_current_revision 2",
    "etcd_debugging_mvcc_compact_revision -1",
    "etcd_debugging_mvcc_watch_stream_total 2",
    "etcd_debugging_mvcc_watcher_total 30",
    "etcd_debugging_mvcc_slow_watcher_total 4",
    "etcd_debugging_mvcc_events_total 500",
    'vedette_watch_watchers{position="synced"} 26',
    'vedette_watch_watchers{position="future"} 0',
    'vedette_watch_watchers{position="victim"} 3',
    "vedette_watch_classes 7",
    "vedette_watch_lag_revisions_max 40",
    "vedette_watch_lag_revisions_sum 70",
    "vedette_watch_event_log_bytes 4000",
    "vedette_watch_encoded_bytes_total 1000",
    "vedette_watch_sent_bytes_total 25000",
    "vedette_watch_sharing_ratio 25",
    "vedette_watch_victims_total 8",
    "vedette_watch_compaction_cancels_total 9",
    "vedette_watch_operator_cancels_total 10",
    'vedette_watch_commit_to_socket_seconds_bucket{le="0.0002"} 0',
    'vedette_watch_commit_to_socket_seconds_bucket{le="0.0004"} 1',
    "vedette_watch_commit_to_socket_seconds_count 1",
    "etcd_network_client_grpc_received_bytes_total 1000",
    "etcd_network_client_grpc_sent_bytes_total 2000",
    'etcd_disk_wal_fsync_duration_seconds_bucket{le="0.002"} 0',
    'etcd_disk_wal_fsync_duration_seconds_bucket{le="0.004"} 1',
    'etcd_disk_wal_fsync_duration_seconds_bucket{le="8.192"} 1',
    'etcd_disk_wal_fsync_duration_seconds_bucket{le="+Inf"} 1',
    "etcd_disk_wal_fsync_duration_seconds_count 1",
    'etcd_debugging_server_alarms{alarm_type="NOSPACE",server_id="8e9e05c52164694d"} 0',
    "etcd_debugging_auth_revision 6",
    "etcd_debugging_mvcc_total_put_size_in_bytes 2",
    'etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds_bucket{le="4"} 1',
    'etcd_debugging_mvcc_db_compaction_total_duration_milliseconds_bucket{le="200"} 1',
    "etcd_debugging_mvcc_db_compaction_last 1700000001",
    'etcd_mvcc_hash_rev_duration_seconds_bucket{le="0.04"} 1',
    'etcd_disk_backend_defrag_duration_seconds_bucket{le="0.2"} 0',
    'etcd_disk_backend_defrag_duration_seconds_bucket{le="0.4"} 1',
    "etcd_disk_backend_commit_duration_seconds_count 1",
    "etcd_disk_wal_write_bytes_total 5000",
    "etcd_disk_defrag_inflight 0",
    'etcd_server_client_requests_total{client_api_version="unknown",type="unary"} 9',
    "# TYPE etcd_network_peer_round_trip_time_seconds histogram",
    "os_fd_used 20",
    "etcd_debugging_mvcc_db_compaction_keys_total 8",
    "etcd_debugging_mvcc_pending_events_total 70",
    'etcd_server_go_version{server_go_version="node20.0.0"} 1',
    "# TYPE etcd_server_apply_duration_seconds histogram",
    "# TYPE etcd_server_healthchecks_total counter",
    "process_resident_memory_bytes 12345",
    "process_start_time_seconds 1700000000",
    'grpc_server_started_total{grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"} 9',
    'grpc_server_handled_total{grpc_code="OK",grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"} 5',
    'grpc_server_handled_total{grpc_code="InvalidArgument",grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"} 2',
  ])("shows %s (G30-G33)", (line) => {
    putOnce();
    expect(lines()).toContain(line);
  });

  test("counts what the pages of health answered (G32)", () => {
    get("/health");
    get("/health");
    const alarm = { kind: "alarm", action: "activate", memberId: 1n, alarm: "corrupt" } as const;
    replica.propose(alarm, () => undefined);
    get("/health");
    get("/readyz");
    const found = lines();
    expect(found).toContain("etcd_server_health_success 2");
    expect(found).toContain("etcd_server_health_failures 1");
    expect(found).toContain('etcd_server_healthcheck{name="data_corruption",type="readyz"} 0');
    expect(found).toContain(
      'etcd_server_healthchecks_total{name="serializable_read",status="success",type="readyz"} 1',
    );
  });

  test("has every metric that etcd's dashboard and alert rules ask for (G30)", () => {
    putOnce();
    const families = new Set(
      lines().flatMap((line) => /^# TYPE (\S+) /.exec(line)?.slice(1) ?? []),
    );
    const asked = DASHBOARD_QUERIES.flatMap(
      (query) => query.match(/(?:etcd|grpc|process)_\w+/g) ?? [],
    );
    expect(asked.length).toBeGreaterThan(20);
    const missing = asked.filter((name) => !families.has(name.replace(/_bucket$/, "")));
    expect(missing).toEqual([]);
  });

  test("counts what is done inside of txns too (G31)", () => {
    const put = putOf("k");
    const nested = { kind: "txn" as const, compares: [], success: [put], failure: [] };
    const txn = { ...nested, success: [{ ...nested, readOnly: false }, putOf("l")] };
    replica.propose({ ...txn, readOnly: false }, () => {});
    expect(lines()).toContain("etcd_mvcc_put_total 2");
    expect(lines()).toContain("etcd_mvcc_txn_total 1");
  });

  test("gives each family of metrics one type and one help, before its samples", () => {
    const seen = new Set<string>();
    let family = "";
    for (const line of lines()) {
      const type = /^# TYPE (\w+) (counter|gauge|histogram)$/.exec(line);
      if (type !== null) {
        family = type[1]!;
        expect(seen.has(family)).toBe(false);
        seen.add(family);
      } else if (!line.startsWith("# HELP ")) {
        expect(line).toMatch(
          new RegExp(`^${family}(_bucket|_sum|_count)?(\\{.*\\})? -?[0-9.e+-]+$`),
        );
      }
    }
    expect(seen.size).toBeGreaterThan(30);
  });
});

function putOnce(): void {
  replica.propose(putOf("k"), () => {});
}

function putOf(name: string): PutCommand {
  return putCommand(latin1(name), latin1("1"));
}

function lines(): string[] {
  return String(get("/metrics").body).trimEnd().split("\n");
}

function get(target: string): HttpResponse {
  return ask("GET", target);
}

function ask(method: string, target: string): HttpResponse {
  let response: HttpResponse | undefined;
  const request = { method, target, header: () => undefined, body: new Uint8Array(0) };
  handler(request, (answer) => {
    response = answer;
  });
  return response!;
}
