import { beforeEach, describe, expect, test } from "vitest";
import type {
  HttpBodyReader,
  HttpExchange,
  Method,
  StreamCall,
  StreamHandler,
  UnaryCall,
} from "../../src/api/call.ts";
import { AccessControl } from "../../src/api/gateway/access-control.ts";
import { Gateway } from "../../src/api/gateway/gateway.ts";
import { decode, DESCRIPTORS } from "../../src/api/proto/codec.ts";
import { GrpcCode } from "../../src/base/errors.ts";
import { ManualTimers } from "../support/manual-timers.ts";

/** Calls between an exchange and a method that both do what the test says. */
class FakeExchange implements HttpExchange {
  readonly peer = "127.0.0.1:5";
  readonly isSecure = false;
  readonly method: string = "POST";
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  writable = true;
  /** What was done, in order. */
  readonly log: string[] = [];

  constructor(target: string, headers: Readonly<Record<string, string>> = {}) {
    this.target = target;
    this.headers = headers;
  }

  header(name: string): string | undefined {
    return this.headers[name];
  }

  start(status: number): void {
    this.log.push(`start ${status}`);
  }

  write(piece: string): void {
    this.log.push(piece);
  }

  finish(): void {
    this.log.push("finish");
  }

  pauseBody(paused: boolean): void {
    this.log.push(paused ? "pause" : "go on");
  }

  /** How many messages a turn has time for. */
  messagesPerTurn: number = Number.POSITIVE_INFINITY;
  #messages = 0;
  #turn: (() => void)[] = [];

  mayGoOn(): boolean {
    return ++this.#messages < this.messagesPerTurn;
  }

  nextTurn(run: () => void): void {
    this.#turn.push(run);
  }

  /** The client has its next turn. */
  takeTurn(): void {
    this.#messages = 0;
    for (const run of this.#turn.splice(0)) run();
  }
}

const KEEP_ALIVE = "/etcdserverpb.Lease/LeaseKeepAlive";
const RANGE = "/etcdserverpb.KV/Range";

let timers: ManualTimers;
let unary: UnaryCall | undefined;
let stream: StreamCall | undefined;
/** What the stream's handler heard. */
let heard: string[];
let pausesAtEach: boolean;

const handler: StreamHandler = {
  message: (bytes) => {
    heard.push(`ID ${decode(DESCRIPTORS.LeaseKeepAliveRequest, bytes).ID}`);
    if (pausesAtEach) stream?.pauseRequests(true);
  },
  halfClosed: () => heard.push("half-closed"),
  cancelled: () => heard.push("cancelled"),
  drained: () => heard.push("drained"),
};

function begin(exchange: FakeExchange): HttpBodyReader {
  const methods = new Map<string, Method>([
    [RANGE, { kind: "unary", handle: (_bytes, call) => void (unary = call) }],
    [
      KEEP_ALIVE,
      {
        kind: "stream",
        open: (call) => {
          stream = call;
          return handler;
        },
      },
    ],
  ]);
  const access = new AccessControl({ origins: ["*"], hosts: ["*"] });
  const gate = { isOpen: true };
  return new Gateway({ methods, access, gate, messageBytesMax: 1000, timers }).begin(exchange);
}

/** Lets what waits for the end of the turn happen. */
function turn(): void {
  timers.turn();
}

beforeEach(() => {
  timers = new ManualTimers();
  unary = undefined;
  stream = undefined;
  heard = [];
  pausesAtEach = false;
});

describe("a streaming call of the gateway", () => {
  test("gives requests one by one to a handler that pauses, and the end behind them", () => {
    pausesAtEach = true;
    const exchange = new FakeExchange("/v3/lease/keepalive");
    const reader = begin(exchange);
    reader.body(Buffer.from('{"ID":1}{"ID":2}{"I'));
    reader.body(Buffer.from('D":"3"}'));
    reader.ended();
    expect([heard, exchange.log]).toEqual([["ID 1"], ["pause"]]);
    expect(reader.heldBytes).toBe(1024);
    stream?.pauseRequests(false);
    // Not within the call that lets them go on.
    expect(heard).toEqual(["ID 1"]);
    turn();
    expect(heard).toEqual(["ID 1", "ID 2"]);
    stream?.pauseRequests(false);
    turn();
    expect(heard).toEqual(["ID 1", "ID 2", "ID 3"]);
    stream?.pauseRequests(false);
    turn();
    expect(heard).toEqual(["ID 1", "ID 2", "ID 3", "half-closed"]);
    expect(reader.heldBytes).toBe(0);
  });

  test("gives as many requests as a turn has time for, and the end behind them", () => {
    const exchange = new FakeExchange("/v3/lease/keepalive");
    exchange.messagesPerTurn = 2;
    const reader = begin(exchange);
    reader.body(Buffer.from('{"ID":1}{"ID":2}{"ID":3}{"I'));
    reader.body(Buffer.from('D":"4"}{"ID":5}'));
    reader.ended();
    expect([heard, exchange.log]).toEqual([["ID 1", "ID 2"], ["pause"]]);
    exchange.takeTurn();
    expect(heard).toEqual(["ID 1", "ID 2", "ID 3", "ID 4"]);
    exchange.takeTurn();
    expect(heard.slice(4)).toEqual(["ID 5", "half-closed"]);
    expect(exchange.log).toEqual(["pause", "pause", "go on"]);
    expect(reader.heldBytes).toBe(0);
  });

  test("that is paused while it waits for its turn waits for both", () => {
    const exchange = new FakeExchange("/v3/lease/keepalive");
    exchange.messagesPerTurn = 1;
    const reader = begin(exchange);
    reader.body(Buffer.from('{"ID":1}{"ID":2}'));
    stream?.pauseRequests(true);
    exchange.takeTurn();
    expect(heard).toEqual(["ID 1"]);
    stream?.pauseRequests(false);
    turn();
    expect(heard).toEqual(["ID 1", "ID 2"]);
  });

  test("whose client leaves while requests wait for their turn gives no more", () => {
    const exchange = new FakeExchange("/v3/lease/keepalive");
    exchange.messagesPerTurn = 1;
    const reader = begin(exchange);
    reader.body(Buffer.from('{"ID":1}{"ID":2}'));
    reader.cancelled();
    exchange.takeTurn();
    expect(heard).toEqual(["ID 1", "cancelled"]);
  });

  test("offers nothing while the client does not keep up, and tells when it does", () => {
    const exchange = new FakeExchange("/v3/lease/keepalive");
    const reader = begin(exchange);
    const head = Uint8Array.of(16, 5, 99);
    exchange.writable = false;
    expect([stream?.writable, stream?.offer(head, 2, Uint8Array.of())]).toEqual([false, false]);
    expect(exchange.log).toEqual([]);
    exchange.writable = true;
    reader.drained();
    expect(heard).toEqual(["drained"]);
    // The message is what stands before `headLength`, and the body.
    expect(stream?.offer(head, 2, Uint8Array.of(24, 7))).toBe(true);
    expect(exchange.log).toEqual(["start 200", '{"result":{"ID":"5","TTL":"7"}}\n']);
  });

  test("is void after its end", () => {
    const exchange = new FakeExchange("/v3/lease/keepalive");
    const reader = begin(exchange);
    stream?.end(GrpcCode.unavailable, "etcdserver: no leader");
    stream?.send(Uint8Array.of(16, 5));
    stream?.end(GrpcCode.ok, "");
    reader.body(Buffer.from('{"ID":1}'));
    reader.ended();
    reader.cancelled();
    expect(heard).toEqual([]);
    expect(exchange.log).toEqual(["start 503", expect.stringContaining('"code":14'), "finish"]);
  });

  test("that gets a request longer than any is ended, and its handler told", () => {
    const exchange = new FakeExchange("/v3/lease/keepalive");
    const reader = begin(exchange);
    reader.body(Buffer.from('{"ID":1}'));
    for (let i = 0; i < 5; i++) reader.body(Buffer.from(`{"ID":"${" ".repeat(900)}`));
    expect(heard).toEqual(["ID 1", "cancelled"]);
    expect(exchange.log).toEqual(["start 429", expect.stringContaining('"code":8'), "finish"]);
  });
});

describe("a unary call of the gateway", () => {
  const asked = Buffer.from('{"key":"YQ=="} and more');

  test("begins with its first value, once", () => {
    const exchange = new FakeExchange("/v3/kv/range");
    const reader = begin(exchange);
    reader.body(asked);
    const first = unary;
    reader.body(asked);
    reader.ended();
    expect(unary).toBe(first);
    unary?.reply(Uint8Array.of(32, 1));
    unary?.fail(GrpcCode.internal, "late");
    expect(exchange.log).toEqual(["start 200", '{"count":"1"}', "finish"]);
  });

  test("whose client leaves is told of, and answered no more", () => {
    const exchange = new FakeExchange("/v3/kv/range");
    const reader = begin(exchange);
    reader.body(asked);
    let fired = 0;
    unary?.whenCancelled?.(() => fired++);
    reader.cancelled();
    reader.cancelled();
    unary?.reply(Uint8Array.of());
    expect([fired, exchange.log]).toEqual([1, []]);
    unary?.whenCancelled?.(() => fired++);
    expect(fired).toBe(2);
  });

  test("ends with its deadline, and leaves no timer behind when it ends before (G9)", () => {
    const exchange = new FakeExchange("/v3/kv/range", { "grpc-timeout": "2S" });
    let fired = 0;
    begin(exchange).body(asked);
    unary?.whenCancelled?.(() => fired++);
    timers.pass(1999);
    expect(exchange.log).toEqual([]);
    timers.pass(1);
    expect(exchange.log[0]).toBe("start 504");
    expect(fired).toBe(1);
    begin(new FakeExchange("/v3/kv/range", { "grpc-timeout": "2S" })).body(asked);
    unary?.reply(Uint8Array.of());
    expect(timers.pending).toBe(0);
  });

  test("sees the request's headers as metadata (G9)", () => {
    const headers = {
      authorization: "Bearer abc",
      "grpc-metadata-hasleader": "true",
      "vedette-watch": "state",
      cookie: "secret",
    };
    begin(new FakeExchange("/v3/kv/range", headers)).body(asked);
    const names = ["authorization", "hasleader", "vedette-watch", "cookie", "token"];
    expect(names.map((name) => unary?.header(name))).toEqual([
      "abc",
      "true",
      "state",
      undefined,
      undefined,
    ]);
    expect(unary).not.toHaveProperty("peerCommonName", expect.anything());
  });

  test("of a method that is not there is unimplemented (E81)", () => {
    const exchange = new FakeExchange("/v3/auth/enable");
    begin(exchange).body(asked);
    expect(exchange.log[0]).toBe("start 501");
    const text = "unknown method AuthEnable for service etcdserverpb.Auth";
    expect(exchange.log[1]).toBe(JSON.stringify({ code: 12, message: text, error: text }));
  });
});
