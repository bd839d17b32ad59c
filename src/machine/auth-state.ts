import { unreachable } from "../base/assert.ts";
import { compareBytes, copyBytes, equalBytes } from "../base/bytes.ts";
import { EtcdError } from "../base/errors.ts";
import {
  type AuthChange,
  type AuthRole,
  type AuthUser,
  type KeyPermission,
  PermissionKind,
} from "./auth-command.ts";
import {
  compareNames,
  decodeRole,
  decodeUser,
  encodeRole,
  encodeUser,
  nameKey,
} from "./auth-records.ts";
import { intervalOf, KeyIntervals } from "./key-intervals.ts";

/** The one user and the one role that have a meaning of their own (A2, A24). */
export const ROOT = "root";

/** Where users and roles are kept: state tables of the store. Keys are bytes as latin1 text. */
export interface AuthRecords {
  get(key: string): Uint8Array | undefined;
  set(key: string, value: Uint8Array): void;
  delete(key: string): void;
  entries(): IterableIterator<readonly [string, Uint8Array]>;
}

export interface AuthTables {
  /** Whether auth is on, and the auth revision, as in etcd's bucket of that name. */
  readonly auth: AuthRecords;
  readonly user: AuthRecords;
  readonly role: AuthRecords;
}

/** What a user may do, all roles together (A23, A24). */
export interface UserPermissions {
  readonly isRoot: boolean;
  readonly readable: KeyIntervals;
  readonly writable: KeyIntervals;
}

const ENABLED_KEY = "authEnabled";
const REVISION_KEY = "authRevision";
const REVISION_BYTES = 8;
const FIRST_REVISION = 1;

/**
 * Users, roles, and whether they count (A1-A14). All of it is in memory, and each change in the
 * tables as well. A change that is refused has changed nothing.
 */
export class AuthState {
  readonly #tables: AuthTables;
  readonly #users = new Map<string, AuthUser>();
  readonly #roles = new Map<string, AuthRole>();
  /** By user; emptied by every change of users or roles. */
  readonly #permissions = new Map<string, UserPermissions>();
  #enabled: boolean;
  #revision: number;
  #changes = 0;

  constructor(tables: AuthTables) {
    this.#tables = tables;
    this.#enabled = tables.auth.get(ENABLED_KEY)?.[0] === 1;
    this.#revision = decodeRevision(tables.auth.get(REVISION_KEY));
    for (const [, bytes] of tables.user.entries()) this.#take(this.#users, decodeUser(bytes));
    for (const [, bytes] of tables.role.entries()) this.#take(this.#roles, decodeRole(bytes));
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  /** Grows with every change but that auth is switched on (A1, A2). */
  get revision(): number {
    return this.#revision;
  }

  /** Grows with every change whatever: tells whether a judgement is still the newest. */
  get changes(): number {
    return this.#changes;
  }

  user(name: string): AuthUser | undefined {
    return this.#users.get(name);
  }

  role(name: string): AuthRole | undefined {
    return this.#roles.get(name);
  }

  /** Ascending (A10). */
  userNames(): string[] {
    return [...this.#users.keys()].sort(compareNames);
  }

  /** Ascending (A10). */
  roleNames(): string[] {
    return [...this.#roles.keys()].sort(compareNames);
  }

  /** What the user may do; undefined when there is no such user. */
  permissionsOf(name: string): UserPermissions | undefined {
    const known = this.#permissions.get(name);
    if (known !== undefined) return known;
    const user = this.#users.get(name);
    if (user === undefined) return undefined;
    const granted = user.roles.flatMap((role) => this.#roles.get(role)?.permissions ?? []);
    const made = {
      isRoot: user.roles.includes(ROOT),
      readable: keysOf(granted, PermissionKind.read),
      writable: keysOf(granted, PermissionKind.write),
    };
    this.#permissions.set(name, made);
    return made;
  }

  /** The error that refuses the change, if one does. */
  apply(change: AuthChange): EtcdError | undefined {
    switch (change.kind) {
      case "enable":
        return this.#enable();
      case "disable":
        return this.#disable();
      case "user-add":
        return this.#addUser(change);
      case "user-delete":
        return this.#deleteUser(change.name);
      case "user-change-password":
        return this.#changePassword(change.name, change.passwordHash);
      case "user-grant-role":
        return this.#grantRole(change.name, change.role);
      case "user-revoke-role":
        return this.#revokeRole(change.name, change.role);
      case "role-add":
        return this.#addRole(change.name);
      case "role-delete":
        return this.#deleteRole(change.name);
      case "role-grant-permission":
        return this.#grantPermission(change.name, change.permission);
      case "role-revoke-permission":
        return this.#revokePermission(change);
      default:
        return unreachable(change);
    }
  }

  /** A2. */
  #enable(): EtcdError | undefined {
    if (this.#enabled) return undefined;
    const root = this.#users.get(ROOT);
    if (root === undefined) return new EtcdError("rootUserMissing");
    if (!root.roles.includes(ROOT)) return new EtcdError("rootRoleMissing");
    this.#setEnabled(true);
    this.#changes++;
    return undefined;
  }

  /** A3. */
  #disable(): EtcdError | undefined {
    if (!this.#enabled) return undefined;
    this.#setEnabled(false);
    return this.#changed();
  }

  /** A5. */
  #addUser({ name, passwordHash, noPassword }: Omit<AuthUser, "roles">): EtcdError | undefined {
    if (name === "") return new EtcdError("userEmpty");
    if (this.#users.has(name)) return new EtcdError("userExists");
    this.#putUser({ name, passwordHash, noPassword, roles: [] });
    return this.#changed();
  }

  /** A6. */
  #deleteUser(name: string): EtcdError | undefined {
    if (this.#enabled && name === ROOT) return new EtcdError("invalidAuthManagement");
    if (!this.#users.delete(name)) return new EtcdError("userNotFound");
    this.#tables.user.delete(nameKey(name));
    return this.#changed();
  }

  /** A7. A user without a password stays one. */
  #changePassword(name: string, passwordHash: string): EtcdError | undefined {
    const user = this.#users.get(name);
    if (user === undefined) return new EtcdError("userNotFound");
    this.#putUser({ ...user, passwordHash: user.noPassword ? "" : passwordHash });
    return this.#changed();
  }

  /** A8. */
  #grantRole(name: string, role: string): EtcdError | undefined {
    const user = this.#users.get(name);
    if (user === undefined) return new EtcdError("userNotFound");
    if (role !== ROOT && !this.#roles.has(role)) return new EtcdError("roleNotFound");
    if (user.roles.includes(role)) return undefined;
    this.#putUser({ ...user, roles: [...user.roles, role].sort(compareNames) });
    return this.#changed();
  }

  /** A9. */
  #revokeRole(name: string, role: string): EtcdError | undefined {
    if (this.#enabled && name === ROOT && role === ROOT) {
      return new EtcdError("invalidAuthManagement");
    }
    const user = this.#users.get(name);
    if (user === undefined) return new EtcdError("userNotFound");
    if (!user.roles.includes(role)) return new EtcdError("roleNotGranted");
    this.#putUser({ ...user, roles: user.roles.filter((one) => one !== role) });
    return this.#changed();
  }

  /** A11. */
  #addRole(name: string): EtcdError | undefined {
    if (name === "") return new EtcdError("roleEmpty");
    if (this.#roles.has(name)) return new EtcdError("roleExists");
    this.#putRole({ name, permissions: [] });
    return this.#changed();
  }

  /** A11: users lose it too. */
  #deleteRole(name: string): EtcdError | undefined {
    if (this.#enabled && name === ROOT) return new EtcdError("invalidAuthManagement");
    if (!this.#roles.delete(name)) return new EtcdError("roleNotFound");
    this.#tables.role.delete(nameKey(name));
    for (const user of this.#users.values()) {
      if (!user.roles.includes(name)) continue;
      this.#putUser({ ...user, roles: user.roles.filter((role) => role !== name) });
    }
    return this.#changed();
  }

  /** A12. */
  #grantPermission(name: string, given: KeyPermission | undefined): EtcdError | undefined {
    if (given === undefined) return new EtcdError("permissionNotGiven");
    if (!isGrantable(given)) return new EtcdError("invalidAuthManagement");
    const role = this.#roles.get(name);
    if (role === undefined) return new EtcdError("roleNotFound");
    const { type, key, rangeEnd } = given;
    const granted = { type, key: copyBytes(key), rangeEnd: copyBytes(rangeEnd) };
    const others = role.permissions.filter((one) => !isOfSameKeys(one, given));
    this.#putRole({ name, permissions: [...others, granted].sort(inOrder) });
    return this.#changed();
  }

  /** A13. */
  #revokePermission(asked: {
    readonly name: string;
    readonly key: Uint8Array;
    readonly rangeEnd: Uint8Array;
  }): EtcdError | undefined {
    const role = this.#roles.get(asked.name);
    if (role === undefined) return new EtcdError("roleNotFound");
    const permissions = role.permissions.filter((one) => !isOfSameKeys(one, asked));
    if (permissions.length === role.permissions.length) {
      return new EtcdError("permissionNotGranted");
    }
    this.#putRole({ name: asked.name, permissions });
    return this.#changed();
  }

  #take<Named extends { readonly name: string }>(into: Map<string, Named>, one: Named): void {
    into.set(one.name, one);
  }

  #putUser(user: AuthUser): void {
    this.#users.set(user.name, user);
    this.#tables.user.set(nameKey(user.name), encodeUser(user));
  }

  #putRole(role: AuthRole): void {
    this.#roles.set(role.name, role);
    this.#tables.role.set(nameKey(role.name), encodeRole(role));
  }

  #setEnabled(enabled: boolean): void {
    this.#enabled = enabled;
    this.#tables.auth.set(ENABLED_KEY, Uint8Array.of(enabled ? 1 : 0));
  }

  #changed(): undefined {
    this.#changes++;
    this.#revision++;
    this.#permissions.clear();
    const bytes = new Uint8Array(REVISION_BYTES);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(this.#revision));
    this.#tables.auth.set(REVISION_KEY, bytes);
    return undefined;
  }
}

function decodeRevision(bytes: Uint8Array | undefined): number {
  if (bytes === undefined) return FIRST_REVISION;
  return Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0));
}

function keysOf(permissions: readonly KeyPermission[], kind: number): KeyIntervals {
  const granted = permissions.filter(
    ({ type }) => type === kind || type === PermissionKind.readWrite,
  );
  return new KeyIntervals(granted.map(({ key, rangeEnd }) => intervalOf(key, rangeEnd)));
}

/** A12: a key, and a range that has keys in it. */
function isGrantable({ key, rangeEnd }: KeyPermission): boolean {
  if (key.length === 0) return false;
  const isPoint = rangeEnd.length === 0;
  const isOpen = rangeEnd.length === 1 && rangeEnd[0] === 0;
  return isPoint || isOpen || compareBytes(key, rangeEnd) < 0;
}

interface Keys {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

function isOfSameKeys(one: Keys, other: Keys): boolean {
  return equalBytes(one.key, other.key) && equalBytes(one.rangeEnd, other.rangeEnd);
}

function inOrder(one: Keys, other: Keys): number {
  return compareBytes(one.key, other.key) || compareBytes(one.rangeEnd, other.rangeEnd);
}
