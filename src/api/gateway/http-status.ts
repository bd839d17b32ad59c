import { STATUS_CODES } from "node:http";
import type { GrpcCode } from "../../base/errors.ts";

/** The HTTP status of each gRPC code, 0 to 16 (G8). */
const STATUSES: readonly number[] = [
  200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
];

export function httpStatusOf(code: GrpcCode): number {
  return STATUSES[code] ?? 500;
}

/**
 * How a failed call is told. Gateways before etcd 3.6 say `error`, later ones `code` and `message`:
 * all are there, so that clients of either kind find theirs (D8).
 */
export function errorBody(code: number, message: string): string {
  return JSON.stringify({ code, message, error: message });
}

/** The same as the last line of a stream, again for both kinds of clients. */
export function streamErrorBody(code: GrpcCode, message: string): string {
  const status = httpStatusOf(code);
  const before = { grpc_code: code, http_code: status, http_status: STATUS_CODES[status] ?? "" };
  return JSON.stringify({ error: { code, message, ...before } });
}

/** Headers of an answer that is an error. */
export function errorHeaders(status: number, message: string): Readonly<Record<string, string>> {
  const type = { "content-type": "application/json" };
  if (status !== 401) return type;
  // Line ends and what is not ASCII cannot stand in a header.
  return { ...type, "www-authenticate": message.replaceAll(/[^ -~]/g, "?") };
}
