import type { HttpHandler, HttpRequest, HttpResponse } from "./call.ts";
import { type MetricsSources, renderMetrics } from "./metrics.ts";
import { ETCD_CLUSTER_VERSION, ETCD_STORAGE_VERSION, ETCD_VERSION } from "./version.ts";

const JSON_TYPE = "application/json";
const TEXT_TYPE = "text/plain; charset=utf-8";
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** What etcd answers over plain HTTP on its client port (G20-G25). */
export function httpHandler(sources: MetricsSources): HttpHandler {
  return (request, respond) => respond(answer(request, sources));
}

function answer(request: HttpRequest, sources: MetricsSources): HttpResponse {
  switch (pathOf(request.target)) {
    case "/version":
      return onlyGet(request, JSON_TYPE, () => VERSION_BODY);
    case "/health":
      // Whoever answers is healthy: there are no alarms, no leader to lose, and a server whose disk
      // has failed has ended.
      return onlyGet(request, TEXT_TYPE, () => HEALTHY_BODY);
    case "/metrics":
      return onlyGet(request, METRICS_TYPE, () => renderMetrics(sources));
    default:
      return plainText(404, "404 page not found\n", {});
  }
}

/** G22. */
const VERSION_BODY: string = JSON.stringify({
  etcdserver: ETCD_VERSION,
  etcdcluster: ETCD_CLUSTER_VERSION,
  storage: ETCD_STORAGE_VERSION,
});

/** G20: the word "true", not the truth value. */
const HEALTHY_BODY: string = JSON.stringify({ health: "true", reason: "" });

function onlyGet(request: HttpRequest, type: string, body: () => string): HttpResponse {
  if (request.method !== "GET") {
    return plainText(405, "Method Not Allowed\n", { allow: "GET" });
  }
  return { status: 200, headers: { "content-type": type }, body: body() };
}

function plainText(
  status: number,
  body: string,
  headers: Readonly<Record<string, string>>,
): HttpResponse {
  const type = { "content-type": TEXT_TYPE, "x-content-type-options": "nosniff" };
  return { status, headers: { ...type, ...headers }, body };
}

/** What stands before the query. */
function pathOf(target: string): string {
  const query = target.indexOf("?");
  return query < 0 ? target : target.slice(0, query);
}
