import { FastConnection } from "../support/fast-client.ts";
import { SeededRandom } from "../support/random.ts";
import { decodeMessage, encodeMessage, type Message } from "../support/wire-codec.ts";

/** Long enough that none ends by itself in a run. */
const TTL_SECONDS = 86_400;
const CALLERS = 2;
const REVOKE_CHANCE = 0.4;

/** What is known of a lease from what was asked and answered. */
type Fate = "asked for" | "granted" | "being revoked" | "revoked";

/**
 * Callers that grant leases and revoke some of them, one call at a time, until the connection
 * breaks. After a restart a lease that was granted has to be there, one that was revoked not; of
 * one whose call was not answered either is right.
 */
export class LeaseCallers {
  acknowledged = 0;
  readonly violations: string[] = [];
  readonly #random: SeededRandom;
  readonly #fates = new Map<number, Fate>();
  #connection: FastConnection | undefined;
  #lastId = 0;
  #isStopping = false;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed ^ 0x1ea5e);
  }

  /** Judges what is there, and goes on from it. */
  async connect(port: number): Promise<void> {
    this.#connection = await FastConnection.open(port);
    const { leases = [] } = await this.#call("LeaseLeases", {});
    const present = new Set((leases as Message[]).map((lease) => Number(lease["ID"])));
    for (const [id, fate] of this.#fates) {
      const isThere = present.delete(id);
      if (fate === "granted" && !isThere) this.violations.push(`lease ${id} is lost`);
      if (fate === "revoked" && isThere) this.violations.push(`lease ${id} is back`);
      if (isThere) this.#fates.set(id, "granted");
      else this.#fates.delete(id);
    }
    for (const id of present) this.violations.push(`lease ${id} was never asked for`);
    const last = [...this.#fates.keys()].at(-1);
    if (last === undefined) return;
    const time = await this.#call("LeaseTimeToLive", { ID: last });
    if (time["grantedTTL"] !== TTL_SECONDS) this.violations.push(`lease ${last} has another TTL`);
  }

  start(): void {
    this.#isStopping = false;
    for (let i = 0; i < CALLERS; i++) void this.#run();
  }

  /** The server is about to be killed. */
  expectLoss(): void {
    this.#isStopping = true;
  }

  close(): void {
    this.#connection?.close();
  }

  async #run(): Promise<void> {
    try {
      while (!this.#isStopping) await this.#next();
    } catch (error) {
      if (!this.#isStopping) this.violations.push(String(error));
    }
  }

  async #next(): Promise<void> {
    const id = ++this.#lastId;
    this.#fates.set(id, "asked for");
    await this.#call("LeaseGrant", { ID: id, TTL: TTL_SECONDS });
    this.#fates.set(id, "granted");
    this.acknowledged++;
    if (!this.#random.chance(REVOKE_CHANCE)) return;
    this.#fates.set(id, "being revoked");
    await this.#call("LeaseRevoke", { ID: id });
    this.#fates.set(id, "revoked");
    this.acknowledged++;
  }

  #call(method: string, request: Message): Promise<Message> {
    return new Promise((resolve, reject) => {
      const path = `/etcdserverpb.Lease/${method}`;
      const bytes = encodeMessage(`${method}Request`, request);
      this.#connection?.unary(path, bytes, (response, end) => {
        if (response === undefined) reject(new Error(`${method} failed: ${end.text}`));
        else resolve(decodeMessage(`${method}Response`, response));
      });
    });
  }
}
