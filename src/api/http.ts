import { alarmHealth } from "./alarm-health.ts";
import { type EtcdError, GrpcCode } from "../base/errors.ts";
import type { AuthGate } from "./auth/gate.ts";
import type { HttpHandler, HttpResponse } from "./call.ts";
import { type MetricsSources, renderMetrics } from "./metrics.ts";
import type { WatcherDirectory } from "./watcher-directory.ts";
import { answerWatchersPage } from "./watchers-page.ts";
import { ETCD_CLUSTER_VERSION, ETCD_STORAGE_VERSION, ETCD_VERSION } from "./version.ts";

const JSON_TYPE = "application/json";
const TEXT_TYPE = "text/plain; charset=utf-8";
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** What etcd answers over plain HTTP on its client port (G20-G25), and our page of watchers. */
export function httpHandler(
  sources: MetricsSources,
  watchers: WatcherDirectory,
  gate: AuthGate,
): HttpHandler {
  return (request, respond) => {
    const path = pathOf(request.target);
    const policy = PAGES.get(path);
    if (policy === undefined) {
      respond(plainText(404, "404 page not found\n", {}));
      return;
    }
    const refused = policy === "open" ? undefined : gate.refusesPage(request);
    if (refused !== undefined) {
      respond(refusal(refused));
      return;
    }
    if (request.method !== "GET") {
      respond(plainText(405, "Method Not Allowed\n", { allow: "GET" }));
      return;
    }
    switch (path) {
      case "/version":
        respond(ok(JSON_TYPE, VERSION_BODY));
        break;
      case "/health":
        respond(health(alarmHealth(sources.replica.alarms, NO_NAMES)));
        break;
      case "/metrics":
        sources.watchLag((lag) => respond(ok(METRICS_TYPE, renderMetrics(sources, lag))));
        break;
      default:
        answerWatchersPage(watchers, request, respond);
    }
  };
}

/** Every page, and who may see it while auth is on: as in etcd everybody, or root alone. */
const PAGES: ReadonlyMap<string, "open" | "root"> = new Map([
  ["/version", "open"],
  ["/health", "open"],
  ["/metrics", "open"],
  ["/vedette/watchers", "root"],
]);

/** G22. */
const VERSION_BODY: string = JSON.stringify({
  etcdserver: ETCD_VERSION,
  etcdcluster: ETCD_CLUSTER_VERSION,
  storage: ETCD_STORAGE_VERSION,
});

const NO_NAMES: ReadonlySet<string> = new Set();

/**
 * G20: words, not truth values. Whoever answers is healthy but for alarms: there is no leader to
 * lose, and a server whose disk has failed has ended.
 */
function health(reason: string | undefined): HttpResponse {
  const body = JSON.stringify({ health: String(reason === undefined), reason: reason ?? "" });
  return { ...ok(TEXT_TYPE, body), status: reason === undefined ? 200 : 503 };
}

/** 401 asks the client to say who it is, 403 that it need not try again as the same user. */
function refusal({ code, message }: EtcdError): HttpResponse {
  if (code === GrpcCode.permissionDenied) return plainText(403, `${message}\n`, {});
  return plainText(401, `${message}\n`, { "www-authenticate": "Bearer" });
}

function ok(type: string, body: string): HttpResponse {
  return { status: 200, headers: { "content-type": type }, body };
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
