import type { SeededRandom } from "../support/random.ts";
import type { ServerKind } from "../support/servers.ts";
import type { Message } from "../support/wire-codec.ts";
import type { RandomCall } from "./random-requests.ts";

const LEASES = [1, 2, 3, 77];
/** Never so short that a lease ends while the calls last. */
const TTLS = [20_000, 50_000, 9_000_000_000, 9_000_000_001];
/** No `root` among them: nobody can enable auth then, which would end the conversation. */
const USERS = ["ann", "bob", "cat"];
const ROLES = ["r1", "r2", "r3"];
const NOBODY = 5;
const NOSPACE = 1;
const CORRUPT = 2;
/** So many calls are made while an alarm stands. */
const ALARMED_CALLS = 8;

/**
 * Makes calls of leases, users, roles, alarms, members and maintenance. While an alarm stands it
 * makes no txn: etcd 3.5 does not see a put in a nested one (V18).
 */
export class RandomAdmin {
  readonly #random: SeededRandom;
  readonly #peer: ServerKind;
  #alarm = 0;
  #alarmedCalls = 0;

  constructor(random: SeededRandom, peer: ServerKind) {
    this.#random = random;
    this.#peer = peer;
  }

  /** What has to be called now, whatever was meant: an alarm stands only for a while. */
  due(): RandomCall | undefined {
    if (this.#alarm === 0 || this.#alarmedCalls++ < ALARMED_CALLS) return undefined;
    const request = { action: 2, memberID: NOBODY, alarm: this.#alarm };
    this.#alarm = 0;
    return { method: "Alarm", request };
  }

  allows(call: RandomCall): boolean {
    return this.#alarm === 0 || call.method !== "Txn";
  }

  next(): RandomCall {
    const kind = this.#random.below(100);
    if (kind < 45) return this.#lease();
    if (kind < 85) return this.#auth();
    if (kind < 93) return this.#alarms();
    return this.#member();
  }

  #lease(): RandomCall {
    const random = this.#random;
    const ID = random.pick(LEASES);
    const kind = random.below(100);
    if (kind < 40) return { method: "LeaseGrant", request: { ID, TTL: random.pick(TTLS) } };
    if (kind < 60) return { method: "LeaseRevoke", request: { ID } };
    if (kind < 90) return { method: "LeaseTimeToLive", request: { ID, keys: random.chance(0.7) } };
    return { method: "LeaseLeases", request: {} };
  }

  #auth(): RandomCall {
    const random = this.#random;
    const name = random.pick(USERS);
    const role = random.pick(ROLES);
    const calls: RandomCall[] = [
      { method: "UserAdd", request: { name, options: { no_password: true } } },
      { method: "UserAdd", request: { options: { no_password: true } } },
      { method: "UserGet", request: { name } },
      { method: "UserList", request: {} },
      { method: "UserDelete", request: { name } },
      { method: "UserGrantRole", request: { user: name, role } },
      { method: "UserGrantRole", request: { user: name, role } },
      { method: "UserRevokeRole", request: { name, role } },
      { method: "RoleAdd", request: { name: role } },
      { method: "RoleAdd", request: { name: role } },
      { method: "RoleGet", request: { role } },
      { method: "RoleGet", request: { role } },
      { method: "RoleList", request: {} },
      { method: "RoleDelete", request: { role } },
      { method: "RoleGrantPermission", request: { name: role, perm: this.#permission() } },
      { method: "RoleGrantPermission", request: { name: role, perm: this.#permission() } },
      { method: "RoleRevokePermission", request: { role, ...this.#range() } },
      { method: "AuthEnable", request: {} },
      { method: "Authenticate", request: { name, password: "x" } },
    ];
    if (this.#peer !== "etcd-3.4") calls.push({ method: "AuthStatus", request: {} });
    return random.pick(calls);
  }

  #permission(): Message {
    return { permType: this.#random.below(3), ...this.#range() };
  }

  /** One range for each key: etcd finds a permission by its key alone, and may keep it twice. */
  #range(): Message {
    return this.#random.pick([
      { key: Buffer.from("a") },
      { key: Buffer.from("b"), range_end: Buffer.from("z") },
      { key: Buffer.from("c"), range_end: Buffer.from("\0") },
    ]);
  }

  #alarms(): RandomCall {
    const alarm = this.#random.pick([NOSPACE, CORRUPT]);
    if (this.#random.chance(0.5) || this.#alarm !== 0)
      return { method: "Alarm", request: { alarm } };
    this.#alarm = alarm;
    this.#alarmedCalls = 0;
    return { method: "Alarm", request: { action: 1, memberID: NOBODY, alarm } };
  }

  /** Only what fails: what succeeds names members whose ids and ports are each server's own. */
  #member(): RandomCall {
    const peerURLs = [this.#random.pick(["http://127.0.0.1:1", "http://127.0.0.1", "x", ""])];
    return this.#random.pick<RandomCall>([
      { method: "MemberAdd", request: { peerURLs: ["nonsense"] } },
      { method: "MemberAdd", request: {} },
      { method: "MemberRemove", request: { ID: NOBODY } },
      { method: "MemberUpdate", request: { ID: NOBODY, peerURLs } },
      { method: "MemberPromote", request: { ID: NOBODY } },
      { method: "MoveLeader", request: { targetID: NOBODY } },
      { method: "HealthCheck", request: {} },
      { method: "HealthCheck", request: { service: "x" } },
      { method: "Defragment", request: {} },
    ]);
  }
}

/** Takes out of an answer what differs by time, by chance or by a listed fact. */
export function comparable(method: string, message: Message): Message {
  switch (method) {
    case "Alarm":
      // 3.4 has no header here (V12).
      return { alarms: message["alarms"] ?? [] };
    case "LeaseTimeToLive": {
      const keys = (message["keys"] as Uint8Array[] | undefined) ?? [];
      const sorted = keys.toSorted((left, right) => Buffer.compare(left, right));
      const { TTL, ...rest } = message;
      return { ...rest, TTL: Number(TTL ?? 0) < 0 ? -1 : 1, keys: sorted };
    }
    case "LeaseLeases": {
      const leases = (message["leases"] as Message[] | undefined) ?? [];
      return { ...message, leases: leases.toSorted((a, b) => Number(a["ID"]) - Number(b["ID"])) };
    }
    default:
      return message;
  }
}
