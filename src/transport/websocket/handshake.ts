import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Whether the request asks for WebSocket, rightly or not. */
export function asksForWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === "websocket";
}

/** The key of a request that asks for it rightly (RFC 6455 §4.2.1). */
export function webSocketKey(request: IncomingMessage): string | undefined {
  const { method, headers } = request;
  const key = headers["sec-websocket-key"];
  const isRight =
    method === "GET" &&
    headers["sec-websocket-version"] === "13" &&
    key !== undefined &&
    /^[A-Za-z0-9+/]{22}==$/.test(key);
  return isRight ? key : undefined;
}

/** The head of the answer that makes it one (§4.2.2). */
export function acceptance(key: string, headers: Readonly<Record<string, string>>): string {
  const accept = createHash("sha1")
    .update(key + GUID)
    .digest("base64");
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return (
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n" +
    `sec-websocket-accept: ${accept}\r\n${lines.join("")}\r\n`
  );
}

/** For a request that asks for it wrongly. */
export const WRONG_HANDSHAKE: string =
  "HTTP/1.1 400 Bad Request\r\nsec-websocket-version: 13\r\nconnection: close\r\n" +
  "content-length: 0\r\n\r\n";

/**
 * The same request without its wish for another protocol: the bytes of its head. What asks for
 * HTTP/2 by Upgrade is answered in HTTP/1.1, as RFC 9110 §7.8 allows.
 */
export function withoutUpgrade(request: IncomingMessage): string {
  const { method, url, httpVersion, rawHeaders } = request;
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? "";
    if (/^(?:upgrade|http2-settings)$/i.test(name)) continue;
    const value = rawHeaders[i + 1] ?? "";
    text += `${name}: ${/^connection$/i.test(name) ? otherOptions(value) : value}\r\n`;
  }
  return `${text}\r\n`;
}

function otherOptions(connection: string): string {
  const options = connection.split(",").map((option) => option.trim());
  return options.filter((option) => !/^(?:upgrade|http2-settings)$/i.test(option)).join(", ");
}

const BEARER = "Bearer,";

/**
 * A token among the subprotocols, `Bearer, <token>`: browsers cannot set headers, and this is how
 * clients of etcd's gateway say who they are (G12).
 */
export function bearerOf(request: IncomingMessage): string | undefined {
  const protocols = request.headers["sec-websocket-protocol"];
  if (protocols === undefined || !protocols.startsWith(BEARER)) return undefined;
  return protocols.slice(BEARER.length).trim();
}
