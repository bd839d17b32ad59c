import { copyBytes } from "../../base/bytes.ts";
import { EtcdError, GrpcCode } from "../../base/errors.ts";
import type { Method, MethodTable, StreamCall, StreamHandler, UnaryCall } from "../call.ts";
import { undecodableText } from "../unary.ts";
import type { AuthGate } from "./gate.ts";
import type { Policy } from "./policy.ts";

/** What stands before the methods. */
export interface Guard {
  readonly gate: AuthGate;
  readonly policies: ReadonlyMap<string, Policy>;
}

type UnaryMethod = Extract<Method, { kind: "unary" }>;
type StreamMethod = Extract<Method, { kind: "stream" }>;
type JudgedPolicy = Extract<Policy, { kind: "judged" }>;

/**
 * The one choke point: every method behind its policy. What has no policy is refused to everybody,
 * whether auth is on or off, so that nobody can forget to write one.
 */
export function guardMethods(methods: MethodTable, { gate, policies }: Guard): MethodTable {
  const guarded = new Map<string, Method>();
  for (const [path, method] of methods) {
    guarded.set(path, guardMethod(method, policies.get(path), gate));
  }
  return guarded;
}

function guardMethod(method: Method, policy: Policy | undefined, gate: AuthGate): Method {
  if (policy === undefined) return refusal(method);
  switch (policy.kind) {
    case "open":
    case "watch":
      return method;
    case "judged":
      return method.kind === "unary"
        ? guardUnary(method, policy, gate)
        : guardStream(method, policy, gate);
  }
}

function guardUnary(method: UnaryMethod, policy: JudgedPolicy, gate: AuthGate): Method {
  const { waits } = policy;
  return {
    kind: "unary",
    handle(request: Uint8Array, call: UnaryCall): void {
      if (gate.isOpen && !waits) {
        method.handle(request, call);
        return;
      }
      const judgement = new Judgement(gate, policy, call);
      const refused = judgement.on(request);
      if (refused !== undefined) call.fail(refused.code, refused.text);
      else if (!waits) method.handle(request, call);
      else {
        judgement.keep(request);
        method.handle(request, new WaitingCall(call, judgement));
      }
    },
  };
}

function guardStream(method: StreamMethod, policy: JudgedPolicy, gate: AuthGate): Method {
  return {
    kind: "stream",
    open(call: StreamCall): StreamHandler {
      const guarded = new GuardedStream(call, new Judgement(gate, policy, call));
      guarded.open(method);
      return guarded;
    },
  };
}

/** Why a request goes no further. */
interface Refusal {
  readonly code: GrpcCode;
  readonly text: string;
  /** Absent for a request that cannot be read. */
  readonly error?: EtcdError;
}

/** What is thought of one call's requests, and whether that still stands. */
class Judgement {
  readonly #gate: AuthGate;
  readonly #policy: JudgedPolicy;
  readonly #call: UnaryCall | StreamCall;
  /** The request that was judged last, kept for calls that go on for longer. */
  #request: Uint8Array | undefined;
  #judgedAt: number;
  /** The last one; absent = the request may go on. */
  #verdict: Refusal | undefined;

  constructor(gate: AuthGate, policy: JudgedPolicy, call: UnaryCall | StreamCall) {
    this.#gate = gate;
    this.#policy = policy;
    this.#call = call;
    this.#judgedAt = gate.auth.changes;
  }

  on(request: Uint8Array): Refusal | undefined {
    this.#judgedAt = this.#gate.auth.changes;
    this.#verdict = this.#gate.isOpen ? undefined : this.#judge(request);
    return this.#verdict;
  }

  keep(request: Uint8Array): void {
    this.#request = copyBytes(request);
  }

  /** The same request by what has become of users and roles since (A24, A25). */
  again(): Refusal | undefined {
    const request = this.#request;
    const isNewest = this.#judgedAt === this.#gate.auth.changes;
    return request === undefined || isNewest ? this.#verdict : this.on(request);
  }

  #judge(request: Uint8Array): Refusal | undefined {
    const judge = this.#gate.judge(this.#gate.identify(this.#call));
    const { rule, isRecipe } = this.#policy;
    try {
      const error = rule(request, judge);
      if (error === undefined) return undefined;
      const code = isRecipe ? GrpcCode.unknown : error.code;
      return { code, text: error.message, error };
    } catch (error) {
      return { code: GrpcCode.internal, text: undecodableText(error) };
    }
  }
}

/** A unary call that is answered, or changes something, when more time has passed. */
class WaitingCall implements UnaryCall {
  readonly #call: UnaryCall;
  readonly #judgement: Judgement;

  constructor(call: UnaryCall, judgement: Judgement) {
    this.#call = call;
    this.#judgement = judgement;
  }

  get peer(): string {
    return this.#call.peer;
  }

  get peerCommonName(): string | undefined {
    return this.#call.peerCommonName;
  }

  header(name: string): string | undefined {
    return this.#call.header(name);
  }

  whenCancelled(fire: () => void): void {
    this.#call.whenCancelled?.(fire);
  }

  recheck(): EtcdError | undefined {
    return this.#judgement.again()?.error;
  }

  reply(message: Uint8Array): void {
    const refused = this.#judgement.again();
    if (refused === undefined) this.#call.reply(message);
    else this.#call.fail(refused.code, refused.text);
  }

  fail(code: GrpcCode, message: string): void {
    this.#call.fail(code, message);
  }
}

/**
 * A streaming call between client and method: its requests are judged as they come, and whatever
 * is sent after users or roles have changed is judged by the last request once more.
 */
class GuardedStream implements StreamCall, StreamHandler {
  readonly #call: StreamCall;
  readonly #judgement: Judgement;
  #handler: StreamHandler | undefined;
  #isOver = false;

  constructor(call: StreamCall, judgement: Judgement) {
    this.#call = call;
    this.#judgement = judgement;
  }

  open(method: StreamMethod): void {
    this.#handler = method.open(this);
  }

  // --- StreamHandler: from the client

  message(bytes: Uint8Array): void {
    if (this.#isOver) return;
    const refused = this.#judgement.on(bytes);
    if (refused !== undefined) {
      this.#stop(refused);
      return;
    }
    this.#judgement.keep(bytes);
    this.#handler?.message(bytes);
  }

  halfClosed(): void {
    if (!this.#isOver) this.#handler?.halfClosed();
  }

  cancelled(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#handler?.cancelled();
  }

  drained(): void {
    if (!this.#isOver) this.#handler?.drained();
  }

  // --- StreamCall: from the method

  get peer(): string {
    return this.#call.peer;
  }

  get peerCommonName(): string | undefined {
    return this.#call.peerCommonName;
  }

  get writable(): boolean {
    return !this.#isOver && this.#call.writable;
  }

  header(name: string): string | undefined {
    return this.#call.header(name);
  }

  send(message: Uint8Array): void {
    if (this.#mayGoOn()) this.#call.send(message);
  }

  offer(head: Uint8Array, headLength: number, body: Uint8Array): boolean {
    return this.#mayGoOn() && this.#call.offer(head, headLength, body);
  }

  end(code: GrpcCode, message: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#call.end(code, message);
  }

  pauseRequests(paused: boolean): void {
    if (!this.#isOver) this.#call.pauseRequests(paused);
  }

  #mayGoOn(): boolean {
    if (this.#isOver) return false;
    const refused = this.#judgement.again();
    if (refused === undefined) return true;
    this.#stop(refused);
    return false;
  }

  /** Ends both sides; the method hears of it as if the client had left. */
  #stop({ code, text }: Refusal): void {
    this.#isOver = true;
    this.#call.end(code, text);
    this.#handler?.cancelled();
  }
}

/** What stands for a method that has no policy. */
function refusal(method: Method): Method {
  const { code, message } = new EtcdError("permissionDenied");
  if (method.kind === "unary")
    return { kind: "unary", handle: (_, call) => call.fail(code, message) };
  return {
    kind: "stream",
    open: (call) => {
      call.end(code, message);
      return CLOSED;
    },
  };
}

const CLOSED: StreamHandler = {
  message: () => undefined,
  halfClosed: () => undefined,
  cancelled: () => undefined,
  drained: () => undefined,
};
