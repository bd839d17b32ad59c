import { parseGrpcTimeout } from "../../base/grpc-timeout.ts";
import type { Timers } from "../../base/outside.ts";
import type { HttpExchange } from "../call.ts";
import type { CallCounts } from "./call-counts.ts";
import type { Route } from "./routes.ts";

/** What every call through the gateway has around it. */
export interface CallFrame {
  readonly exchange: HttpExchange;
  readonly route: Route;
  readonly counts: CallCounts;
  /** Headers that access control wants on the answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** Longest message, in bytes, as for calls by gRPC (T4). */
  readonly messageBytesMax: number;
  /** Milliseconds that the client gives the call; undefined = any time. */
  readonly timeoutMs: number | undefined;
  readonly timers: Timers;
}

/** JSON of a message may be longer than the message: base64, names, escapes. */
const JSON_BYTES_PER_MESSAGE_BYTE = 4;

export const DEADLINE_TEXT = "context deadline exceeded";

export function jsonBytesMax(messageBytesMax: number): number {
  return messageBytesMax * JSON_BYTES_PER_MESSAGE_BYTE;
}

/** E80, for a message that has been made of its JSON. */
export function tooLargeText(length: number, max: number): string {
  return `grpc: received message larger than max (${length} vs. ${max})`;
}

/** The same for JSON that was not read to its end. */
export function jsonTooLargeText(messageBytesMax: number): string {
  return `grpc: received JSON larger than max (${jsonBytesMax(messageBytesMax)} bytes)`;
}

/** Milliseconds of the Grpc-Timeout header, undefined without one, or what is wrong with it. */
export function timeoutOf(exchange: HttpExchange): number | undefined | string {
  const given = exchange.header("grpc-timeout");
  if (given === undefined) return undefined;
  const parsed = parseGrpcTimeout(given);
  return typeof parsed === "string" ? `invalid grpc-timeout: ${given}` : parsed;
}

/** Why a route's method is missing (E81). */
export function unimplementedText(rpc: string): string {
  const slash = rpc.lastIndexOf("/");
  return `unknown method ${rpc.slice(slash + 1)} for service ${rpc.slice(1, slash)}`;
}
