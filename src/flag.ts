import { FlagError, parseBoolean, parseDurationMs, parseWhole } from "./flag-values.ts";
import { parseAdvertisedUrls } from "./listen-url.ts";

/** How the text of a flag is read; each checks it and throws FlagError when it is wrong. */
export type FlagKind =
  | { readonly kind: "text"; readonly oneOf?: readonly string[] }
  | { readonly kind: "boolean" }
  | { readonly kind: "whole"; readonly least: number; readonly most: number }
  | { readonly kind: "duration" }
  | { readonly kind: "urls" };

export interface Flag {
  readonly name: string;
  readonly kind: FlagKind;
  readonly preset: string;
  /** For --help. */
  readonly about: string;
  /** Accepted and checked, but without meaning on one member of our kind. */
  readonly isIdle: boolean;
  /** An older name of another flag. */
  readonly aliasOf?: string;
}

export const UINT32_MAX: number = 2 ** 32 - 1;
export const INT32_MAX: number = 2 ** 31 - 1;
/** Beyond what a number holds exactly, and so rounded. */
export const INT64_MAX: number = 2 ** 63;

export const TEXT: FlagKind = { kind: "text" };
export const URLS: FlagKind = { kind: "urls" };
export const DURATION: FlagKind = { kind: "duration" };
export const BOOLEAN: FlagKind = { kind: "boolean" };

/**
 * Checks the text of a flag by its kind.
 * @throws FlagError
 */
export function checkFlag({ name, kind }: Flag, given: string): void {
  switch (kind.kind) {
    case "text":
      if (kind.oneOf !== undefined && !kind.oneOf.includes(given)) {
        throw new FlagError(`--${name}: "${given}" is none of ${kind.oneOf.join(", ")}`);
      }
      return;
    case "boolean":
      if (parseBoolean(given) === undefined) {
        throw new FlagError(`invalid boolean value "${given}" for -${name}`);
      }
      return;
    case "whole":
      if (parseWhole(given, kind.least, kind.most) === undefined) {
        throw new FlagError(`invalid value "${given}" for flag -${name}: parse error`);
      }
      return;
    case "duration": {
      const ms = parseDurationMs(given);
      if (ms === undefined || ms < 0) {
        throw new FlagError(`invalid value "${given}" for flag -${name}: a duration is like 5m30s`);
      }
      return;
    }
    case "urls":
      if (given !== "") parseAdvertisedUrls(name, given);
  }
}

export function used(name: string, kind: FlagKind, preset: string, about: string): Flag {
  return { name, kind, preset, about, isIdle: false };
}

export function idle(name: string, kind: FlagKind, preset: string): Flag {
  const about = "accepted for etcd's sake, without effect on a single member";
  return { name, kind, preset, about, isIdle: true };
}

export function whole(least: number, most: number): FlagKind {
  return { kind: "whole", least, most };
}

export function oneOf(...names: readonly string[]): FlagKind {
  return { kind: "text", oneOf: names };
}
