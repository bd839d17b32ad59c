import { beforeEach, describe, expect, test } from "vitest";
import type { AuthChange } from "./auth-command.ts";
import { AuthState, type AuthTables } from "./auth-state.ts";

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));
const EMPTY = bytes("");

let tables: { [Name in keyof AuthTables]: Map<string, Uint8Array> };
let state: AuthState;
beforeEach(() => {
  tables = { auth: new Map(), user: new Map(), role: new Map() };
  state = new AuthState(tables);
});

function apply(change: AuthChange): string {
  return state.apply(change)?.message.replace("etcdserver: ", "") ?? "ok";
}

const addUser = (name: string): string =>
  apply({ kind: "user-add", name, passwordHash: `hash of ${name}`, noPassword: false });
const addRole = (name: string): string => apply({ kind: "role-add", name });
const grantRole = (name: string, role: string): string =>
  apply({ kind: "user-grant-role", name, role });
const revokeRole = (name: string, role: string): string =>
  apply({ kind: "user-revoke-role", name, role });
const grant = (name: string, type: number, key: string, end = ""): string =>
  apply({
    kind: "role-grant-permission",
    name,
    permission: { type, key: bytes(key), rangeEnd: bytes(end) },
  });
const revoke = (name: string, key: string, end = ""): string =>
  apply({ kind: "role-revoke-permission", name, key: bytes(key), rangeEnd: bytes(end) });

function enable(): void {
  addUser("root");
  grantRole("root", "root");
  expect(apply({ kind: "enable" })).toBe("ok");
}

describe("switching auth on and off", () => {
  test("it needs the user root with the role root, which need not exist (A2)", () => {
    expect(apply({ kind: "enable" })).toBe("root user does not exist");
    addUser("root");
    expect(apply({ kind: "enable" })).toBe("root user does not have root role");
    expect(grantRole("root", "root")).toBe("ok");
    const { revision } = state;
    expect(apply({ kind: "enable" })).toBe("ok");
    expect(apply({ kind: "enable" })).toBe("ok");
    expect([state.enabled, state.revision]).toEqual([true, revision]);
  });

  test("off is a change, and off again is none (A3)", () => {
    enable();
    const { revision } = state;
    expect(apply({ kind: "disable" })).toBe("ok");
    expect(apply({ kind: "disable" })).toBe("ok");
    expect([state.enabled, state.revision]).toEqual([false, revision + 1]);
  });

  test("root cannot be taken away while it is on (A6, A9, A11)", () => {
    addRole("root");
    enable();
    const refused = "invalid auth management";
    expect(apply({ kind: "user-delete", name: "root" })).toBe(refused);
    expect(revokeRole("root", "root")).toBe(refused);
    expect(apply({ kind: "role-delete", name: "root" })).toBe(refused);
    apply({ kind: "disable" });
    expect(revokeRole("root", "root")).toBe("ok");
    expect(apply({ kind: "role-delete", name: "root" })).toBe("ok");
    expect(apply({ kind: "user-delete", name: "root" })).toBe("ok");
  });
});

describe("users and roles", () => {
  test("what a user needs to be added (A5)", () => {
    expect(addUser("")).toBe("user name is empty");
    expect(addUser("ann")).toBe("ok");
    expect(addUser("ann")).toBe("user name already exists");
    expect(state.user("ann")?.passwordHash).toBe("hash of ann");
  });

  test("unknown users and roles are told of (A6-A9, A11)", () => {
    expect(apply({ kind: "user-delete", name: "x" })).toBe("user name not found");
    expect(apply({ kind: "user-change-password", name: "x", passwordHash: "" })).toBe(
      "user name not found",
    );
    expect(grantRole("x", "r")).toBe("user name not found");
    expect(revokeRole("x", "r")).toBe("user name not found");
    addUser("ann");
    expect(grantRole("ann", "r")).toBe("role name not found");
    expect(revokeRole("ann", "r")).toBe("role is not granted to the user");
    expect(apply({ kind: "role-delete", name: "r" })).toBe("role name not found");
    expect(grant("r", 0, "a")).toBe("role name not found");
    expect(revoke("r", "a")).toBe("role name not found");
    expect(addRole("")).toBe("role name is empty");
    addRole("r");
    expect(addRole("r")).toBe("role name already exists");
  });

  test("a role granted twice is one change, and lists are ascending (A8, A10)", () => {
    for (const name of ["b", "a", "c"]) addRole(name);
    for (const name of ["zoe", "Ann", "bob", "\u{1F600}", "\uffee"]) addUser(name);
    grantRole("bob", "c");
    grantRole("bob", "a");
    const { revision } = state;
    expect(grantRole("bob", "a")).toBe("ok");
    expect(state.revision).toBe(revision);
    expect(state.user("bob")?.roles).toEqual(["a", "c"]);
    expect(state.roleNames()).toEqual(["a", "b", "c"]);
    // By bytes: U+FFEE stands before U+1F600, other than in JavaScript's own order.
    expect(state.userNames()).toEqual(["Ann", "bob", "zoe", "\uffee", "\u{1F600}"]);
  });

  test("a role that is deleted is taken from its users in the same change (A11)", () => {
    addRole("r");
    addUser("ann");
    grantRole("ann", "r");
    grant("r", 0, "a");
    expect(state.permissionsOf("ann")?.readable.contains(bytes("a"))).toBe(true);
    const { revision } = state;
    apply({ kind: "role-delete", name: "r" });
    expect(state.revision).toBe(revision + 1);
    expect(state.user("ann")?.roles).toEqual([]);
    expect(state.permissionsOf("ann")?.readable.contains(bytes("a"))).toBe(false);
  });

  test("a user without a password gets none by a change of it (A7)", () => {
    apply({ kind: "user-add", name: "cert", passwordHash: "", noPassword: true });
    expect(apply({ kind: "user-change-password", name: "cert", passwordHash: "h" })).toBe("ok");
    expect(state.user("cert")?.passwordHash).toBe("");
  });
});

describe("permissions", () => {
  test.each([
    ["", "", "invalid auth management"],
    ["", "z", "invalid auth management"],
    ["b", "b", "invalid auth management"],
    ["b", "a", "invalid auth management"],
    ["b", "", "ok"],
    ["b", "\0", "ok"],
    ["b", "c", "ok"],
  ])("of key %j and end %j (A12)", (key, end, answer) => {
    addRole("r");
    expect(grant("r", 0, key, end)).toBe(answer);
  });

  test("one that is missing is refused before all else (A12)", () => {
    expect(apply({ kind: "role-grant-permission", name: "r", permission: undefined })).toBe(
      "permission not given",
    );
  });

  test("the same key and end is replaced, and only an exact match revoked (A12, A13)", () => {
    addRole("r");
    grant("r", 0, "b", "d");
    grant("r", 0, "a");
    grant("r", 0, "b");
    grant("r", 2, "b", "d");
    const shown = (): string[] =>
      (state.role("r")?.permissions ?? []).map(
        ({ type, key, rangeEnd }) => `${type} ${Buffer.from(key)} ${Buffer.from(rangeEnd)}`,
      );
    expect(shown()).toEqual(["0 a ", "0 b ", "2 b d"]);
    expect(revoke("r", "b", "c")).toBe("permission is not granted to the role");
    expect(revoke("r", "b", "d")).toBe("ok");
    expect(shown()).toEqual(["0 a ", "0 b "]);
  });

  test("roles add up, and READ, WRITE and READWRITE are told apart (A23)", () => {
    addUser("ann");
    for (const [role, type, key] of [
      ["r", 0, "a"],
      ["w", 1, "b"],
      ["rw", 2, "c"],
      ["odd", 9, "d"],
    ] as const) {
      addRole(role);
      grant(role, type, key);
      grantRole("ann", role);
    }
    const { readable, writable, isRoot } = state.permissionsOf("ann") ?? expect.fail();
    const can = ["a", "b", "c", "d"].map(
      (key) =>
        `${readable.contains(bytes(key)) ? "r" : ""}${writable.contains(bytes(key)) ? "w" : ""}`,
    );
    expect(can).toEqual(["r", "w", "rw", ""]);
    expect(isRoot).toBe(false);
    expect(state.permissionsOf("nobody")).toBeUndefined();
  });
});

test("all of it stands again in a state over the same tables (A1)", () => {
  addRole("r");
  grant("r", 2, "k\xff", "\0");
  grant("r", 1, "a");
  apply({ kind: "user-add", name: "cert", passwordHash: "", noPassword: true });
  enable();
  grantRole("cert", "r");
  addUser("gone");
  apply({ kind: "user-delete", name: "gone" });
  const again = new AuthState(tables);
  expect(again.enabled).toBe(true);
  expect(again.revision).toBe(state.revision);
  expect(again.userNames()).toEqual(["cert", "root"]);
  for (const name of state.userNames()) expect(again.user(name)).toEqual(state.user(name));
  for (const name of state.roleNames()) expect(again.role(name)).toEqual(state.role(name));
});

test("a change that is refused is none, neither here nor in the tables", () => {
  enable();
  addRole("r");
  const before = [state.revision, state.changes, JSON.stringify([...tables.user.keys()])];
  addUser("root");
  grantRole("root", "none");
  grant("r", 0, "");
  revoke("r", "x");
  apply({ kind: "role-revoke-permission", name: "none", key: EMPTY, rangeEnd: EMPTY });
  expect([state.revision, state.changes, JSON.stringify([...tables.user.keys()])]).toEqual(before);
});
