import type { HttpHandler, HttpResponse } from "../call.ts";

/** What access control needs to know of a request. */
export interface AccessRequest {
  readonly method: string;
  readonly isSecure: boolean;
  header(name: string): string | undefined;
}

export interface AccessOptions {
  /** Origins whose pages may read answers: --cors; `*` = all. */
  readonly origins: readonly string[];
  /** Names that a plain-text request may call this server by: --host-whitelist; `*` = any. */
  readonly hosts: readonly string[];
}

/** Either headers for the answer, or an answer that needs nobody else. */
export type Verdict =
  | { readonly kind: "go-on"; readonly headers: Readonly<Record<string, string>> }
  | { readonly kind: "answer"; readonly response: HttpResponse };

const ANY = "*";
const TEXT_TYPE = "text/plain; charset=utf-8";

/**
 * Which pages and names browsers may reach the client port by (G10, G11). It guards all of HTTP
 * there, but for gRPC, which browsers cannot speak.
 */
export class AccessControl {
  readonly #origins: ReadonlySet<string>;
  readonly #hosts: ReadonlySet<string>;

  constructor({ origins, hosts }: AccessOptions) {
    this.#origins = new Set(origins.length === 0 ? [ANY] : origins);
    this.#hosts = new Set(hosts.length === 0 ? [ANY] : hosts);
  }

  judge(request: AccessRequest): Verdict {
    const host = request.header("host") ?? "";
    if (!request.isSecure && !this.#hosts.has(ANY) && !this.#hosts.has(nameOf(host))) {
      return { kind: "answer", response: wrongHost(nameOf(host)) };
    }
    const headers = this.#originHeaders(request.header("origin"), host);
    if (headers === undefined) {
      const body = "requests from pages of this origin are not allowed, see --cors\n";
      return { kind: "answer", response: text(403, body) };
    }
    if (request.method === "OPTIONS") {
      return { kind: "answer", response: { status: 200, headers, body: "" } };
    }
    return { kind: "go-on", headers };
  }

  /** Undefined for a page of an origin that is not allowed. */
  #originHeaders(
    origin: string | undefined,
    host: string,
  ): Readonly<Record<string, string>> | undefined {
    if (this.#origins.has(ANY)) return allowing(ANY);
    if (origin === undefined) return {};
    if (this.#origins.has(origin)) return { ...allowing(origin), vary: "origin" };
    // A page that this port served itself asks nobody else.
    return origin.replace(/^https?:\/\//, "") === host ? {} : undefined;
  }
}

/** The same handler behind access control; requests to it are read whole. */
export function guarded(handler: HttpHandler, access: AccessControl): HttpHandler {
  return (request, respond) => {
    const verdict = access.judge({
      method: request.method,
      isSecure: request.isSecure === true,
      header: (name) => request.header(name),
    });
    if (verdict.kind === "answer") {
      respond(verdict.response);
      return;
    }
    const { headers } = verdict;
    handler(request, (response) => {
      respond({ ...response, headers: { ...headers, ...response.headers } });
    });
  };
}

function allowing(origin: string): Readonly<Record<string, string>> {
  return {
    "access-control-allow-methods": "POST, GET, OPTIONS, PUT, DELETE",
    "access-control-allow-origin": origin,
    "access-control-allow-headers": "accept, content-type, authorization",
  };
}

function wrongHost(host: string): HttpResponse {
  return text(
    421,
    `This server is not known by the name ${JSON.stringify(host)}.\n` +
      "Requests by other names are refused so that no web page can reach it by a DNS name that\n" +
      `points here (CVE-2018-5702). Use TLS, or start with --host-whitelist ${host}.\n`,
  );
}

function text(status: number, body: string): HttpResponse {
  const headers = { "content-type": TEXT_TYPE, "x-content-type-options": "nosniff" };
  return { status, headers, body };
}

/** The name without its port; that of an IPv6 address without its brackets, as in Go. */
function nameOf(host: string): string {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):[^:]*$/.exec(host);
  return match?.[1] ?? match?.[2] ?? host;
}
