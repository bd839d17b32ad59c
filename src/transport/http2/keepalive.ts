import { Deadline } from "../deadline-queue.ts";
import type { ConnectionContext } from "./connection-context.ts";

/**
 * Finds clients that are gone without a word: after a long silence they are pinged, and when a ping
 * brings no byte in time, the connection is given up (T3: 2 h and 20 s by default). Reading costs
 * only the note of when; the deadline looks at it when it comes.
 */
export class Keepalive {
  readonly #context: ConnectionContext;
  readonly #ping: () => void;
  readonly #giveUp: () => void;
  readonly #deadline: Deadline = new Deadline(() => this.#look());
  /** Undefined when no ping waits for an answer. */
  #pingedAtMs: number | undefined;
  lastReadMs: number;

  constructor(context: ConnectionContext, ping: () => void, giveUp: () => void) {
    this.#context = context;
    this.#ping = ping;
    this.#giveUp = giveUp;
    this.lastReadMs = context.clock.monotonicMs();
  }

  /** Without an interval or a time-out nobody is pinged, as in etcd. */
  start(): void {
    if (this.#context.keepaliveIntervalMs <= 0 || this.#context.keepaliveTimeoutMs <= 0) return;
    const atMs = this.lastReadMs + this.#context.keepaliveIntervalMs;
    this.#context.deadlines.set(this.#deadline, atMs);
  }

  stop(): void {
    this.#context.deadlines.clear(this.#deadline);
  }

  #look(): void {
    const nowMs = this.#context.clock.monotonicMs();
    // What was read before the ping is older by a whole interval; in its instant it is an answer.
    if (this.#pingedAtMs !== undefined && this.lastReadMs < this.#pingedAtMs) {
      this.#giveUp();
      return;
    }
    this.#pingedAtMs = undefined;
    if (nowMs - this.lastReadMs < this.#context.keepaliveIntervalMs) {
      this.start();
      return;
    }
    this.#pingedAtMs = nowMs;
    this.#context.deadlines.set(this.#deadline, nowMs + this.#context.keepaliveTimeoutMs);
    this.#ping();
  }
}
