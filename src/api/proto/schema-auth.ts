import {
  bool,
  bytes,
  enumeration,
  message,
  repeated,
  since,
  string,
  uint64,
  type SchemaPart,
} from "./schema.ts";

/** Users, roles and permissions: packages authpb and etcdserverpb. */
export const AUTH_SCHEMA: SchemaPart = {
  enums: {
    PermissionType: {
      fullName: "authpb.Permission.Type",
      values: { READ: 0, WRITE: 1, READWRITE: 2 },
    },
  },
  messages: {
    authpb: {
      UserAddOptions: {
        no_password: bool(1),
      },
      User: {
        name: bytes(1),
        password: bytes(2),
        roles: repeated(string(3)),
        options: message(4, "UserAddOptions"),
      },
      Permission: {
        permType: enumeration(1, "PermissionType"),
        key: bytes(2),
        range_end: bytes(3),
      },
      Role: {
        name: bytes(1),
        keyPermission: repeated(message(2, "Permission")),
      },
    },
    etcdserverpb: {
      AuthEnableRequest: {},
      AuthDisableRequest: {},
      AuthStatusRequest: {},
      AuthenticateRequest: {
        name: string(1),
        password: string(2),
      },
      AuthUserAddRequest: {
        name: string(1),
        password: string(2),
        options: since("3.4", message(3, "UserAddOptions")),
        hashedPassword: since("3.5", string(4)),
      },
      AuthUserGetRequest: {
        name: string(1),
      },
      AuthUserDeleteRequest: {
        name: string(1),
      },
      AuthUserChangePasswordRequest: {
        name: string(1),
        password: string(2),
        hashedPassword: since("3.5", string(3)),
      },
      AuthUserGrantRoleRequest: {
        user: string(1),
        role: string(2),
      },
      AuthUserRevokeRoleRequest: {
        name: string(1),
        role: string(2),
      },
      AuthRoleAddRequest: {
        name: string(1),
      },
      AuthRoleGetRequest: {
        role: string(1),
      },
      AuthUserListRequest: {},
      AuthRoleListRequest: {},
      AuthRoleDeleteRequest: {
        role: string(1),
      },
      AuthRoleGrantPermissionRequest: {
        name: string(1),
        perm: message(2, "Permission"),
      },
      AuthRoleRevokePermissionRequest: {
        role: string(1),
        key: bytes(2),
        range_end: bytes(3),
      },
      AuthEnableResponse: {
        header: message(1, "ResponseHeader"),
      },
      AuthDisableResponse: {
        header: message(1, "ResponseHeader"),
      },
      AuthStatusResponse: {
        header: message(1, "ResponseHeader"),
        enabled: bool(2),
        authRevision: uint64(3),
      },
      AuthenticateResponse: {
        header: message(1, "ResponseHeader"),
        token: string(2),
      },
      AuthUserAddResponse: {
        header: message(1, "ResponseHeader"),
      },
      AuthUserGetResponse: {
        header: message(1, "ResponseHeader"),
        roles: repeated(string(2)),
      },
      AuthUserDeleteResponse: {
        header: message(1, "ResponseHeader"),
      },
      AuthUserChangePasswordResponse: {
        header: message(1, "ResponseHeader"),
      },
      AuthUserGrantRoleResponse: {
        header: message(1, "ResponseHeader"),
      },
      AuthUserRevokeRoleResponse: {
        header: message(1, "ResponseHeader"),
      },
      AuthRoleAddResponse: {
        header: message(1, "ResponseHeader"),
      },
      AuthRoleGetResponse: {
        header: since("3.0", message(1, "ResponseHeader")),
        perm: since("3.0", repeated(message(2, "Permission"))),
      },
      AuthRoleListResponse: {
        header: message(1, "ResponseHeader"),
        roles: repeated(string(2)),
      },
      AuthUserListResponse: {
        header: message(1, "ResponseHeader"),
        users: repeated(string(2)),
      },
      AuthRoleDeleteResponse: {
        header: message(1, "ResponseHeader"),
      },
      AuthRoleGrantPermissionResponse: {
        header: message(1, "ResponseHeader"),
      },
      AuthRoleRevokePermissionResponse: {
        header: message(1, "ResponseHeader"),
      },
    },
  },
};
