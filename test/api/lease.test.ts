import { describe, expect, test } from "vitest";
import { decode, DESCRIPTORS } from "../../src/api/proto/codec.ts";
import type { LeaseKeepAliveResponse } from "../../src/api/proto/messages-key-value.ts";
import { type FakeStreamCall, openStream } from "./fake-calls.ts";
import { latin1, TestServices, toBytes } from "./test-services.ts";

const LEASE = "/etcdserverpb.Lease";
const KEEP_ALIVE = `${LEASE}/LeaseKeepAlive`;

class Client {
  readonly services = new TestServices();

  grant(ID: bigint, TTL: number): string {
    const { LeaseGrantRequest: request, LeaseGrantResponse: response } = DESCRIPTORS;
    const answer = this.services.call(`${LEASE}/LeaseGrant`, { request, response }, { ID, TTL });
    if (typeof answer !== "object") return String(answer);
    expect(answer.error).toBe("");
    return `${answer.ID} for ${answer.TTL} @${answer.header?.revision}`;
  }

  revoke(ID: bigint): string {
    const { LeaseRevokeRequest: request, LeaseRevokeResponse: response } = DESCRIPTORS;
    const answer = this.services.call(`${LEASE}/LeaseRevoke`, { request, response }, { ID });
    return typeof answer === "object" ? `@${answer.header?.revision}` : String(answer);
  }

  timeToLive(ID: bigint, keys = false): string {
    const { LeaseTimeToLiveRequest: request, LeaseTimeToLiveResponse: response } = DESCRIPTORS;
    const path = `${LEASE}/LeaseTimeToLive`;
    const answer = this.services.call(path, { request, response }, { ID, keys });
    if (typeof answer !== "object") return String(answer);
    const names = answer.keys.map((key) => Buffer.from(key).toString("latin1")).sort();
    return `${answer.ID}: ${answer.TTL} of ${answer.grantedTTL} ${names.join()}`;
  }

  leases(): readonly bigint[] | string | undefined {
    const { LeaseLeasesRequest: request, LeaseLeasesResponse: response } = DESCRIPTORS;
    const answer = this.services.call(`${LEASE}/LeaseLeases`, { request, response }, {});
    return typeof answer === "object" ? answer.leases.map((lease) => lease.ID) : answer;
  }

  put(key: string, lease: bigint): string {
    const { PutRequest: request, PutResponse: response } = DESCRIPTORS;
    const put = { key: latin1(key), value: latin1("v"), lease };
    const answer = this.services.call("/etcdserverpb.KV/Put", { request, response }, put);
    return typeof answer === "object" ? "ok" : String(answer);
  }

  keepAlive(): KeepAlive {
    return new KeepAlive(this.services);
  }
}

class KeepAlive {
  readonly call: FakeStreamCall;
  readonly #handler;

  constructor(services: TestServices) {
    const { call, handler } = openStream(services.methods, KEEP_ALIVE);
    this.call = call;
    this.#handler = handler;
  }

  ask(...ids: readonly bigint[]): void {
    for (const ID of ids) {
      this.#handler.message(toBytes(DESCRIPTORS.LeaseKeepAliveRequest, { ID }));
    }
  }

  raw(bytes: Uint8Array): void {
    this.#handler.message(bytes);
  }

  halfClose(): void {
    this.#handler.halfClosed();
  }

  leave(): void {
    this.#handler.cancelled();
  }

  get answers(): readonly string[] {
    return this.call.sent.map((bytes) => {
      const answer: LeaseKeepAliveResponse = decode(DESCRIPTORS.LeaseKeepAliveResponse, bytes);
      expect(answer.header?.clusterId).toBe(0xcdf818194e3a8c32n);
      return `${answer.ID}: ${answer.TTL}`;
    });
  }
}

describe("LeaseGrant", () => {
  test("takes any id but 0, which picks one (L1)", () => {
    const client = new Client();
    expect(client.grant(5n, 60)).toBe("5 for 60 @1");
    expect(client.grant(-(2n ** 63n), 60)).toBe("-9223372036854775808 for 60 @1");
    expect(client.grant(0n, 60)).toBe("30064771079 for 60 @1");
    expect(client.grant(5n, 60)).toBe("9: etcdserver: lease already exists");
  });

  test.each([
    [0, 2],
    [-7, 2],
    [1, 2],
    [2, 2],
    [3, 3],
    [9_000_000_000, 9_000_000_000],
  ])("makes of a TTL of %s one of %s (L2)", (asked, granted) => {
    expect(new Client().grant(1n, asked)).toBe(`1 for ${granted} @1`);
  });

  test("refuses a TTL above the longest (L2, E23)", () => {
    const refusal = "11: etcdserver: too large lease TTL";
    expect(new Client().grant(1n, 9_000_000_001)).toBe(refusal);
    expect(new Client().grant(1n, Number.MAX_SAFE_INTEGER)).toBe(refusal);
  });

  test("is refused while the store is full or corrupt; the latter refuses revokes too (L16)", () => {
    const client = new Client();
    client.grant(1n, 60);
    const { replica } = client.services;
    const alarm = { kind: "alarm", memberId: 1n, alarm: "nospace" } as const;
    replica.propose({ ...alarm, action: "activate" }, () => undefined);
    expect(client.grant(2n, 60)).toBe("8: etcdserver: mvcc: database space exceeded");
    expect(client.revoke(1n)).toBe("@1");
    replica.propose({ ...alarm, alarm: "corrupt", action: "activate" }, () => undefined);
    expect(client.grant(2n, 60)).toBe("15: etcdserver: corrupt cluster");
    expect(client.revoke(2n)).toBe("15: etcdserver: corrupt cluster");
  });

  test("counts for the quota (M20)", () => {
    const client = new Client();
    client.services.replica.storedBytes = 9_950;
    expect(client.grant(1n, 60)).toBe("8: etcdserver: mvcc: database space exceeded");
  });
});

describe("LeaseRevoke", () => {
  test("takes the keys away in one revision, and makes none without keys (L3, L4)", () => {
    const client = new Client();
    client.grant(1n, 60);
    client.grant(2n, 60);
    for (const key of ["b", "c", "a"]) client.put(key, 1n);
    expect(client.revoke(1n)).toBe("@5");
    expect(client.services.replica.tested.store.keyCount).toBe(0);
    expect(client.revoke(2n)).toBe("@5");
  });

  test("of an unknown lease is refused (L4, E21)", () => {
    expect(new Client().revoke(7n)).toBe("5: etcdserver: requested lease not found");
  });
});

describe("a put", () => {
  test("needs its lease to exist (K21, E21)", () => {
    const client = new Client();
    expect(client.put("k", 1n)).toBe("5: etcdserver: requested lease not found");
    client.grant(1n, 60);
    expect(client.put("k", 1n)).toBe("ok");
    client.revoke(1n);
    expect(client.put("k", 1n)).toBe("5: etcdserver: requested lease not found");
  });
});

describe("LeaseTimeToLive and LeaseLeases", () => {
  test("tell what is left, what was granted, and the keys if asked (L10, L12)", () => {
    const client = new Client();
    client.grant(1n, 60);
    client.grant(-2n, 30);
    for (const key of ["a", "moved", "freed"]) client.put(key, 1n);
    client.put("moved", -2n);
    client.put("freed", 0n);
    client.services.timers.pass(500);
    expect(client.timeToLive(1n)).toBe("1: 59 of 60 ");
    expect(client.timeToLive(1n, true)).toBe("1: 59 of 60 a");
    expect(client.timeToLive(-2n, true)).toBe("-2: 29 of 30 moved");
    expect(client.leases()).toEqual([-2n, 1n]);
  });

  test("of an unknown lease is -1 and no error (L10)", () => {
    expect(new Client().timeToLive(7n, true)).toBe("7: -1 of 0 ");
  });

  test("answer once what they tell is durable", () => {
    const client = new Client();
    client.services.replica.holds = true;
    expect(client.grant(1n, 60)).toBe("undefined");
    expect(client.leases()).toBe(undefined);
  });
});

describe("LeaseKeepAlive", () => {
  test("answers each request in order; an unknown lease is TTL 0 (L7)", () => {
    const client = new Client();
    client.grant(1n, 60);
    client.grant(-2n, 30);
    const stream = client.keepAlive();
    stream.ask(1n, 7n, -2n, 1n);
    expect(stream.answers).toEqual(["1: 60", "7: 0", "-2: 30", "1: 60"]);
  });

  test("holds up the requests behind one that waits for a revoke (L7)", () => {
    const client = new Client();
    client.grant(1n, 2);
    client.grant(2n, 60);
    const { timers } = client.services;
    timers.pass(1999);
    timers.settle();
    timers.pass(1);
    const stream = client.keepAlive();
    stream.ask(2n, 1n, 2n);
    expect(stream.answers).toEqual(["2: 60"]);
    timers.settle();
    expect(stream.answers).toEqual(["2: 60", "1: 0", "2: 60"]);
  });

  test("ends well when the client closes its side, after all answers (L8)", () => {
    const client = new Client();
    const idle = client.keepAlive();
    idle.halfClose();
    expect(idle.call.ended?.code).toBe(0);
    client.grant(1n, 2);
    client.services.timers.pass(2000);
    const waiting = client.keepAlive();
    waiting.ask(1n);
    waiting.halfClose();
    expect(waiting.call.ended).toBe(undefined);
    client.services.timers.settle();
    expect(waiting.answers).toEqual(["1: 0"]);
    expect(waiting.call.ended?.code).toBe(0);
  });

  test("ends at a message that is none (E82)", () => {
    const stream = new Client().keepAlive();
    stream.raw(Uint8Array.of(8));
    expect(stream.call.ended?.code).toBe(13);
    stream.ask(1n);
    expect(stream.answers).toEqual([]);
  });

  test("says nothing more to a client that has left", () => {
    const client = new Client();
    client.grant(1n, 2);
    client.services.timers.pass(2000);
    const stream = client.keepAlive();
    stream.ask(1n);
    stream.leave();
    client.services.timers.settle();
    expect(stream.answers).toEqual([]);
  });

  test("reads no further while the client does not take the answers", () => {
    const client = new Client();
    client.grant(1n, 60);
    const stream = client.keepAlive();
    const paused: boolean[] = [];
    stream.call.pauseRequests = (isPaused): void => void paused.push(isPaused);
    stream.call.takesOne = true;
    stream.ask(1n);
    expect(paused).toEqual([true]);
  });
});
