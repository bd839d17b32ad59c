/** The text forms of flag values, as Go's flag package and etcd read them. */

/** What is wrong with a flag, in one line for the terminal. */
export class FlagError extends Error {
  override readonly name = "FlagError";
}

const UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "\u00b5s": 1e-3,
  "\u03bcs": 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** A duration in Go's form (`1h30m`, `250ms`, `0`), in milliseconds; undefined when it is none. */
export function parseDurationMs(text: string): number | undefined {
  const match = /^([+-]?)(.+)$/.exec(text);
  if (match === null) return undefined;
  const [, sign, rest] = match;
  if (rest === "0") return 0;
  if (!/^(\d+(\.\d*)?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)|\.\d+(ns|us|ms|s|m|h))+$/.test(rest ?? "")) {
    return undefined;
  }
  let total = 0;
  for (const part of (rest ?? "").matchAll(/(\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/g)) {
    total += Number(part[1]) * (UNITS_MS[part[2] ?? ""] ?? 0);
  }
  return sign === "-" ? -total : total;
}

/** Go's strconv.ParseBool. */
export function parseBoolean(text: string): boolean | undefined {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
  return undefined;
}

/** A whole number from `least` to `most`; undefined when it is none of these. */
export function parseWhole(text: string, least: number, most: number): number | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const value = Number(text);
  return value >= least && value <= most ? value : undefined;
}

/**
 * A list of URLs, parted by commas, each with a scheme, a host and a port and nothing else.
 * @throws FlagError
 */
export function parseUrls(flag: string, text: string): URL[] {
  return text.split(",").map((part) => {
    const given = part.trim();
    let url: URL;
    try {
      url = new URL(given);
    } catch {
      throw new FlagError(`--${flag}: "${given}" is not a URL`);
    }
    if (!["http:", "https:"].includes(url.protocol)) {
      throw new FlagError(`--${flag}: URL scheme must be http or https: ${given}`);
    }
    if (!/:\d+\/?$/.test(given)) {
      throw new FlagError(`--${flag}: URL address does not have the form "host:port": ${given}`);
    }
    if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
      throw new FlagError(`--${flag}: URL must not contain a path: ${given}`);
    }
    return url;
  });
}

/** Of names, the one that needs the fewest edits to become `given`, if they are few. */
export function nearest(given: string, names: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(given.length / 3)) + 1;
  for (const name of names) {
    const distance = editDistance(given, name);
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, i) => i);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const change = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
