import { AttemptLimiter } from "../../../src/api/auth/attempt-limiter.ts";
import type {
  AuthSources,
  HashResult,
  PasswordHasher,
} from "../../../src/api/auth/auth-service.ts";
import { AuthGate } from "../../../src/api/auth/gate.ts";
import { LeaseBookKeys } from "../../../src/api/auth/lease-book-keys.ts";
import { SimpleTokens } from "../../../src/api/auth/simple-tokens.ts";
import type { TestMachine } from "../../machine/test-machine.ts";
import { TestClock } from "./test-clock.ts";

/** Passwords that are hashed at once and by name only, or, while `holds`, when told to. */
export class TestPasswords implements PasswordHasher {
  readonly #held: (() => void)[] = [];
  holds = false;
  isFull = false;
  /** Every comparison, the hash that was compared with included. */
  readonly compared: string[] = [];

  hash(password: string, done: (result: HashResult) => void): boolean {
    return this.#later(() => done({ hash: `hash of ${password}` }));
  }

  matches(password: string, hash: string | undefined, done: (isSo: boolean) => void): boolean {
    this.compared.push(`${password} with ${hash ?? "nothing"}`);
    return this.#later(() => done(hash === `hash of ${password}`));
  }

  release(): void {
    for (const run of this.#held.splice(0)) run();
  }

  #later(run: () => void): boolean {
    if (this.isFull) return false;
    if (this.holds) this.#held.push(run);
    else run();
    return true;
  }
}

export interface TestAuth extends AuthSources {
  readonly passwords: TestPasswords;
  readonly clock: TestClock;
  /** How often `changed` was called. */
  readonly counts: { changes: number };
}

/** Auth over a machine in memory: off, with nobody in it. */
export function testAuth({ machine, leases }: Pick<TestMachine, "machine" | "leases">): TestAuth {
  const clock = new TestClock();
  let number = 0;
  const tokens = new SimpleTokens({
    clock,
    random: { u32: () => (number += 104_729) },
    ttlMs: 300_000,
    logIndex: () => 1,
  });
  const counts = { changes: 0 };
  return {
    gate: new AuthGate({ auth: machine.auth, tokens, leases: new LeaseBookKeys(leases) }),
    passwords: new TestPasswords(),
    limiter: new AttemptLimiter(clock),
    changed: () => void counts.changes++,
    clock,
    counts,
  };
}
