import { isIP } from "node:net";
import { FlagError } from "./flag-values.ts";
import type { ListenAddress } from "./transport/listener.ts";

/** A URL to listen on, and the address that it means. */
export interface ListenUrl {
  /** As it was given: `http://127.0.0.1:2379`, `unix:///run/vedette.sock`. */
  readonly url: string;
  readonly address: ListenAddress;
  /** Whether clients speak TLS: `https`, `unixs`. */
  readonly isSecure: boolean;
}

interface UrlParts {
  readonly url: string;
  readonly scheme: string;
  /** Host and port, or the path of a Unix socket. */
  readonly rest: string;
}

const PORT_MOST = 65_535;

/**
 * Where to listen: a list parted by commas. A listener binds an address and never a name, so a host
 * is an IP address or `localhost`, which is 127.0.0.1, as an etcd listens there; port 0 is any
 * port. Source: etcd client/pkg/types urls.go, server/embed config.go checkBindURLs.
 * @throws FlagError
 */
export function parseListenUrls(flag: string, text: string): ListenUrl[] {
  return text.split(",").map((part) => {
    const { url, scheme, rest } = parseUrl(flag, part);
    const isSecure = scheme === "https" || scheme === "unixs";
    if (scheme.startsWith("unix")) return { url, address: { path: rest }, isSecure };
    const { host, port } = splitHostPort(flag, url, rest);
    if (host === "localhost") return { url, address: { host: "127.0.0.1", port }, isSecure };
    if (isIP(host) === 0) throw new FlagError(`--${flag}: expected IP in URL for binding (${url})`);
    return { url, address: { host, port }, isSecure };
  });
}

/**
 * URLs to tell others, as they were given: the ids of a member are made from these very letters.
 * @throws FlagError
 */
export function parseAdvertisedUrls(flag: string, text: string): string[] {
  return text.split(",").map((part) => {
    const { url, scheme, rest } = parseUrl(flag, part);
    if (scheme === "http" || scheme === "https") splitHostPort(flag, url, rest);
    return url;
  });
}

function parseUrl(flag: string, part: string): UrlParts {
  const url = part.trim();
  const match = /^([a-z][a-z0-9+.-]*):(.*)$/i.exec(url);
  if (match === null) throw new FlagError(`--${flag}: "${url}" is not a URL`);
  const scheme = (match[1] ?? "").toLowerCase();
  const rest = match[2] ?? "";
  if (scheme === "unix" || scheme === "unixs") {
    const path = rest.replace(/^\/\//, "");
    if (path === "") throw new FlagError(`--${flag}: URL without a path of a socket: ${url}`);
    return { url, scheme, rest: path };
  }
  if (scheme !== "http" && scheme !== "https") {
    throw new FlagError(`--${flag}: URL scheme must be http, https, unix, or unixs: ${url}`);
  }
  if (!rest.startsWith("//")) throw new FlagError(`--${flag}: "${url}" is not a URL`);
  return { url, scheme, rest: rest.slice(2) };
}

function splitHostPort(flag: string, url: string, rest: string): { host: string; port: number } {
  if (/[/?#]/.test(rest)) throw new FlagError(`--${flag}: URL must not contain a path: ${url}`);
  const match = /^(?:\[([^\]]*)\]|([^:@[\]]*)):(\d{1,5})$/.exec(rest);
  const port = Number(match?.[3]);
  if (match === null || port > PORT_MOST) {
    throw new FlagError(`--${flag}: URL address does not have the form "host:port": ${url}`);
  }
  return { host: match[1] ?? match[2] ?? "", port };
}
