import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { FlagError, parseDurationMs } from "./flag-values.ts";
import { type JwtAlgorithm, jwtAlgorithm, type JwtKeys } from "./jwt.ts";

/** How users prove who they are after their password (A16, A17): what `--auth-token` says. */
export type AuthTokenOption =
  | { readonly kind: "simple" }
  | {
      readonly kind: "jwt";
      readonly algorithm: JwtAlgorithm;
      readonly keys: JwtKeys;
      readonly ttlMs: number;
    };

const JWT_TTL_DEFAULT_MS: number = 5 * 60 * 1000;
const INVALID_OPTIONS = "auth: invalid auth options";

/**
 * Reads `simple`, or `jwt,pub-key=FILE,priv-key=FILE,sign-method=RS256,ttl=10m`, and the key files
 * that it names.
 * @throws FlagError
 */
export function parseAuthToken(text: string): AuthTokenOption {
  const [kind = "", ...pairs] = text.split(",");
  const options = new Map<string, string>();
  for (const pair of pairs) {
    const [name = "", value, ...rest] = pair.split("=");
    if (value === undefined || rest.length > 0 || options.has(name)) invalid(INVALID_OPTIONS);
    options.set(name, value);
  }
  if (kind === "simple") return { kind };
  if (kind !== "jwt") invalid(INVALID_OPTIONS);
  const algorithm = jwtAlgorithm(options.get("sign-method") ?? "");
  if (algorithm === undefined) invalid("auth: invalid auth signature method");
  return { kind, algorithm, keys: readKeys(algorithm, options), ttlMs: ttlOf(options) };
}

function invalid(reason: string): never {
  throw new FlagError(`--auth-token: ${reason}`);
}

function ttlOf(options: ReadonlyMap<string, string>): number {
  const text = options.get("ttl");
  if (text === undefined) return JWT_TTL_DEFAULT_MS;
  const ms = parseDurationMs(text);
  if (ms === undefined || ms <= 0) invalid(INVALID_OPTIONS);
  return ms;
}

function readKeys(algorithm: JwtAlgorithm, options: ReadonlyMap<string, string>): JwtKeys {
  const privatePath = options.get("priv-key");
  const publicPath = options.get("pub-key");
  if (algorithm.family === "hmac") {
    if (privatePath === undefined) invalid("auth: missing key data");
    return { kind: "secret", secret: read(privatePath) };
  }
  const signing = privatePath === undefined ? undefined : privateKey(read(privatePath));
  const verifying = publicPath === undefined ? undefined : publicKey(read(publicPath));
  const pair = verifying ?? (signing === undefined ? undefined : createPublicKey(signing));
  if (pair === undefined) invalid("auth: missing key data");
  for (const key of [pair, signing]) {
    if (key !== undefined && !algorithm.keyTypes.includes(key.asymmetricKeyType ?? "")) {
      invalid(`auth: a key of type ${key.asymmetricKeyType} cannot be used with ${algorithm.name}`);
    }
  }
  return { kind: "pair", signing, verifying: pair };
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return invalid(`cannot read ${path}: ${code}`);
  }
}

function privateKey(pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    return invalid("auth: invalid private key");
  }
}

/** A public key, or the certificate that holds one. */
function publicKey(pem: Buffer): KeyObject {
  try {
    return createPublicKey(pem);
  } catch {
    return invalid("auth: invalid public key");
  }
}
