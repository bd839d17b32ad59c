import { AuthGate } from "../../../src/api/auth/gate.ts";
import { guardMethods } from "../../../src/api/auth/guard.ts";
import type { LeaseKeys } from "../../../src/api/auth/judge.ts";
import { policyTable } from "../../../src/api/auth/policy.ts";
import { SimpleTokens } from "../../../src/api/auth/simple-tokens.ts";
import type { CallInfo, Method, MethodTable } from "../../../src/api/call.ts";
import type { Descriptor, Draft } from "../../../src/api/proto/codec.ts";
import { SERVICES } from "../../../src/api/proto/services.ts";
import type { AuthChange } from "../../../src/machine/auth-command.ts";
import { AuthState } from "../../../src/machine/auth-state.ts";
import { FakeStreamCall, FakeUnaryCall } from "../fake-calls.ts";
import { toBytes } from "../test-services.ts";
import { TestClock } from "./test-clock.ts";

export const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));

/** Who a call says that it is. */
export interface Credentials {
  readonly headers?: Readonly<Record<string, string>>;
  readonly commonName?: string;
}

/** One grant as the tests write it: type, key, range_end. */
export type Grant = readonly [type: number, key: string, rangeEnd: string];

/** Leases with keys, as the test says. */
export class TestLeases implements LeaseKeys {
  readonly held: Map<bigint, string[]> = new Map();

  keysOf(id: bigint): Uint8Array[] {
    return (this.held.get(id) ?? []).map(bytes);
  }

  ids(): Iterable<bigint> {
    return this.held.keys();
  }
}

/** Users, tokens and leases, and every RPC of the interface behind the guard. */
export class AuthWorld {
  readonly clock: TestClock = new TestClock();
  readonly leases: TestLeases = new TestLeases();
  readonly auth: AuthState = new AuthState({ auth: new Map(), user: new Map(), role: new Map() });
  readonly tokens: SimpleTokens;
  readonly gate: AuthGate;
  /** Paths of the calls that came through. */
  readonly reached: string[] = [];
  readonly methods: MethodTable;

  constructor() {
    let number = 0;
    const random = { u32: (): number => (number += 7919) };
    this.tokens = new SimpleTokens({
      clock: this.clock,
      random,
      ttlMs: 300_000,
      logIndex: () => 1,
    });
    this.gate = new AuthGate({ auth: this.auth, tokens: this.tokens, leases: this.leases });
    this.methods = guardMethods(this.#fakes(), {
      gate: this.gate,
      policies: policyTable({ maxTxnOps: 128 }),
    });
  }

  change(change: AuthChange): void {
    const refusal = this.auth.apply(change);
    if (refusal !== undefined) throw refusal;
  }

  /** A user with a role of the same name that has these grants. */
  addUser(name: string, grants: readonly Grant[] = []): Credentials {
    this.change({ kind: "user-add", name, passwordHash: "x", noPassword: false });
    this.change({ kind: "role-add", name });
    for (const grant of grants) this.grant(name, grant);
    this.change({ kind: "user-grant-role", name, role: name });
    return this.login(name);
  }

  grant(name: string, [type, key, end]: Grant): void {
    const permission = { type, key: bytes(key), rangeEnd: bytes(end) };
    this.change({ kind: "role-grant-permission", name, permission });
  }

  revoke(name: string, [, key, end]: Grant): void {
    this.change({ kind: "role-revoke-permission", name, key: bytes(key), rangeEnd: bytes(end) });
  }

  /** Switches auth on; returns what root shows. */
  enable(): Credentials {
    if (this.auth.user("root") === undefined) this.addUser("root");
    this.change({ kind: "enable" });
    return this.login("root");
  }

  login(name: string): Credentials {
    return { headers: { token: this.tokens.assign(name) } };
  }

  /** "ok" when the call came through, else its error without the prefix. */
  call<Request>(
    path: string,
    descriptor: Descriptor<Request>,
    request: Draft<Request>,
    who: Credentials = {},
  ): string {
    return this.callBytes(path, toBytes(descriptor, request), who);
  }

  callBytes(path: string, request: Uint8Array, who: Credentials = {}): string {
    const method = this.methods.get(path);
    if (method === undefined) throw new Error(`no method ${path}`);
    const before = this.reached.length;
    const failure =
      method.kind === "unary" ? unary(method, request, who) : stream(method, request, who);
    if (failure === undefined) return this.reached.length > before ? "ok" : "nothing";
    if (this.reached.length > before) throw new Error(`${path} was refused, and still reached`);
    return failure.replace("etcdserver: ", "");
  }

  /** A method for every RPC that there is, which only notes that it was reached. */
  #fakes(): MethodTable {
    const fakes = new Map<string, Method>();
    for (const { methods } of SERVICES) {
      for (const { path, isRequestStream, isResponseStream } of methods) {
        const note = (): void => void this.reached.push(path);
        fakes.set(
          path,
          !isRequestStream && !isResponseStream
            ? { kind: "unary", handle: note }
            : {
                kind: "stream",
                open: () => ({
                  message: note,
                  halfClosed: () => {},
                  cancelled: () => {},
                  drained: () => {},
                }),
              },
        );
      }
    }
    return fakes;
  }
}

function unary(
  method: Extract<Method, { kind: "unary" }>,
  request: Uint8Array,
  who: Credentials,
): string | undefined {
  const call = withCredentials(new FakeUnaryCall(), who);
  method.handle(request, call);
  return call.answer?.message === undefined ? call.answer?.text : undefined;
}

function stream(
  method: Extract<Method, { kind: "stream" }>,
  request: Uint8Array,
  who: Credentials,
): string | undefined {
  const call = withCredentials(new FakeStreamCall(), who);
  method.open(call).message(request);
  return call.ended?.text;
}

/** The same call, with headers and a certificate. */
export function withCredentials<Call extends CallInfo>(call: Call, who: Credentials): Call {
  return Object.assign(call, {
    header: (name: string): string | undefined => who.headers?.[name],
    peerCommonName: who.commonName,
  });
}
