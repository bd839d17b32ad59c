import type { Random, Timers } from "../base/outside.ts";
import type { WatchHub } from "../watch/hub.ts";
import type { HttpHandler, MethodTable } from "./call.ts";
import { clusterMethods } from "./cluster.ts";
import { healthMethods } from "./health.ts";
import { httpHandler } from "./http.ts";
import { KvService } from "./kv.ts";
import { maintenanceMethods } from "./maintenance.ts";
import type { MetricsSources } from "./metrics-page.ts";
import { ResponseHeaderWriter } from "./proto/response-header.ts";
import { watchMethods } from "./watch.ts";

export interface ServicesOptions extends MetricsSources {
  readonly hub: WatchHub;
  readonly timers: Timers;
  readonly random: Random;
  readonly maxRequestBytes: number;
  readonly maxTxnOps: number;
  readonly progressIntervalMs: number;
}

/** All that the server answers, for the transport to serve. */
export interface Services {
  readonly methods: MethodTable;
  readonly http: HttpHandler;
}

/** An RPC that is not in here is answered with "unknown method" or "unknown service" (E81). */
export function createServices(options: ServicesOptions): Services {
  const { replica, member, maxRequestBytes, maxTxnOps } = options;
  const header = new ResponseHeaderWriter(member);
  const kv = new KvService({ replica, header, maxRequestBytes, maxTxnOps });
  const methods = new Map([
    ...kv.methods(),
    ...watchMethods(options),
    ...maintenanceMethods({ replica, member, quotaBytes: 0 }),
    ...clusterMethods(member),
    ...healthMethods(),
  ]);
  return { methods, http: httpHandler(options) };
}
