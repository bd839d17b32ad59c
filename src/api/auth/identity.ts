import { EtcdError } from "../../base/errors.ts";
import type { AuthState } from "../../machine/auth-state.ts";
import type { Outcome } from "../../machine/result.ts";
import type { CallInfo } from "../call.ts";

/** Who asks, as they have proved it. */
export interface Identity {
  readonly user: string;
  /** The auth revision that the proof was made under: an older one than the store's is too old. */
  readonly authRevision: number;
}

/** Makes and reads the tokens that stand for a password that was right. */
export interface TokenProvider {
  /** A new token; undefined when this server may only verify what others sign. */
  assign(user: string, authRevision: number): string | undefined;
  /** Whose token it is; undefined when it is none, or no more. */
  identify(token: string, authRevision: number): Identity | undefined;
  /** All tokens of the user are void, as far as this provider can take them back. */
  dropUser(user: string): void;
  dropAll(): void;
}

/** What a call or a page's request shows of who asks. */
export type Proof = Pick<CallInfo, "header" | "peerCommonName">;

/** Request headers that carry a token; the second is how the JSON gateway says it (A15). */
const TOKEN_HEADERS = ["token", "authorization"] as const;
const BEARER = "Bearer ";
/** The gateway's calls come from the server itself: a certificate does not say who asks (A18). */
const GATEWAY_HEADER = "grpcgateway-accept";

/** Finds out who asks: by token, else by the client's certificate (A15, A18). */
export class Identifier {
  readonly #auth: AuthState;
  readonly #tokens: TokenProvider;

  constructor(auth: AuthState, tokens: TokenProvider) {
    this.#auth = auth;
    this.#tokens = tokens;
  }

  /** Undefined for whoever says nothing; "invalidAuthToken" for a token that is none. */
  identify(call: Proof): Outcome<Identity> | undefined {
    const authRevision = this.#auth.revision;
    const token = tokenOf(call);
    if (token !== undefined) {
      return this.#tokens.identify(token, authRevision) ?? new EtcdError("invalidAuthToken");
    }
    const user = call.peerCommonName;
    // A certificate without a name is that of a user who does not exist, as with etcd.
    if (user === undefined) return undefined;
    if (call.header(GATEWAY_HEADER) !== undefined) return undefined;
    return { user, authRevision };
  }
}

function tokenOf(call: Proof): string | undefined {
  for (const name of TOKEN_HEADERS) {
    const value = call.header(name);
    if (value === undefined) continue;
    return value.startsWith(BEARER) ? value.slice(BEARER.length) : value;
  }
  return undefined;
}
