import { type EtcdError, GrpcCode } from "../base/errors.ts";
import type { AuthGate } from "./auth/gate.ts";
import type { HttpHandler, HttpResponse } from "./call.ts";
import { debugVars } from "./debug-vars.ts";
import { CHECK_PATHS, checkPage, healthPage } from "./health-pages.ts";
import { type MetricsSources, renderMetrics } from "./metrics.ts";
import type { WatcherDirectory } from "./watcher-directory.ts";
import { answerWatchersPage } from "./watchers-page.ts";
import { ETCD_CLUSTER_VERSION, ETCD_STORAGE_VERSION, ETCD_VERSION } from "./version.ts";

const JSON_TYPE = "application/json";
const TEXT_TYPE = "text/plain; charset=utf-8";
const DEBUG_TYPE = "application/json; charset=utf-8";
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** What etcd answers over plain HTTP on its client port (G20-G25), and our page of watchers. */
export function httpHandler(
  sources: MetricsSources,
  watchers: WatcherDirectory,
  gate: AuthGate,
): HttpHandler {
  return (request, respond) => {
    const { path, query } = split(request.target);
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
        respond(healthPage(query, sources));
        break;
      case "/metrics":
        sources.watchLag((lag) => respond(ok(METRICS_TYPE, renderMetrics(sources, lag))));
        break;
      case "/debug/vars":
        respond(ok(DEBUG_TYPE, debugVars(sources)));
        break;
      case "/vedette/watchers":
        answerWatchersPage(watchers, request, respond);
        break;
      default:
        respond(checkPage(path, query, sources));
    }
  };
}

/** Every page, and who may see it while auth is on: as in etcd everybody, or root alone. */
const PAGES: ReadonlyMap<string, "open" | "root"> = new Map([
  ["/version", "open"],
  ["/health", "open"],
  ["/metrics", "open"],
  ["/debug/vars", "open"],
  ...CHECK_PATHS.map((path) => [path, "open"] as const),
  ["/vedette/watchers", "root"],
]);

/** G22. */
const VERSION_BODY: string = JSON.stringify({
  etcdserver: ETCD_VERSION,
  etcdcluster: ETCD_CLUSTER_VERSION,
  storage: ETCD_STORAGE_VERSION,
});

/** 401 asks the client to say who it is, 403 that it need not try again as the same user. */
function refusal({ code, message }: EtcdError): HttpResponse {
  const isKnown = code === GrpcCode.permissionDenied;
  return {
    status: isKnown ? 403 : 401,
    headers: { "content-type": JSON_TYPE, ...(isKnown ? {} : { "www-authenticate": "Bearer" }) },
    body: JSON.stringify({ error: message }),
  };
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

function split(target: string): { readonly path: string; readonly query: URLSearchParams } {
  const mark = target.indexOf("?");
  if (mark < 0) return { path: target, query: NO_QUERY };
  return { path: target.slice(0, mark), query: new URLSearchParams(target.slice(mark + 1)) };
}

const NO_QUERY: URLSearchParams = new URLSearchParams();
