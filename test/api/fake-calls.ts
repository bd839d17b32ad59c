import type {
  Method,
  MethodTable,
  StreamCall,
  StreamHandler,
  UnaryCall,
} from "../../src/api/call.ts";
import type { GrpcCode } from "../../src/base/errors.ts";

export interface Answer {
  readonly message: Uint8Array | undefined;
  readonly code: GrpcCode;
  readonly text: string;
}

/** A unary call that remembers its answer, and takes only one. */
export class FakeUnaryCall implements UnaryCall {
  readonly peer = "test";
  answer: Answer | undefined;

  header(): undefined {
    return undefined;
  }

  reply(message: Uint8Array): void {
    this.#take({ message: message.slice(), code: 0, text: "" });
  }

  fail(code: GrpcCode, text: string): void {
    this.#take({ message: undefined, code, text });
  }

  #take(answer: Answer): void {
    if (this.answer !== undefined) throw new Error("a call is answered once");
    this.answer = answer;
  }
}

/** A streaming call that remembers what was sent, and says that it is full when told to. */
export class FakeStreamCall implements StreamCall {
  readonly peer = "test";
  readonly sent: Uint8Array[] = [];
  writable = true;
  /** The client takes one message at a time: full after each. */
  takesOne = false;
  ended: { readonly code: GrpcCode; readonly text: string } | undefined;

  header(): undefined {
    return undefined;
  }

  send(message: Uint8Array): void {
    if (this.ended !== undefined) throw new Error("nothing is sent after the end");
    this.sent.push(message.slice());
    if (this.takesOne) this.writable = false;
  }

  offer(): boolean {
    throw new Error("not asked for here");
  }

  end(code: GrpcCode, text: string): void {
    if (this.ended !== undefined) throw new Error("a call ends once");
    this.ended = { code, text };
  }

  pauseRequests(_paused: boolean): void {}
}

/** Calls a unary method of a table; the answer is there at once, or it is not yet answered. */
export function callUnary(
  methods: MethodTable,
  path: string,
  request: Uint8Array,
): Answer | undefined {
  const call = new FakeUnaryCall();
  const method = methods.get(path);
  if (method?.kind !== "unary") throw new Error(`no unary method ${path}`);
  method.handle(request, call);
  return call.answer;
}

/** Opens a streaming method of a table. */
export function openStream(
  methods: MethodTable,
  path: string,
): { readonly call: FakeStreamCall; readonly handler: StreamHandler } {
  const method: Method | undefined = methods.get(path);
  if (method?.kind !== "stream") throw new Error(`no streaming method ${path}`);
  const call = new FakeStreamCall();
  return { call, handler: method.open(call) };
}
