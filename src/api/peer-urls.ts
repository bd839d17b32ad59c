const SCHEMES: ReadonlySet<string> = new Set(["http:", "https:", "unix:", "unixs:"]);

/**
 * Whether these are peer URLs that etcd would take for a member (C2): at least one, each of a known
 * scheme, with a port and without a path.
 */
export function arePeerUrls(urls: readonly string[]): boolean {
  return urls.length > 0 && urls.every(isPeerUrl);
}

function isPeerUrl(text: string): boolean {
  // The URL class drops a port that is the scheme's own, so the port is looked for in the text.
  const authority = /^([a-z]+:)\/\/([^/?#]+)(\/*)$/.exec(text);
  if (authority === null) return false;
  const [, scheme = "", host = ""] = authority;
  if (!SCHEMES.has(scheme)) return false;
  return scheme.startsWith("unix") || /^(\[[0-9a-fA-F:.]+\]|[^:]+):\d{1,5}$/.test(host);
}
