// Made from the schema by tools/generate-proto.ts; change the schema, not this.
import type { ResponseHeader } from "./messages-key-value.ts";

/** authpb.Permission.Type */
export const PermissionType: {
  readonly READ: 0;
  readonly WRITE: 1;
  readonly READWRITE: 2;
} = { READ: 0, WRITE: 1, READWRITE: 2 };

/** authpb.UserAddOptions */
export interface UserAddOptions {
  readonly noPassword: boolean;
}

/** authpb.User */
export interface User {
  readonly name: Uint8Array;
  readonly password: Uint8Array;
  readonly roles: readonly string[];
  readonly options: UserAddOptions | undefined;
}

/** authpb.Permission */
export interface Permission {
  /** PermissionType */
  readonly permType: number;
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

/** authpb.Role */
export interface Role {
  readonly name: Uint8Array;
  readonly keyPermission: readonly Permission[];
}

/** etcdserverpb.AuthEnableRequest */
export type AuthEnableRequest = Readonly<Record<string, never>>;

/** etcdserverpb.AuthDisableRequest */
export type AuthDisableRequest = Readonly<Record<string, never>>;

/** etcdserverpb.AuthStatusRequest */
export type AuthStatusRequest = Readonly<Record<string, never>>;

/** etcdserverpb.AuthenticateRequest */
export interface AuthenticateRequest {
  readonly name: string;
  readonly password: string;
}

/** etcdserverpb.AuthUserAddRequest */
export interface AuthUserAddRequest {
  readonly name: string;
  readonly password: string;
  /** since etcd 3.4 */
  readonly options: UserAddOptions | undefined;
  /** since etcd 3.5 */
  readonly hashedPassword: string;
}

/** etcdserverpb.AuthUserGetRequest */
export interface AuthUserGetRequest {
  readonly name: string;
}

/** etcdserverpb.AuthUserDeleteRequest */
export interface AuthUserDeleteRequest {
  readonly name: string;
}

/** etcdserverpb.AuthUserChangePasswordRequest */
export interface AuthUserChangePasswordRequest {
  readonly name: string;
  readonly password: string;
  /** since etcd 3.5 */
  readonly hashedPassword: string;
}

/** etcdserverpb.AuthUserGrantRoleRequest */
export interface AuthUserGrantRoleRequest {
  readonly user: string;
  readonly role: string;
}

/** etcdserverpb.AuthUserRevokeRoleRequest */
export interface AuthUserRevokeRoleRequest {
  readonly name: string;
  readonly role: string;
}

/** etcdserverpb.AuthRoleAddRequest */
export interface AuthRoleAddRequest {
  readonly name: string;
}

/** etcdserverpb.AuthRoleGetRequest */
export interface AuthRoleGetRequest {
  readonly role: string;
}

/** etcdserverpb.AuthUserListRequest */
export type AuthUserListRequest = Readonly<Record<string, never>>;

/** etcdserverpb.AuthRoleListRequest */
export type AuthRoleListRequest = Readonly<Record<string, never>>;

/** etcdserverpb.AuthRoleDeleteRequest */
export interface AuthRoleDeleteRequest {
  readonly role: string;
}

/** etcdserverpb.AuthRoleGrantPermissionRequest */
export interface AuthRoleGrantPermissionRequest {
  readonly name: string;
  readonly perm: Permission | undefined;
}

/** etcdserverpb.AuthRoleRevokePermissionRequest */
export interface AuthRoleRevokePermissionRequest {
  readonly role: string;
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

/** etcdserverpb.AuthEnableResponse */
export interface AuthEnableResponse {
  readonly header: ResponseHeader | undefined;
}

/** etcdserverpb.AuthDisableResponse */
export interface AuthDisableResponse {
  readonly header: ResponseHeader | undefined;
}

/** etcdserverpb.AuthStatusResponse */
export interface AuthStatusResponse {
  readonly header: ResponseHeader | undefined;
  readonly enabled: boolean;
  readonly authRevision: number;
}

/** etcdserverpb.AuthenticateResponse */
export interface AuthenticateResponse {
  readonly header: ResponseHeader | undefined;
  readonly token: string;
}

/** etcdserverpb.AuthUserAddResponse */
export interface AuthUserAddResponse {
  readonly header: ResponseHeader | undefined;
}

/** etcdserverpb.AuthUserGetResponse */
export interface AuthUserGetResponse {
  readonly header: ResponseHeader | undefined;
  readonly roles: readonly string[];
}

/** etcdserverpb.AuthUserDeleteResponse */
export interface AuthUserDeleteResponse {
  readonly header: ResponseHeader | undefined;
}

/** etcdserverpb.AuthUserChangePasswordResponse */
export interface AuthUserChangePasswordResponse {
  readonly header: ResponseHeader | undefined;
}

/** etcdserverpb.AuthUserGrantRoleResponse */
export interface AuthUserGrantRoleResponse {
  readonly header: ResponseHeader | undefined;
}

/** etcdserverpb.AuthUserRevokeRoleResponse */
export interface AuthUserRevokeRoleResponse {
  readonly header: ResponseHeader | undefined;
}

/** etcdserverpb.AuthRoleAddResponse */
export interface AuthRoleAddResponse {
  readonly header: ResponseHeader | undefined;
}

/** etcdserverpb.AuthRoleGetResponse */
export interface AuthRoleGetResponse {
  readonly header: ResponseHeader | undefined;
  readonly perm: readonly Permission[];
}

/** etcdserverpb.AuthRoleListResponse */
export interface AuthRoleListResponse {
  readonly header: ResponseHeader | undefined;
  readonly roles: readonly string[];
}

/** etcdserverpb.AuthUserListResponse */
export interface AuthUserListResponse {
  readonly header: ResponseHeader | undefined;
  readonly users: readonly string[];
}

/** etcdserverpb.AuthRoleDeleteResponse */
export interface AuthRoleDeleteResponse {
  readonly header: ResponseHeader | undefined;
}

/** etcdserverpb.AuthRoleGrantPermissionResponse */
export interface AuthRoleGrantPermissionResponse {
  readonly header: ResponseHeader | undefined;
}

/** etcdserverpb.AuthRoleRevokePermissionResponse */
export interface AuthRoleRevokePermissionResponse {
  readonly header: ResponseHeader | undefined;
}
