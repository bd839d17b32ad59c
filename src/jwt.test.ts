import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AuthTokenOption, parseAuthToken } from "./auth-token.ts";
import { signJwt } from "./jwt.ts";
import { JwtTokens } from "./jwt-tokens.ts";

let folder = "";
const file = (name: string): string => join(folder, name);
const clock = { nowMs: 1_700_000_000_000, monotonicMs: () => 0, wallMs: (): number => clock.nowMs };

function writePair(name: string, pair: { publicKey: KeyObject; privateKey: KeyObject }): void {
  const { publicKey, privateKey } = pair;
  writeFileSync(file(`${name}.pub`), publicKey.export({ type: "spki", format: "pem" }));
  writeFileSync(file(`${name}.key`), privateKey.export({ type: "pkcs8", format: "pem" }));
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "vedette-jwt-"));
  writePair("rsa", generateKeyPairSync("rsa", { modulusLength: 2048 }));
  writePair("other", generateKeyPairSync("rsa", { modulusLength: 2048 }));
  for (const [bits, namedCurve] of [
    ["256", "P-256"],
    ["384", "P-384"],
    ["512", "P-521"],
  ] as const) {
    writePair(`ec${bits}`, generateKeyPairSync("ec", { namedCurve }));
  }
  writePair("ed", generateKeyPairSync("ed25519"));
  writeFileSync(file("secret.key"), "a secret of some length\n");
});
afterAll(() => rmSync(folder, { recursive: true }));

type Jwt = Extract<AuthTokenOption, { kind: "jwt" }>;

function options(method: string, key: string, more = ""): Jwt {
  const names = key === "secret" ? "" : `pub-key=${file(`${key}.pub`)},`;
  const parsed = parseAuthToken(
    `jwt,${names}priv-key=${file(`${key}.key`)},sign-method=${method}${more}`,
  );
  if (parsed.kind !== "jwt") throw new Error("asked for jwt");
  return parsed;
}

const provider = (jwt: Jwt): JwtTokens => new JwtTokens({ ...jwt, clock });

const METHODS = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"].map((name) => [name, "rsa"] as const),
  ...["256", "384", "512"].map((bits) => [`ES${bits}`, `ec${bits}`] as const),
  ...["HS256", "HS384", "HS512"].map((name) => [name, "secret"] as const),
  ["EdDSA", "ed"] as const,
];

describe.each(METHODS)("%s (A17)", (method, key) => {
  test("a token names its user and the auth revision, for as long as it lasts", () => {
    const tokens = provider(options(method, key));
    const token = tokens.assign("ann", 7) ?? "";
    expect(tokens.identify(token)).toEqual({ user: "ann", authRevision: 7 });
    // Another server with the same key.
    const other = provider(options(method, key));
    expect(other.identify(token)).toEqual({ user: "ann", authRevision: 7 });
    const startMs = clock.nowMs;
    clock.nowMs = startMs + 299_000;
    expect(tokens.identify(token)).toBeDefined();
    clock.nowMs = startMs + 300_000;
    expect([tokens.identify(token), other.identify(token)]).toEqual([undefined, undefined]);
    clock.nowMs = startMs;
  });

  test("a token that was changed anywhere is none", () => {
    const tokens = provider(options(method, key));
    const token = tokens.assign("ann", 7) ?? "";
    const [header = "", claims = "", signature = ""] = token.split(".");
    const forged = Buffer.from(
      JSON.stringify({ exp: 9e9, revision: 7, username: "root" }),
    ).toString("base64url");
    const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url");
    for (const wrong of [
      "",
      "..",
      `${header}.${claims}`,
      `${header}.${claims}.`,
      `${header}.${forged}.${signature}`,
      `${none}.${claims}.`,
      `${none}.${claims}.${signature}`,
      `${token}.${signature}`,
      `${token}=`,
      `${header}.${claims}.${signature.slice(0, -4)}AAAA`,
    ]) {
      expect(tokens.identify(wrong), wrong).toBeUndefined();
    }
  });
});

test("a token says what etcd's say, and nothing else", () => {
  const token = provider(options("RS256", "rsa", ",ttl=10m")).assign("ann", 3) ?? "";
  const [header = "", claims = ""] = token.split(".");
  const text = (part: string): string => Buffer.from(part, "base64url").toString();
  expect(text(header)).toBe('{"alg":"RS256","typ":"JWT"}');
  expect(text(claims)).toBe('{"exp":1700000600,"revision":3,"username":"ann"}');
});

test("a token of another key or another algorithm is none", () => {
  const rsa = provider(options("RS256", "rsa"));
  expect(rsa.identify(provider(options("RS256", "other")).assign("ann", 1) ?? "")).toBeUndefined();
  expect(rsa.identify(provider(options("PS256", "rsa")).assign("ann", 1) ?? "")).toBeUndefined();
  // The classic: the public key used as the secret of an HMAC.
  const secret = Buffer.from("the public key, which everybody knows");
  const forged = signJwt(
    { exp: 9e9, revision: 1, username: "root" },
    { name: "HS256", family: "hmac", digest: "sha256", keyTypes: [] },
    { kind: "secret", secret },
  );
  expect(rsa.identify(forged ?? "")).toBeUndefined();
});

test.each([
  [{ exp: 9e9, revision: 1 }],
  [{ exp: 9e9, username: "ann" }],
  [{ revision: 1, username: "ann" }],
  [{ exp: 9e9, revision: "1", username: "ann" }],
  [{ exp: "9e9", revision: 1, username: "ann" }],
])("claims that miss something are no identity: %j", (claims) => {
  const jwt = options("HS256", "secret");
  const token = signJwt(claims as Record<string, string | number>, jwt.algorithm, jwt.keys);
  expect(provider(jwt).identify(token ?? "")).toBeUndefined();
});

test("with the public key alone, tokens are read and not made", () => {
  const verifying = parseAuthToken(`jwt,pub-key=${file("rsa.pub")},sign-method=RS256`) as Jwt;
  const token = provider(options("RS256", "rsa")).assign("ann", 1) ?? "";
  expect(provider(verifying).identify(token)).toEqual({ user: "ann", authRevision: 1 });
  expect(provider(verifying).assign("ann", 1)).toBeUndefined();
});

test("with the private key alone, the public one follows from it", () => {
  const both = parseAuthToken(`jwt,priv-key=${file("ec256.key")},sign-method=ES256`) as Jwt;
  const token = provider(both).assign("ann", 1) ?? "";
  expect(provider(options("ES256", "ec256")).identify(token)).toBeDefined();
});

test.each([
  ["", "invalid auth options"],
  ["nonsense", "invalid auth options"],
  ["jwt", "invalid auth signature method"],
  ["jwt,sign-method=none", "invalid auth signature method"],
  ["jwt,sign-method=RS255", "invalid auth signature method"],
  ["jwt,sign-method=RS256", "missing key data"],
  ["jwt,sign-method=HS256", "missing key data"],
  ["jwt,sign-method", "invalid auth options"],
  ["jwt,sign-method=RS256,sign-method=RS256", "invalid auth options"],
  ["jwt,sign-method=RS256=1", "invalid auth options"],
  ["jwt,sign-method=RS256,priv-key=/nowhere/at/all", "cannot read /nowhere/at/all: ENOENT"],
  ["jwt,sign-method=RS256,priv-key=FOLDER/secret.key", "invalid private key"],
  ["jwt,sign-method=RS256,pub-key=FOLDER/secret.key", "invalid public key"],
  ["jwt,sign-method=ES256,priv-key=FOLDER/rsa.key", "cannot be used with ES256"],
  ["jwt,sign-method=EdDSA,priv-key=FOLDER/ec256.key", "cannot be used with EdDSA"],
  ["jwt,sign-method=HS256,priv-key=FOLDER/secret.key,ttl=never", "invalid auth options"],
])("--auth-token %s is refused", (text, reason) => {
  expect(() => parseAuthToken(text.replaceAll("FOLDER", folder))).toThrow(reason);
});

test("--auth-token simple needs nothing", () => {
  expect(parseAuthToken("simple")).toEqual({ kind: "simple" });
});
