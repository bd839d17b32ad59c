import type { EtcdError } from "../../base/errors.ts";
import type { AuthState } from "../../machine/auth-state.ts";
import type { Outcome } from "../../machine/result.ts";
import { Identifier, type Identity, type Proof, type TokenProvider } from "./identity.ts";
import { Judge, type LeaseKeys } from "./judge.ts";

export interface AuthGateOptions {
  readonly auth: AuthState;
  readonly tokens: TokenProvider;
  readonly leases: LeaseKeys;
}

/** Where every way into the server asks whether it may: RPCs, watches, pages. */
export class AuthGate {
  readonly auth: AuthState;
  readonly tokens: TokenProvider;
  readonly #leases: LeaseKeys;
  readonly #identifier: Identifier;

  constructor({ auth, tokens, leases }: AuthGateOptions) {
    this.auth = auth;
    this.tokens = tokens;
    this.#leases = leases;
    this.#identifier = new Identifier(auth, tokens);
  }

  /** While it is off, nobody is asked who they are, and everything is allowed (A15). */
  get isOpen(): boolean {
    return !this.auth.enabled;
  }

  identify(call: Proof): Outcome<Identity> | undefined {
    return this.#identifier.identify(call);
  }

  judge(identity: Outcome<Identity> | undefined): Judge {
    return new Judge(this.auth, this.#leases, identity);
  }

  /** Whether a page that tells of everybody may be shown: to root only. */
  refusesPage(call: Proof): EtcdError | undefined {
    return this.isOpen ? undefined : this.judge(this.identify(call)).root();
  }
}
