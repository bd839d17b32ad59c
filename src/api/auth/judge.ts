import { EtcdError } from "../../base/errors.ts";
import type { KeyRange } from "../../base/key-range.ts";
import type { AuthState, UserPermissions } from "../../machine/auth-state.ts";
import { intervalOf, type KeyInterval, type KeyIntervals } from "../../machine/key-intervals.ts";
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

  /** Any user that there is, however old the proof (A19, A21). */
  identified(): EtcdError | undefined {
    const permissions = this.#permissions();
    return permissions instanceof EtcdError ? permissions : undefined;
  }

  /** A user with the role root, however old the proof (A20). */
  root(): EtcdError | undefined {
    const permissions = this.#permissions();
    if (permissions instanceof EtcdError) return permissions;
    return permissions.isRoot ? undefined : new EtcdError("permissionDenied");
  }

  /** Any user whose proof is not too old (A17). */
  current(): EtcdError | undefined {
    return this.#refuseUnless(() => true);
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
    return this.#refuseLeases([id], ({ writable }) => writable);
  }

  /** READ on every key that is attached to the lease (L17). */
  readsLease(id: bigint): EtcdError | undefined {
    return this.#refuseLeases([id], ({ readable }) => readable);
  }

  /** READ on every key that is attached to any lease (L17). */
  readsAllLeases(): EtcdError | undefined {
    return this.#refuseLeases(this.#leases.ids(), ({ readable }) => readable);
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

  /** Root may with every lease, and whoever there is with those that have no keys. */
  #refuseLeases(
    ids: Iterable<bigint>,
    granted: (permissions: UserPermissions) => KeyIntervals,
  ): EtcdError | undefined {
    const permissions = this.#permissions();
    if (permissions instanceof EtcdError) return permissions;
    if (permissions.isRoot) return undefined;
    const keys = granted(permissions);
    for (const id of ids) {
      for (const key of this.#leases.keysOf(id)) {
        const refused = this.#refuseUnless(() => keys.contains(key));
        if (refused !== undefined) return refused;
      }
    }
    return undefined;
  }

  #refuseUnless(holds: (permissions: UserPermissions) => boolean): EtcdError | undefined {
    const identity = this.#identity;
    // As in etcd, this comes before whether there is such a user, and is asked for keys only.
    const isOld = isIdentity(identity) && identity.authRevision < this.#auth.revision;
    if (isOld) return new EtcdError("authOldRevision");
    const permissions = this.#permissions();
    if (permissions instanceof EtcdError) return permissions;
    return holds(permissions) ? undefined : new EtcdError("permissionDenied");
  }

  /** In etcd's order: the token, whether there is a user, who the user is. */
  #permissions(): Outcome<UserPermissions> {
    const identity = this.#identity;
    if (identity === undefined) return new EtcdError("userEmpty");
    if (identity instanceof EtcdError) return identity;
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
