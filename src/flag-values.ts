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

/**
 * A whole number from `least` to `most`, in any of Go's forms (`100`, `0x64`, `0b1100100`, `1_000`,
 * and `0144` in base eight); undefined when it is none of these. Beyond 2^53 it is rounded.
 */
export function parseWhole(text: string, least: number, most: number): number | undefined {
  const match = /^([+-]?)(0[xX]|0[bB]|0[oO]|0(?=_?\d))?((?:_?[\da-fA-F])+)$/.exec(text);
  if (match === null) return undefined;
  const [, sign, prefix = "", digits = ""] = match;
  if (prefix === "" && digits.startsWith("_")) return undefined;
  const javaScriptPrefix = prefix === "0" ? "0o" : prefix;
  const magnitude = Number(`${javaScriptPrefix}${digits.replaceAll("_", "")}`);
  // Digits that do not fit the base, and the `e` of a decimal that is a float to JavaScript.
  const isFloat = prefix === "" && /[a-f]/i.test(digits);
  if (isFloat || Number.isNaN(magnitude)) return undefined;
  const value = sign === "-" ? -magnitude : magnitude;
  return value >= least && value <= most ? value : undefined;
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
