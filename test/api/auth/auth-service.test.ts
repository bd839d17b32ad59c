import { beforeEach, describe, expect, test } from "vitest";
import { AuthService } from "../../../src/api/auth/auth-service.ts";
import { guardMethods } from "../../../src/api/auth/guard.ts";
import { policyTable } from "../../../src/api/auth/policy.ts";
import type { MethodTable } from "../../../src/api/call.ts";
import { decode, DESCRIPTORS, type Draft } from "../../../src/api/proto/codec.ts";
import { FakeUnaryCall } from "../fake-calls.ts";
import { ImmediateReplica } from "../immediate-replica.ts";
import { MEMBER, toBytes } from "../test-services.ts";
import { bytes, type Credentials, withCredentials } from "./auth-world.ts";
import { type TestAuth, testAuth } from "./test-auth.ts";

let replica: ImmediateReplica;
let auth: TestAuth;
let methods: MethodTable;
beforeEach(() => {
  replica = new ImmediateReplica();
  auth = testAuth(replica.tested);
  methods = guardMethods(new Map(new AuthService({ ...auth, replica, member: MEMBER }).methods()), {
    gate: auth.gate,
    policies: policyTable({ maxTxnOps: 128 }),
  });
});

function start(name: string, request: Draft<unknown>, who: Credentials = {}): FakeUnaryCall {
  const type = name.startsWith("Auth") ? `${name}Request` : `Auth${name}Request`;
  const descriptor = (
    DESCRIPTORS as unknown as Record<string, typeof DESCRIPTORS.AuthUserGetRequest>
  )[type]!;
  const method = methods.get(`/etcdserverpb.Auth/${name}`);
  const call = withCredentials(new FakeUnaryCall(), who);
  if (method?.kind === "unary") method.handle(toBytes(descriptor, request as object), call);
  return call;
}

function textOf(call: FakeUnaryCall): string {
  if (call.answer === undefined) return "nothing yet";
  return call.answer.message === undefined ? call.answer.text : "ok";
}

const ask = (name: string, request: Draft<unknown> = {}, who: Credentials = {}): string =>
  textOf(start(name, request, who));

function authenticate(name: string, password: string): FakeUnaryCall {
  return start("Authenticate", { name, password });
}

function token(call: FakeUnaryCall): Credentials {
  const message = call.answer?.message ?? expect.fail(textOf(call));
  return { headers: { token: decode(DESCRIPTORS.AuthenticateResponse, message).token } };
}

function enable(): Credentials {
  ask("UserAdd", { name: "root", password: "rp" });
  ask("UserGrantRole", { user: "root", role: "root" });
  expect(ask("AuthEnable")).toBe("ok");
  return token(authenticate("root", "rp"));
}

const FAILED = "etcdserver: authentication failed, invalid user ID or password";

describe("Authenticate", () => {
  test("needs auth to be on, which AuthStatus tells everybody (A4)", () => {
    expect(textOf(authenticate("root", "rp"))).toBe("etcdserver: authentication is not enabled");
    enable();
    const { message } = start("AuthStatus", {}).answer ?? expect.fail();
    const status = decode(DESCRIPTORS.AuthStatusResponse, message!);
    expect([status.enabled, status.authRevision]).toEqual([true, 3]);
  });

  test("does the same work for a user who does not exist as for a wrong password (A19)", () => {
    enable();
    auth.passwords.compared.length = 0;
    expect(textOf(authenticate("root", "wrong"))).toBe(FAILED);
    expect(textOf(authenticate("nobody", "wrong"))).toBe(FAILED);
    expect(auth.passwords.compared).toEqual(["wrong with hash of rp", "wrong with nothing"]);
  });

  test("takes an empty password for one like others (A5)", () => {
    enable();
    const root = token(authenticate("root", "rp"));
    ask("UserAdd", { name: "open", password: "" }, root);
    expect(textOf(authenticate("open", ""))).toBe("ok");
    expect(textOf(authenticate("open", "x"))).toBe(FAILED);
  });

  test("is nothing for users without a password (A19)", () => {
    const root = enable();
    ask("UserAdd", { name: "cert", options: { noPassword: true } }, root);
    const expected = {
      code: 2,
      text: "auth: authentication failed, password was given for no password user",
    };
    expect(authenticate("cert", "x").answer).toMatchObject(expected);
    expect(authenticate("cert", "").answer).toMatchObject(expected);
  });

  test("a password that was changed while it was compared counts no more", () => {
    const root = enable();
    auth.passwords.holds = true;
    const old = authenticate("root", "rp");
    auth.passwords.holds = false;
    ask("UserChangePassword", { name: "root", password: "new" }, root);
    auth.passwords.release();
    expect(textOf(old)).toBe(FAILED);
  });

  test("is refused after too many wrong passwords, whatever the next one is", () => {
    enable();
    for (let i = 0; i < 5; i++) expect(textOf(authenticate("root", "wrong"))).toBe(FAILED);
    const refused = "etcdserver: too many requests";
    expect(textOf(authenticate("root", "rp"))).toBe(refused);
    auth.clock.nowMs += 1000;
    expect(textOf(authenticate("root", "rp"))).toBe("ok");
  });

  test("is refused when too many wait", () => {
    enable();
    auth.passwords.isFull = true;
    expect(textOf(authenticate("root", "rp"))).toBe("etcdserver: too many requests");
    expect(ask("UserAdd", { name: "x", password: "y" }, { commonName: "root" })).toBe(
      "etcdserver: too many requests",
    );
  });
});

describe("tokens", () => {
  test("go with the user, with the password, and when auth is switched off (A3, A6, A7)", () => {
    const root = enable();
    for (const name of ["ann", "bob"]) ask("UserAdd", { name, password: "p" }, root);
    const [ann, bob] = [token(authenticate("ann", "p")), token(authenticate("bob", "p"))];
    expect(ask("UserGet", { name: "ann" }, ann)).toBe("ok");
    ask("UserChangePassword", { name: "ann", password: "q" }, root);
    expect(ask("UserGet", { name: "ann" }, ann)).toBe("etcdserver: invalid auth token");
    expect(ask("UserGet", { name: "bob" }, bob)).toBe("ok");
    ask("UserDelete", { name: "bob" }, root);
    expect(ask("UserGet", { name: "bob" }, bob)).toBe("etcdserver: invalid auth token");
    expect(ask("AuthDisable", {}, root)).toBe("ok");
    // Off, nobody looks at tokens (A15).
    expect(ask("UserList", {}, bob)).toBe("ok");
    ask("AuthEnable");
    expect(ask("UserList", {}, root)).toBe("etcdserver: invalid auth token");
  });
});

describe("changes", () => {
  test("are told of when they are durable, and refused ones are not", () => {
    ask("UserAdd", { name: "root", password: "rp" });
    expect(auth.counts.changes).toBe(1);
    ask("UserAdd", { name: "root", password: "rp" });
    expect(auth.counts.changes).toBe(1);
    replica.holds = true;
    const held = start("RoleAdd", { name: "r" });
    expect([textOf(held), auth.counts.changes]).toEqual(["nothing yet", 1]);
    replica.release();
    expect([textOf(held), auth.counts.changes]).toEqual(["ok", 2]);
  });

  test("whoever loses the right to one while the password is hashed does not make it (A24)", () => {
    const root = enable();
    ask("UserAdd", { name: "ann", password: "p" }, root);
    ask("UserGrantRole", { user: "ann", role: "root" }, root);
    const ann = token(authenticate("ann", "p"));
    auth.passwords.holds = true;
    const adding = start("UserAdd", { name: "eve", password: "p" }, ann);
    const changing = start("UserChangePassword", { name: "root", password: "p" }, ann);
    auth.passwords.holds = false;
    ask("UserRevokeRole", { name: "ann", role: "root" }, root);
    auth.passwords.release();
    expect([textOf(adding), textOf(changing)]).toEqual([
      "etcdserver: permission denied",
      "etcdserver: permission denied",
    ]);
    expect(auth.gate.auth.userNames()).toEqual(["ann", "root"]);
  });

  test("a password that bcrypt would cut off is refused (A27)", () => {
    expect(start("UserAdd", { name: "ann", password: "x".repeat(73) }).answer).toMatchObject({
      code: 2,
      text: "bcrypt: password length exceeds 72 bytes",
    });
    expect(ask("UserAdd", { name: "ann", password: "\u20ac".repeat(24) })).toBe("ok");
  });

  test("a hash that the client gives is not taken for its password's (A5, A27)", () => {
    ask("UserAdd", { name: "ann", password: "p", hashedPassword: "Zm9yZ2Vk" });
    expect(auth.gate.auth.user("ann")?.passwordHash).toBe("hash of p");
  });
});

test("the role root shows that it is everything, once there is such a role (A14)", () => {
  expect(ask("RoleGet", { role: "root" })).toBe("etcdserver: role name not found");
  ask("RoleAdd", { name: "root" });
  const { message } = start("RoleGet", { role: "root" }).answer ?? expect.fail();
  expect(decode(DESCRIPTORS.AuthRoleGetResponse, message!).perm).toEqual([
    { permType: 2, key: bytes(""), rangeEnd: bytes("\0") },
  ]);
});
