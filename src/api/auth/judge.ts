import { EtcdError } from "../../base/errors.ts";
import type { KeyRange } from "../../base/key-range.ts";
import type { AuthState, UserPermissions } from "../../machine/auth-state.ts";
import { intervalOf, type KeyInterval } from "../../machine/key-intervals.ts";
import type { Outcome } from "../../machine/result.ts";
import type { Identity } from "./identity.ts";

/** What auth has to know of leases: the keys that hang on them. */
export interface LeaseKeys {
  /** Keys attached to the lease; none for a lease that there is not. */
  keysOf(id: bigint): Iterable<Uint8Array>;
  ids(): Iterable<bigint>;
}

const NO_BYTES: Uint8Array = new Uint8Array(0);

/**
 * Answers one caller's requests for permission, by the newest users and roles (A19-A25). Every
 * answer is the error that refuses, or undefined. Keys and range_ends are as clients send them.
 */
export class Judge {
  readonly #auth: AuthState;
  readonly #leases: LeaseKeys;
  readonly #identity: Outcome<Identity> | undefined;

  constructor(auth: AuthState, leases: LeaseKeys, identity: Outcome<Identity> | undefined) {
    this.#auth = auth;
    this.#leases = leases;
    this.#identity = identity;
  }

  /** Any user that there is (A19, A21). */
  identified(): EtcdError | undefined {
    const permissions = this.#permissions();
    return permissions instanceof EtcdError ? permissions : undefined;
  }

  /** A user with the role root (A20). */
  root(): EtcdError | undefined {
    return this.#refuseUnless(({ isRoot }) => isRoot);
  }

  /** READ on a key or range (A22). */
  reads(key: Uint8Array, rangeEnd: Uint8Array): EtcdError | undefined {
    return this.#refuseUnless(({ isRoot, readable }) => {
      return isRoot || readable.covers(intervalOf(key, rangeEnd));
    });
  }

  /** WRITE on a key or range (A22). */
  writes(key: Uint8Array, rangeEnd: Uint8Array): EtcdError | undefined {
    return this.#refuseUnless(({ isRoot, writable }) => {
      return isRoot || writable.covers(intervalOf(key, rangeEnd));
    });
  }

  /** READ on all parts of what a watch is about; one that has no keys needs a user only (W9). */
  watches(parts: readonly KeyRange[]): EtcdError | undefined {
    return this.#refuseUnless(({ isRoot, readable }) => {
      return (
        isRoot || parts.every((part) => part.kind === "empty" || readable.covers(spanOf(part)))
      );
    });
  }

  /** WRITE on every key that is attached to the lease (A22, L8, L17). */
  writesLease(id: bigint): EtcdError | undefined {
    return this.#refuseUnless(({ isRoot, writable }) => {
      if (isRoot) return true;
      for (const key of this.#leases.keysOf(id)) if (!writable.contains(key)) return false;
      return true;
    });
  }

  /** READ on every key that is attached to the lease (L17). */
  readsLease(id: bigint): EtcdError | undefined {
    return this.#refuseUnless(({ isRoot, readable }) => {
      return isRoot || this.#isReadable(id, readable);
    });
  }

  /** READ on every key that is attached to any lease (L17). */
  readsAllLeases(): EtcdError | undefined {
    return this.#refuseUnless(({ isRoot, readable }) => {
      if (isRoot) return true;
      for (const id of this.#leases.ids()) if (!this.#isReadable(id, readable)) return false;
      return true;
    });
  }

  /** Root, or the user itself (A21). */
  readsUser(name: string): EtcdError | undefined {
    const isSelf = isIdentity(this.#identity) && this.#identity.user === name;
    return isSelf ? this.identified() : this.root();
  }

  /** Root, or whoever has the role (A21). */
  readsRole(name: string): EtcdError | undefined {
    const { user } = isIdentity(this.#identity) ? this.#identity : { user: "" };
    const hasIt = this.#auth.user(user)?.roles.includes(name) === true;
    return hasIt ? this.identified() : this.root();
  }

  #isReadable(id: bigint, readable: UserPermissions["readable"]): boolean {
    for (const key of this.#leases.keysOf(id)) if (!readable.contains(key)) return false;
    return true;
  }

  #refuseUnless(holds: (permissions: UserPermissions) => boolean): EtcdError | undefined {
    const permissions = this.#permissions();
    if (permissions instanceof EtcdError) return permissions;
    return holds(permissions) ? undefined : new EtcdError("permissionDenied");
  }

  /** In etcd's order: the token, whether there is a user, how old the proof is, who the user is. */
  #permissions(): Outcome<UserPermissions> {
    const identity = this.#identity;
    if (identity === undefined) return new EtcdError("userEmpty");
    if (identity instanceof EtcdError) return identity;
    if (identity.authRevision < this.#auth.revision) return new EtcdError("authOldRevision");
    return this.#auth.permissionsOf(identity.user) ?? new EtcdError("permissionDenied");
  }
}

function isIdentity(identity: Outcome<Identity> | undefined): identity is Identity {
  return identity !== undefined && !(identity instanceof EtcdError);
}

function spanOf(range: Exclude<KeyRange, { kind: "empty" }>): KeyInterval {
  switch (range.kind) {
    case "single":
      return intervalOf(range.key, NO_BYTES);
    case "range":
      return { start: range.start, end: range.end };
    case "from":
      return { start: range.start, end: undefined };
  }
}
