import type { Identity, TokenProvider } from "./api/auth/identity.ts";
import type { Clock } from "./base/outside.ts";
import { type JwtAlgorithm, type JwtKeys, signJwt, verifyJwt } from "./jwt.ts";

export interface JwtTokensOptions {
  readonly algorithm: JwtAlgorithm;
  readonly keys: JwtKeys;
  readonly ttlMs: number;
  /** Wall time: a token outlives the server that signed it. */
  readonly clock: Clock;
}

interface Known {
  readonly identity: Identity;
  readonly expiresAtMs: number;
}

/** Tokens whose signature was found right are remembered: checking costs more than a request. */
const KNOWN_MAX = 1024;

/**
 * Signed tokens (A17): any server with the key can read them, and none can take one back. A token
 * counts until it expires or users or roles change, whichever is first.
 */
export class JwtTokens implements TokenProvider {
  readonly #options: JwtTokensOptions;
  readonly #known = new Map<string, Known>();

  constructor(options: JwtTokensOptions) {
    this.#options = options;
  }

  assign(user: string, authRevision: number): string | undefined {
    const { algorithm, keys, ttlMs, clock } = this.#options;
    const exp = Math.floor((clock.wallMs() + ttlMs) / 1000);
    return signJwt({ exp, revision: authRevision, username: user }, algorithm, keys);
  }

  identify(token: string): Identity | undefined {
    const known = this.#known.get(token) ?? this.#verified(token);
    if (known === undefined) return undefined;
    if (known.expiresAtMs > this.#options.clock.wallMs()) return known.identity;
    this.#known.delete(token);
    return undefined;
  }

  /** A signed token cannot be taken back; the change of users that is behind this outdates it. */
  dropUser(): void {}

  dropAll(): void {}

  #verified(token: string): Known | undefined {
    const { algorithm, keys } = this.#options;
    const claims = verifyJwt(token, algorithm, keys);
    if (claims === undefined) return undefined;
    const { username, revision, exp } = claims;
    const isComplete =
      typeof username === "string" && Number.isSafeInteger(revision) && typeof exp === "number";
    if (!isComplete) return undefined;
    const identity = { user: username, authRevision: Number(revision) };
    const known = { identity, expiresAtMs: exp * 1000 };
    const [oldest] = this.#known.keys();
    if (this.#known.size >= KNOWN_MAX && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(token, known);
    return known;
  }
}
