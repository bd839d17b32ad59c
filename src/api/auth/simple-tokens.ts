import type { Clock, Random } from "../../base/outside.ts";
import type { Identity, TokenProvider } from "./identity.ts";

export interface SimpleTokensOptions {
  readonly clock: Clock;
  /** Nobody may guess what comes next: it has to be a source fit for secrets. */
  readonly random: Random;
  /** A token that is not used for this long is void. */
  readonly ttlMs: number;
  /** A number that tells tokens apart for people: where the log stands (A16). */
  readonly logIndex: () => number;
}

interface Token {
  readonly user: string;
  expiresAtMs: number;
}

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LETTERS_IN_TOKEN = 16;
/** The largest multiple of 52 that 32 bits hold: what lies above would favour some letters. */
const FAIR_BELOW: number = 2 ** 32 - (2 ** 32 % LETTERS.length);
/** Tokens that are looked at for being outdated with each new one: more than are added. */
const SWEPT_PER_TOKEN = 8;
/** At most as many are kept; the one that was least recently renewed gives way. */
const TOKENS_MAX = 1_000_000;

/**
 * etcd's simple tokens (A16): 16 random letters and the log index, known to this server only, lost
 * with it. Each use renews one. They are kept about in the order of their expiry, and a few of the
 * oldest are looked at with each new one, so that no timer is needed to forget them.
 */
export class SimpleTokens implements TokenProvider {
  readonly #options: SimpleTokensOptions;
  readonly #tokens = new Map<string, Token>();

  constructor(options: SimpleTokensOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#tokens.size;
  }

  assign(user: string): string {
    this.#sweep();
    const token = `${this.#letters()}.${this.#options.logIndex()}`;
    this.#tokens.set(token, { user, expiresAtMs: this.#expiry() });
    return token;
  }

  identify(token: string, authRevision: number): Identity | undefined {
    const known = this.#tokens.get(token);
    if (known === undefined) return undefined;
    if (known.expiresAtMs <= this.#options.clock.monotonicMs()) {
      this.#tokens.delete(token);
      return undefined;
    }
    known.expiresAtMs = this.#expiry();
    return { user: known.user, authRevision };
  }

  dropUser(user: string): void {
    for (const [token, known] of this.#tokens) {
      if (known.user === user) this.#tokens.delete(token);
    }
  }

  dropAll(): void {
    this.#tokens.clear();
  }

  #expiry(): number {
    return this.#options.clock.monotonicMs() + this.#options.ttlMs;
  }

  #sweep(): void {
    const nowMs = this.#options.clock.monotonicMs();
    let left = SWEPT_PER_TOKEN;
    for (const [token, known] of this.#tokens) {
      if (left-- === 0) break;
      this.#tokens.delete(token);
      // Renewed since it came: it goes to the back.
      if (known.expiresAtMs > nowMs) this.#tokens.set(token, known);
    }
    const [oldest] = this.#tokens.keys();
    if (this.#tokens.size >= TOKENS_MAX && oldest !== undefined) this.#tokens.delete(oldest);
  }

  #letters(): string {
    let letters = "";
    while (letters.length < LETTERS_IN_TOKEN) {
      const number = this.#options.random.u32();
      if (number < FAIR_BELOW) letters += LETTERS.charAt(number % LETTERS.length);
    }
    return letters;
  }
}
