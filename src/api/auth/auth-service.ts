import { EtcdError, GrpcCode } from "../../base/errors.ts";
import { WireWriter } from "../../base/wire.ts";
import type { AuthChange, KeyPermission } from "../../machine/auth-command.ts";
import { ROOT } from "../../machine/auth-state.ts";
import { PermissionKind } from "../../machine/auth-command.ts";
import type { Outcome } from "../../machine/result.ts";
import type { Replica } from "../../replica/replica.ts";
import type { Method, UnaryCall } from "../call.ts";
import { headerOf, type MemberIdentity } from "../member.ts";
import { decode, DESCRIPTORS, type Descriptor, type Draft, encode } from "../proto/codec.ts";
import type { ResponseHeader } from "../proto/messages-key-value.ts";
import type { AuthenticateRequest, Permission } from "../proto/messages-auth.ts";
import { decodeOrFail, failWith } from "../unary.ts";
import type { AttemptLimiter } from "./attempt-limiter.ts";
import type { AuthGate } from "./gate.ts";

/** Hashes passwords elsewhere than on the event loop. `done` follows, false = too many wait. */
export interface PasswordHasher {
  /** A text says why the password cannot be hashed. */
  hash(password: string, done: (result: HashResult) => void): boolean;
  /** Takes as long for a hash that is undefined: that of a user who does not exist. */
  matches(password: string, hash: string | undefined, done: (isSo: boolean) => void): boolean;
}

export type HashResult = { readonly hash: string } | { readonly refusal: string };

/** What the service needs beside the server's other parts. */
export interface AuthSources {
  readonly gate: AuthGate;
  readonly passwords: PasswordHasher;
  readonly limiter: AttemptLimiter;
  /** Called when users or roles have changed, and durably. */
  readonly changed: (change: AuthChange) => void;
}

export interface AuthServiceOptions extends AuthSources {
  readonly replica: Replica;
  readonly member: MemberIdentity;
}

const SERVICE = "/etcdserverpb.Auth/";
const NO_PASSWORD_USER = "auth: authentication failed, password was given for no password user";
const VERIFY_ONLY = "auth: token signing attempted with verify-only key";
/** Go's bcrypt refuses more; what it takes into account ends there. */
const PASSWORD_BYTES_MAX = 72;
const PASSWORD_TOO_LONG = `bcrypt: password length exceeds ${PASSWORD_BYTES_MAX} bytes`;
/** All keys, as RoleGet shows them of the role root (A14). */
const ROOT_PERMISSION: Draft<Permission> = {
  permType: PermissionKind.readWrite,
  rangeEnd: Uint8Array.of(0),
};

type Headed = { readonly header: ResponseHeader | undefined };
type Rows = (readonly [string, Method])[];

/** The Auth service (A1-A14, A27). Whether its caller may call is judged before it is reached. */
export class AuthService {
  readonly #options: AuthServiceOptions;
  readonly #gate: AuthGate;

  constructor(options: AuthServiceOptions) {
    this.#options = options;
    this.#gate = options.gate;
  }

  methods(): Rows {
    return [...this.#switchMethods(), ...this.#userMethods(), ...this.#roleMethods()];
  }

  #switchMethods(): Rows {
    const { AuthEnableRequest, AuthEnableResponse } = DESCRIPTORS;
    const { AuthDisableRequest, AuthDisableResponse } = DESCRIPTORS;
    const { AuthStatusRequest, AuthStatusResponse, AuthenticateRequest: asked } = DESCRIPTORS;
    return [
      this.#change("AuthEnable", AuthEnableRequest, AuthEnableResponse, () => ({ kind: "enable" })),
      this.#change("AuthDisable", AuthDisableRequest, AuthDisableResponse, () => {
        return { kind: "disable" };
      }),
      this.#read("AuthStatus", AuthStatusRequest, AuthStatusResponse, () => {
        const { enabled, revision } = this.#gate.auth;
        return { enabled, authRevision: revision };
      }),
      row("Authenticate", asked, (request, call) => this.#authenticate(request, call)),
    ];
  }

  #userMethods(): Rows {
    const d = DESCRIPTORS;
    const { auth } = this.#gate;
    return [
      row("UserAdd", d.AuthUserAddRequest, ({ name, password, options }, call) => {
        const noPassword = options?.noPassword === true;
        this.#hashed(noPassword ? undefined : password, call, (passwordHash) => {
          const change: AuthChange = { kind: "user-add", name, passwordHash, noPassword };
          this.#propose(change, call, d.AuthUserAddResponse);
        });
      }),
      row("UserChangePassword", d.AuthUserChangePasswordRequest, ({ name, password }, call) => {
        this.#hashed(password, call, (passwordHash) => {
          const change: AuthChange = { kind: "user-change-password", name, passwordHash };
          this.#propose(change, call, d.AuthUserChangePasswordResponse);
        });
      }),
      this.#read("UserGet", d.AuthUserGetRequest, d.AuthUserGetResponse, ({ name }) => {
        const roles = auth.user(name)?.roles;
        return roles === undefined ? new EtcdError("userNotFound") : { roles };
      }),
      this.#read("UserList", d.AuthUserListRequest, d.AuthUserListResponse, () => {
        return { users: auth.userNames() };
      }),
      this.#change("UserDelete", d.AuthUserDeleteRequest, d.AuthUserDeleteResponse, ({ name }) => {
        return { kind: "user-delete", name };
      }),
      this.#change(
        "UserGrantRole",
        d.AuthUserGrantRoleRequest,
        d.AuthUserGrantRoleResponse,
        ({ user, role }) => ({ kind: "user-grant-role", name: user, role }),
      ),
      this.#change(
        "UserRevokeRole",
        d.AuthUserRevokeRoleRequest,
        d.AuthUserRevokeRoleResponse,
        ({ name, role }) => ({ kind: "user-revoke-role", name, role }),
      ),
    ];
  }

  #roleMethods(): Rows {
    const d = DESCRIPTORS;
    const { auth } = this.#gate;
    return [
      this.#change("RoleAdd", d.AuthRoleAddRequest, d.AuthRoleAddResponse, ({ name }) => {
        return { kind: "role-add", name };
      }),
      this.#change("RoleDelete", d.AuthRoleDeleteRequest, d.AuthRoleDeleteResponse, ({ role }) => {
        return { kind: "role-delete", name: role };
      }),
      this.#read("RoleGet", d.AuthRoleGetRequest, d.AuthRoleGetResponse, ({ role: name }) => {
        const role = auth.role(name);
        if (role === undefined) return new EtcdError("roleNotFound");
        return { perm: name === ROOT ? [ROOT_PERMISSION] : role.permissions.map(messageOf) };
      }),
      this.#read("RoleList", d.AuthRoleListRequest, d.AuthRoleListResponse, () => {
        return { roles: auth.roleNames() };
      }),
      this.#change(
        "RoleGrantPermission",
        d.AuthRoleGrantPermissionRequest,
        d.AuthRoleGrantPermissionResponse,
        ({ name, perm }) => {
          const permission = perm === undefined ? undefined : permissionOf(perm);
          return { kind: "role-grant-permission", name, permission };
        },
      ),
      this.#change(
        "RoleRevokePermission",
        d.AuthRoleRevokePermissionRequest,
        d.AuthRoleRevokePermissionResponse,
        ({ role, key, rangeEnd }) => ({
          kind: "role-revoke-permission",
          name: role,
          key,
          rangeEnd,
        }),
      ),
    ];
  }

  #change<Request, Response extends Headed>(
    name: string,
    request: Descriptor<Request>,
    response: Descriptor<Response>,
    changeOf: (request: Request) => AuthChange,
  ): readonly [string, Method] {
    return row(name, request, (asked, call) => this.#propose(changeOf(asked), call, response));
  }

  #read<Request, Response extends Headed>(
    name: string,
    request: Descriptor<Request>,
    response: Descriptor<Response>,
    read: (request: Request) => Outcome<Draft<Omit<Response, "header">>>,
  ): readonly [string, Method] {
    return row(name, request, (asked, call) => {
      const outcome = read(asked);
      // What was seen may not be durable yet, and nothing leaves before it is.
      this.#options.replica.settled(() => {
        if (outcome instanceof EtcdError) failWith(call, outcome);
        else this.#reply(call, response, outcome as Draft<Response>);
      });
    });
  }

  #propose<Response extends Headed>(
    change: AuthChange,
    call: UnaryCall,
    response: Descriptor<Response>,
  ): void {
    this.#options.replica.propose({ kind: "auth", change }, (outcome) => {
      if (outcome instanceof EtcdError) {
        failWith(call, outcome);
        return;
      }
      this.#dropTokens(change);
      this.#reply(call, response, {} as Draft<Response>);
      this.#options.changed(change);
    });
  }

  /** A3, A6, A7: who has lost the right to a token loses the token. */
  #dropTokens(change: AuthChange): void {
    const { tokens } = this.#gate;
    if (change.kind === "disable") tokens.dropAll();
    else if (change.kind === "user-delete" || change.kind === "user-change-password") {
      tokens.dropUser(change.name);
    }
  }

  /** A27. The caller may have lost its rights while the hash was made. */
  #hashed(password: string | undefined, call: UnaryCall, next: (hash: string) => void): void {
    if (password === undefined) {
      next("");
      return;
    }
    if (Buffer.byteLength(password) > PASSWORD_BYTES_MAX) {
      call.fail(GrpcCode.unknown, PASSWORD_TOO_LONG);
      return;
    }
    const isTaken = this.#options.passwords.hash(password, (result) => {
      const refused = call.recheck?.();
      if (refused !== undefined) failWith(call, refused);
      else if ("refusal" in result) call.fail(GrpcCode.unknown, result.refusal);
      else next(result.hash);
    });
    if (!isTaken) failWith(call, new EtcdError("tooManyRequests"));
  }

  /**
   * A4, A19. A user who does not exist and a password that is wrong are told apart by nothing, the
   * time that it takes included.
   */
  #authenticate(request: AuthenticateRequest, call: UnaryCall): void {
    const { name, password } = request;
    const { auth } = this.#gate;
    const { limiter, passwords } = this.#options;
    if (!auth.enabled) {
      failWith(call, new EtcdError("authNotEnabled"));
      return;
    }
    const user = auth.user(name);
    if (user?.noPassword === true) {
      call.fail(GrpcCode.unknown, NO_PASSWORD_USER);
      return;
    }
    const refused = (): void => failWith(call, new EtcdError("tooManyRequests"));
    limiter.try(name, call.peer, {
      start: (end) => {
        const hash = auth.user(name)?.passwordHash;
        const isTaken = passwords.matches(password, hash, (isSo) => {
          end(isSo ? "right" : "wrong");
          // What was compared may have been changed meanwhile: then it is done again.
          const isCurrent = auth.enabled && auth.user(name)?.passwordHash === hash;
          if (isSo && !isCurrent) this.#authenticate(request, call);
          else if (isSo) this.#assign(name, call);
          else failWith(call, new EtcdError("authFailed"));
        });
        if (isTaken) return;
        end("void");
        refused();
      },
      refused,
    });
  }

  #assign(name: string, call: UnaryCall): void {
    const token = this.#gate.tokens.assign(name, this.#gate.auth.revision);
    if (token === undefined) call.fail(GrpcCode.unknown, VERIFY_ONLY);
    else this.#reply(call, DESCRIPTORS.AuthenticateResponse, { token });
  }

  #reply<Response extends Headed>(
    call: UnaryCall,
    response: Descriptor<Response>,
    message: Draft<Response>,
  ): void {
    const { member, replica } = this.#options;
    const writer = new WireWriter(256);
    const header = headerOf(member, replica.view.revision);
    encode(response, { ...message, header } as Draft<Response>, writer);
    call.reply(writer.bytes());
  }
}

function row<Request>(
  name: string,
  request: Descriptor<Request>,
  handle: (request: Request, call: UnaryCall) => void,
): readonly [string, Method] {
  return [
    SERVICE + name,
    {
      kind: "unary",
      handle(bytes: Uint8Array, call: UnaryCall): void {
        const asked = decodeOrFail((raw) => decode(request, raw), bytes, call);
        if (asked !== undefined) handle(asked, call);
      },
    },
  ];
}

function permissionOf({ permType, key, rangeEnd }: Permission): KeyPermission {
  return { type: permType, key, rangeEnd };
}

function messageOf({ type, key, rangeEnd }: KeyPermission): Draft<Permission> {
  return { permType: type, key, rangeEnd };
}
