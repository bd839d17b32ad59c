import { EtcdError } from "../base/errors.ts";
import type { Replica } from "../replica/replica.ts";
import type { HttpHandler, HttpResponse } from "./call.ts";
import { type MetricsSources, metricsPage } from "./metrics-page.ts";
import { ETCD_CLUSTER_VERSION, ETCD_STORAGE_VERSION, ETCD_VERSION } from "./version.ts";

const TEXT = "text/plain; charset=utf-8";
/** Of the exposition format that Prometheus reads. */
const METRICS_TEXT = "text/plain; version=0.0.4; charset=utf-8";

/** What the client port answers that is not gRPC: /version, /health and /metrics (G20, G22, G23). */
export function httpHandler(sources: MetricsSources): HttpHandler {
  return (request, respond) => {
    const path = request.target.split("?", 1)[0];
    const page = path === undefined ? undefined : PAGES.get(path);
    if (page === undefined) respond(text(404, "404 page not found\n"));
    else if (request.method !== "GET") {
      const refused = text(405, "Method Not Allowed\n");
      respond({ ...refused, headers: { ...refused.headers, allow: "GET" } });
    } else respond(page(sources));
  };
}

const PAGES: ReadonlyMap<string, (sources: MetricsSources) => HttpResponse> = new Map([
  ["/version", versionPage],
  ["/health", ({ replica }: MetricsSources) => healthPage(replica)],
  [
    "/metrics",
    (sources: MetricsSources) => ({
      status: 200,
      headers: { "content-type": METRICS_TEXT },
      body: metricsPage(sources),
    }),
  ],
]);

function versionPage(): HttpResponse {
  const body = JSON.stringify({
    etcdserver: ETCD_VERSION,
    etcdcluster: ETCD_CLUSTER_VERSION,
    storage: ETCD_STORAGE_VERSION,
  });
  return { status: 200, headers: { "content-type": "application/json" }, body };
}

/** Healthy is who can read: there is no leader to lose and no alarm to look at. */
function healthPage(replica: Replica): HttpResponse {
  const outcome = replica.read({
    kind: "range",
    range: { kind: "single", key: Buffer.from("health") },
    revision: 0,
    limit: 1,
    order: "none",
    target: "key",
    serializable: false,
    keysOnly: true,
    countOnly: false,
    withCount: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  });
  const reason = outcome instanceof EtcdError ? `RANGE ERROR:${outcome.message}` : "";
  const isHealthy = reason === "";
  return text(isHealthy ? 200 : 503, JSON.stringify({ health: String(isHealthy), reason }));
}

function text(status: number, body: string): HttpResponse {
  return { status, headers: { "content-type": TEXT }, body };
}
