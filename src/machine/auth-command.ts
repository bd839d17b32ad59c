import type { Revision } from "../base/revision.ts";

/** One change of users, roles, or of whether they count (A1-A14). Passwords come hashed (A27). */
export interface AuthCommand {
  readonly kind: "auth";
  readonly change: AuthChange;
}

export type AuthChange =
  | { readonly kind: "enable" }
  | { readonly kind: "disable" }
  | {
      readonly kind: "user-add";
      readonly name: string;
      /** A bcrypt hash as text; empty for a user without a password. */
      readonly passwordHash: string;
      readonly noPassword: boolean;
    }
  | { readonly kind: "user-delete"; readonly name: string }
  | {
      readonly kind: "user-change-password";
      readonly name: string;
      readonly passwordHash: string;
    }
  | { readonly kind: "user-grant-role"; readonly name: string; readonly role: string }
  | { readonly kind: "user-revoke-role"; readonly name: string; readonly role: string }
  | { readonly kind: "role-add"; readonly name: string }
  | { readonly kind: "role-delete"; readonly name: string }
  | {
      readonly kind: "role-grant-permission";
      readonly name: string;
      readonly permission: KeyPermission | undefined;
    }
  | {
      readonly kind: "role-revoke-permission";
      readonly name: string;
      readonly key: Uint8Array;
      readonly rangeEnd: Uint8Array;
    };

/** authpb.Permission.Type; a number that nobody knows is kept, and permits nothing. */
export const PermissionKind: { readonly read: 0; readonly write: 1; readonly readWrite: 2 } = {
  read: 0,
  write: 1,
  readWrite: 2,
};

/** What a role permits on a key or range, as etcd writes it (A12). */
export interface KeyPermission {
  readonly type: number;
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

/** A user as it is kept (A1). */
export interface AuthUser {
  readonly name: string;
  readonly passwordHash: string;
  /** Ascending. */
  readonly roles: readonly string[];
  readonly noPassword: boolean;
}

export interface AuthRole {
  readonly name: string;
  /** By key, then by range_end. */
  readonly permissions: readonly KeyPermission[];
}

export interface AuthResult {
  readonly kind: "auth";
  /** The store's: changes of users and roles are no revision of keys (A1). */
  readonly revision: Revision;
}
