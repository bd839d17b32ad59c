import type { Method, MethodTable } from "../call.ts";
import { SERVICES } from "../proto/services.ts";
import { type JsonMessage, jsonMessage } from "./json-message.ts";

/** One method of etcd as it is reached by a path of the gateway. */
export interface Route {
  /** `/etcdserverpb.KV/Put`. */
  readonly rpc: string;
  readonly request: JsonMessage;
  readonly response: JsonMessage;
  readonly isRequestStream: boolean;
  /** Undefined when this server does not have it: the call is unimplemented (E81). */
  readonly method: Method | undefined;
}

/** Every path of the gateway (G1), with the methods that the table has. */
export function routesOf(methods: MethodTable): ReadonlyMap<string, Route> {
  const routes = new Map<string, Route>();
  for (const { methods: rows } of SERVICES) {
    for (const { path: rpc, request, response, isRequestStream, httpPaths } of rows) {
      if (httpPaths.length === 0) continue;
      const route: Route = {
        rpc,
        request: jsonMessage(request),
        response: jsonMessage(response),
        isRequestStream,
        method: methods.get(rpc),
      };
      for (const path of httpPaths) routes.set(path, route);
    }
  }
  return routes;
}
