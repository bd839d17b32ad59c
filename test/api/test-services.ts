import type { MethodTable } from "../../src/api/call.ts";
import { Histogram } from "../../src/api/histogram.ts";
import { LEASE_TTL_BUCKETS } from "../../src/api/lease.ts";
import type { MemberIdentity } from "../../src/api/member.ts";
import { decode, type Descriptor, type Draft, encode } from "../../src/api/proto/codec.ts";
import { methodTable } from "../../src/api/services.ts";
import { WireWriter } from "../../src/base/wire.ts";
import { LeaseRunner } from "../../src/replica/lease-runner.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { callUnary } from "./fake-calls.ts";
import { ImmediateReplica } from "./immediate-replica.ts";
import { testAuth } from "./auth/test-auth.ts";
import { TestWatchers } from "./test-watchers.ts";

export const MEMBER: MemberIdentity = {
  clusterId: 0xcdf818194e3a8c32n,
  memberId: 0x8e9e05c52164694dn,
  name: "default",
  clientUrls: ["http://localhost:2379"],
  raftTerm: 2n,
};

export const REQUEST_BYTES_MAX = 4096;

export const QUOTA_BYTES = 10_000;

/** All services over an empty store. */
export class TestServices {
  readonly replica: ImmediateReplica = new ImmediateReplica();
  readonly watchers: TestWatchers = new TestWatchers(this.replica);
  readonly timers: ManualTimers = new ManualTimers();
  readonly leases: LeaseRunner = new LeaseRunner({
    book: this.replica.tested.leases,
    replica: this.replica,
    timers: this.timers,
    clock: { monotonicMs: () => this.timers.nowMs, wallMs: () => 0 },
    electionTimeoutMs: 1000,
  });
  readonly methods: MethodTable = methodTable({
    replica: this.replica,
    member: MEMBER,
    maxRequestBytes: REQUEST_BYTES_MAX,
    maxTxnOps: 128,
    quotaBytes: QUOTA_BYTES,
    newMemberId: () => 77n,
    watch: { kind: "unary", handle: () => {} },
    watchers: this.watchers.directory,
    recipes: { hub: this.watchers.hub, timers: this.timers },
    lease: {
      runner: this.leases,
      random: { u32: () => 7 },
      ttlSecondsMin: 2,
      ttls: new Histogram(LEASE_TTL_BUCKETS),
    },
    auth: testAuth(this.replica.tested),
  });

  /** The response, or "code: text" when the call failed, or undefined when there is no answer yet. */
  call<Request, Response>(
    path: string,
    types: { readonly request: Descriptor<Request>; readonly response: Descriptor<Response> },
    request: Draft<Request>,
  ): Response | string | undefined {
    const answer = callUnary(this.methods, path, toBytes(types.request, request));
    if (answer === undefined) return undefined;
    if (answer.message === undefined) return `${answer.code}: ${answer.text}`;
    return decode(types.response, answer.message);
  }
}

export function toBytes<Message>(
  descriptor: Descriptor<Message>,
  message: Draft<Message>,
): Uint8Array {
  const writer = new WireWriter();
  encode(descriptor, message, writer);
  return writer.bytes().slice();
}

export function latin1(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "latin1"));
}
