import { availableParallelism } from "node:os";
import { AttemptLimiter } from "./api/auth/attempt-limiter.ts";
import type { AuthSources } from "./api/auth/auth-service.ts";
import { AuthGate } from "./api/auth/gate.ts";
import type { TokenProvider } from "./api/auth/identity.ts";
import { LeaseBookKeys } from "./api/auth/lease-book-keys.ts";
import { SimpleTokens } from "./api/auth/simple-tokens.ts";
import { WatchGuard } from "./api/auth/watch-guard.ts";
import { type AuthTokenOption, parseAuthToken } from "./auth-token.ts";
import { JwtTokens } from "./jwt-tokens.ts";
import type { AuthChange } from "./machine/auth-command.ts";
import { realClock, realRandom, realTimers } from "./outside.ts";
import { PasswordPool } from "./password-pool.ts";
import type { OpenedReplica } from "./replica/open-replica.ts";

/** What the flags say of users. */
export interface AuthOptions {
  /** --auth-token as given. */
  readonly token: string;
  readonly tokenTtlMs: number;
  readonly bcryptCost: number;
}

export interface OpenedAuth {
  readonly gate: AuthGate;
  readonly guard: WatchGuard;
  readonly sources: AuthSources;
  close(): Promise<void>;
}

/** What bcrypt can do; anything else is taken for its default, as in etcd. */
const BCRYPT_COST_LEAST = 4;
const BCRYPT_COST_MOST = 31;
const BCRYPT_COST_DEFAULT = 10;
const HASHING_THREADS_MAX = 4;

/**
 * Users, roles and tokens of a server that has opened its data.
 * @throws FlagError when --auth-token, or a key file that it names, is wrong
 */
export function openAuth(options: AuthOptions, opened: OpenedReplica): OpenedAuth {
  const { machine, hub, book, replica } = opened;
  const token = parseAuthToken(options.token);
  const logIndex = (): number => replica.status().appliedIndex;
  const tokens = tokenProvider(token, options.tokenTtlMs, logIndex);
  const gate = new AuthGate({ auth: machine.auth, tokens, leases: new LeaseBookKeys(book) });
  const guard = new WatchGuard({ gate, hub, timers: realTimers });
  const passwords = new PasswordPool({
    worker: new URL("./password-worker.js", import.meta.url),
    threads: Math.max(1, Math.min(HASHING_THREADS_MAX, availableParallelism() - 1)),
    cost: costOf(options.bcryptCost),
  });
  const sources = {
    gate,
    passwords,
    limiter: new AttemptLimiter(realClock),
    changed: (change: AuthChange) => guard.recheck(change),
  };
  return { gate, guard, sources, close: () => passwords.close() };
}

function tokenProvider(
  token: AuthTokenOption,
  ttlMs: number,
  logIndex: () => number,
): TokenProvider {
  if (token.kind === "jwt") return new JwtTokens({ ...token, clock: realClock });
  return new SimpleTokens({ clock: realClock, random: realRandom, ttlMs, logIndex });
}

function costOf(given: number): number {
  const isPossible = given >= BCRYPT_COST_LEAST && given <= BCRYPT_COST_MOST;
  return isPossible ? given : BCRYPT_COST_DEFAULT;
}
