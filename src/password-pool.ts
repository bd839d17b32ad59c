import { Worker } from "node:worker_threads";
import type { HashResult, PasswordHasher } from "./api/auth/auth-service.ts";

export type PasswordTask =
  | { readonly kind: "hash"; readonly password: string; readonly cost: number }
  | { readonly kind: "match"; readonly password: string; readonly hash: string };

export type PasswordAnswer =
  | { readonly kind: "hash"; readonly hash: string }
  | { readonly kind: "match"; readonly isMatch: boolean }
  | { readonly kind: "failure"; readonly reason: string };

export interface PasswordPoolOptions {
  /** The compiled worker. */
  readonly worker: URL;
  readonly threads: number;
  /** --bcrypt-cost: each step doubles the time. */
  readonly cost: number;
}

interface Job {
  readonly task: PasswordTask;
  readonly done: (answer: PasswordAnswer) => void;
}

/** At 50 ms each, more could not be answered within etcd's request timeout of 7 s. */
const JOBS_WAITING_MAX = 128;
/** A hash that no password has: 53 characters where salt and digest stand. */
const NO_HASH_TAIL: string = ".".repeat(53);

/**
 * Hashes passwords in threads of their own: neither the event loop nor the threads that sync the
 * disk wait for it. Threads are started when they are first needed, and do not keep the process.
 */
export class PasswordPool implements PasswordHasher {
  readonly #options: PasswordPoolOptions;
  /** Takes as long as any hash of this cost, and is nobody's. */
  readonly #decoy: string;
  readonly #waiting: Job[] = [];
  readonly #idle: Worker[] = [];
  readonly #workers = new Map<Worker, Job | undefined>();
  #isClosed = false;

  constructor(options: PasswordPoolOptions) {
    this.#options = options;
    this.#decoy = `$2b$${String(options.cost).padStart(2, "0")}$${NO_HASH_TAIL}`;
  }

  hash(password: string, done: (result: HashResult) => void): boolean {
    return this.#start({ kind: "hash", password, cost: this.#options.cost }, (answer) => {
      if (answer.kind === "hash") done({ hash: answer.hash });
      else done({ refusal: answer.kind === "failure" ? answer.reason : "bcrypt: no hash" });
    });
  }

  matches(password: string, hash: string | undefined, done: (isSo: boolean) => void): boolean {
    return this.#start({ kind: "match", password, hash: hash ?? this.#decoy }, (answer) => {
      done(hash !== undefined && answer.kind === "match" && answer.isMatch);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#waiting.length = 0;
    await Promise.all([...this.#workers.keys()].map((worker) => worker.terminate()));
  }

  #start(task: PasswordTask, done: (answer: PasswordAnswer) => void): boolean {
    if (this.#isClosed || this.#waiting.length >= JOBS_WAITING_MAX) return false;
    this.#waiting.push({ task, done });
    if (this.#idle.length === 0 && this.#workers.size < this.#options.threads) this.#spawn();
    this.#next();
    return true;
  }

  #next(): void {
    while (this.#waiting.length > 0) {
      const worker = this.#idle.pop();
      if (worker === undefined) return;
      const job = this.#waiting.shift();
      this.#workers.set(worker, job);
      worker.postMessage(job?.task);
    }
  }

  #spawn(): void {
    const worker = new Worker(this.#options.worker);
    worker.unref();
    this.#workers.set(worker, undefined);
    this.#idle.push(worker);
    worker.on("message", (answer: PasswordAnswer) => {
      const job = this.#workers.get(worker);
      this.#workers.set(worker, undefined);
      this.#idle.push(worker);
      job?.done(answer);
      this.#next();
    });
    worker.on("error", (error: Error) => this.#lost(worker, error.message));
    worker.on("exit", () => this.#lost(worker, "bcrypt: the thread has ended"));
  }

  /** A thread is gone: what it was doing has failed, and another one does the rest. */
  #lost(worker: Worker, reason: string): void {
    const job = this.#workers.get(worker);
    if (!this.#workers.delete(worker)) return;
    const seat = this.#idle.indexOf(worker);
    if (seat >= 0) this.#idle.splice(seat, 1);
    job?.done({ kind: "failure", reason });
    if (this.#isClosed || this.#waiting.length === 0) return;
    this.#spawn();
    this.#next();
  }
}
