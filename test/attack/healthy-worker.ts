import { parentPort, workerData } from "node:worker_threads";
import { FastConnection, type FastStream } from "../support/fast-client.ts";
import { methodFact } from "../support/rpc-client.ts";
import { decodeMessage, encodeMessage, type Message } from "../support/wire-codec.ts";

/** What the healthy client saw since it was asked the last time. */
export interface HealthySamples {
  /** From when a call was due to its answer, or to its event; milliseconds. */
  readonly latenciesMs: readonly number[];
  readonly failures: readonly string[];
}

const TICK_MS = 10;
const KEY: Buffer = Buffer.from("healthy");

/**
 * A client that behaves, on a thread and a connection of its own: puts and gets in turn at a fixed
 * rate, each sent when its time has come whatever became of those before, and a watch that has to
 * bring every put.
 */
class HealthyClient {
  readonly #connection: FastConnection;
  readonly #sentMs: number[] = [];
  #latenciesMs: number[] = [];
  #failures: string[] = [];
  #ticks = 0;
  readonly #beginMs: number = performance.now();

  constructor(connection: FastConnection) {
    this.#connection = connection;
    const watch: FastStream = connection.stream("/etcdserverpb.Watch/Watch", {
      message: (bytes) => this.#hear(decodeMessage("WatchResponse", bytes)),
      ended: ({ code, text }) => this.#failures.push(`watch ended: ${code} ${text}`),
    });
    watch.send(encodeMessage("WatchRequest", { create_request: { key: KEY } }));
    this.#tick();
  }

  take(): HealthySamples {
    const samples = { latenciesMs: this.#latenciesMs, failures: this.#failures };
    this.#latenciesMs = [];
    this.#failures = [];
    return samples;
  }

  /** Sends what is due: after a late tick more than one call. */
  #tick(): void {
    const due = Math.floor((performance.now() - this.#beginMs) / TICK_MS);
    for (; this.#ticks < due; this.#ticks++) {
      const dueMs = this.#beginMs + (this.#ticks + 1) * TICK_MS;
      if (this.#ticks % 2 === 1) {
        this.#call("Range", { key: KEY }, dueMs);
        continue;
      }
      const value = Buffer.from(String(this.#sentMs.length));
      this.#sentMs.push(dueMs);
      this.#call("Put", { key: KEY, value }, dueMs);
    }
    const nextMs = this.#beginMs + (this.#ticks + 1) * TICK_MS;
    setTimeout(() => this.#tick(), Math.max(0, nextMs - performance.now()));
  }

  #call(name: string, message: Message, dueMs: number): void {
    const { path, request } = methodFact(name);
    this.#connection.unary(path, encodeMessage(request, message), (_, { code, text }) => {
      if (code === 0) this.#latenciesMs.push(performance.now() - dueMs);
      else this.#failures.push(`${name}: ${code} ${text}`);
    });
  }

  #hear(response: Message): void {
    for (const event of (response["events"] ?? []) as Message[]) {
      const { value } = event["kv"] as { value: Uint8Array };
      const sentMs = this.#sentMs[Number(Buffer.from(value).toString())];
      if (sentMs !== undefined) this.#latenciesMs.push(performance.now() - sentMs);
    }
  }
}

const { port, token } = workerData as { readonly port: number; readonly token?: string };
const connection = await FastConnection.open(port);
connection.token = token;
const healthy = new HealthyClient(connection);
parentPort?.on("message", () => parentPort?.postMessage(healthy.take()));
