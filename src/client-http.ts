import type { AuthGate } from "./api/auth/gate.ts";
import type { HttpFront, HttpHandler, MethodTable } from "./api/call.ts";
import { AccessControl, guarded } from "./api/gateway/access-control.ts";
import { Gateway } from "./api/gateway/gateway.ts";
import { REQUEST_OVERHEAD_BYTES } from "./base/limits.ts";
import { realTimers } from "./outside.ts";
import type { ServerOptions } from "./server-options.ts";

/** What is answered by HTTP on the client port. */
export interface ClientHttp {
  /** The pages, behind access control. */
  readonly http: HttpHandler;
  readonly front: HttpFront | undefined;
}

export function openGateway(options: ServerOptions, methods: MethodTable, gate: AuthGate): Gateway {
  return new Gateway({
    methods,
    access: accessControl(options),
    gate,
    messageBytesMax: options.maxRequestBytes + REQUEST_OVERHEAD_BYTES,
    timers: realTimers,
  });
}

export function clientHttp(
  options: ServerOptions,
  pages: HttpHandler,
  gateway: Gateway,
): ClientHttp {
  const front = options.enableGrpcGateway ? gateway : undefined;
  return { http: guarded(pages, accessControl(options)), front };
}

function accessControl({ corsOrigins, hostWhitelist }: ServerOptions): AccessControl {
  return new AccessControl({ origins: corsOrigins, hosts: hostWhitelist });
}
