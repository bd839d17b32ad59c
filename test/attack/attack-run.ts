import { Worker } from "node:worker_threads";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { RpcClient } from "../support/rpc-client.ts";
import { cpuSeconds, residentBytes, TestServer } from "../support/servers.ts";
import type { Attack, AttackSizes, AttackWorld, Outcome } from "./attack.ts";
import { FRAME_ATTACKS } from "./frame-attacks.ts";
import type { HealthySamples } from "./healthy-worker.ts";
import type { LoopDelay } from "./loop-probe.ts";
import { OUTSIDE_ATTACKS, SERVER_FLAGS } from "./outside-attacks.ts";
import { REQUEST_ATTACKS } from "./request-attacks.ts";
import { NO_ATTACK, SLOW_ATTACKS } from "./slow-attacks.ts";

/** All attacks in the order of their rows: auth is on from the last but one. */
export const ATTACKS: readonly Attack[] = [
  NO_ATTACK,
  ...FRAME_ATTACKS.filter(({ row }) => row !== "7"),
  ...SLOW_ATTACKS,
  ...FRAME_ATTACKS.filter(({ row }) => row === "7"),
  ...REQUEST_ATTACKS,
  ...OUTSIDE_ATTACKS,
];

const SAMPLE_MS = 50;
/** An attack is not run more often than this to fill its time. */
const RUNS_MAX = 500;

/** Compiled next to this module; what is measured has it in its server. */
export const LOOP_PROBE: string = join(import.meta.dirname, "loop-probe.js");

/** A server of its own, with what the attacks need of it. */
export async function openWorld(sizes: AttackSizes, preload?: string): Promise<AttackWorld> {
  const folder = mkdtempSync(join(tmpdir(), "vedette-attack-"));
  const logFile = join(folder, "log");
  const flags = [...SERVER_FLAGS, "--log-outputs", `stderr,${logFile}`];
  const server = await TestServer.start("vedette", {
    flags,
    ...(preload !== undefined && { preload }),
  });
  return { server, rpc: new RpcClient(server.endpoint), sizes, logFile };
}

export async function closeWorld(world: AttackWorld): Promise<void> {
  world.rpc.close();
  await world.server.dispose();
  rmSync(join(world.logFile, ".."), { recursive: true, force: true });
}

/** What an attack threw is a wrong outcome, too: something that had to come did not. */
export async function runAttack(attack: Attack, world: AttackWorld): Promise<Outcome> {
  try {
    return await attack.run(world);
  } catch (error) {
    const did = error instanceof Error ? error.message : String(error);
    return { sent: attack.name, did, isRequired: false };
  }
}

/** Whether the server still does what it is there for. */
export async function isServing({ rpc }: AttackWorld): Promise<boolean> {
  const key = Buffer.from("alive");
  const put = await rpc.call("Put", { key, value: key });
  const read = await rpc.call("Range", { key });
  return put.code === 0 && read.code === 0;
}

export interface MeasuredOutcome extends Outcome {
  readonly row: string;
  readonly runs: number;
  /** Of the healthy client, milliseconds. */
  readonly p99BeforeMs: number;
  readonly p99DuringMs: number;
  /** Of the server, which needs LOOP_PROBE for that. */
  readonly loop: LoopDelay;
  /** Cores that were busy during the attack: the server's, and those of the whole machine. */
  readonly serverCores: number;
  readonly allCores: number;
  /** The most that the server's memory grew by during the attack. */
  readonly grownBytes: number;
}

/** Runs one attack, again and again for the time given, while the healthy client is measured. */
export async function measureAttack(
  attack: Attack,
  world: AttackWorld,
  seconds: number,
): Promise<MeasuredOutcome> {
  await attack.prepare?.(world);
  const healthy = await HealthyThread.start(world);
  // The thread's first calls are its own warming up.
  await pause(500);
  await healthy.take();
  await pause(seconds * 1000);
  const before = await healthy.take();
  const memory = new MemoryWatch(world.server.pid);
  await world.server.ask("begin");
  const cores = new CoreWatch(world.server.pid);
  const from = performance.now();
  let runs = 0;
  let outcome: Outcome;
  do {
    outcome = await runAttack(attack, world);
    runs++;
  } while (
    outcome.isRequired &&
    attack.isRepeatable === true &&
    runs < RUNS_MAX &&
    performance.now() - from < seconds * 1000
  );
  const during = await healthy.take();
  const loop = (await world.server.ask("end")) as LoopDelay;
  const busy = cores.end();
  await healthy.stop();
  const failures = [...before.failures, ...during.failures];
  return {
    ...outcome,
    did: failures.length === 0 ? outcome.did : `${outcome.did}; healthy client: ${failures[0]}`,
    isRequired: outcome.isRequired && failures.length === 0,
    row: attack.row,
    runs,
    p99BeforeMs: p99(before),
    p99DuringMs: p99(during),
    loop,
    ...busy,
    grownBytes: memory.end(),
  };
}

function p99({ latenciesMs }: HealthySamples): number {
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

class MemoryWatch {
  readonly #before: number;
  readonly #timer: NodeJS.Timeout;
  #most: number;

  constructor(pid: number) {
    this.#before = residentBytes(pid);
    this.#most = this.#before;
    this.#timer = setInterval(() => {
      this.#most = Math.max(this.#most, residentBytes(pid));
    }, SAMPLE_MS);
  }

  end(): number {
    clearInterval(this.#timer);
    return this.#most - this.#before;
  }
}

class CoreWatch {
  readonly #pid: number;
  readonly #fromMs: number = performance.now();
  readonly #server: number;
  readonly #all: number = busySeconds();

  constructor(pid: number) {
    this.#pid = pid;
    this.#server = totalSeconds(pid);
  }

  end(): { readonly serverCores: number; readonly allCores: number } {
    const seconds = (performance.now() - this.#fromMs) / 1000;
    return {
      serverCores: (totalSeconds(this.#pid) - this.#server) / seconds,
      allCores: (busySeconds() - this.#all) / seconds,
    };
  }
}

function totalSeconds(pid: number): number {
  const { user, system } = cpuSeconds(pid);
  return user + system;
}

/** What all cores of the machine have worked so far. */
function busySeconds(): number {
  const times = cpus().map((core) => core.times);
  return times.reduce((sum, { user, nice, sys, irq }) => sum + user + nice + sys + irq, 0) / 1000;
}

class HealthyThread {
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  static async start({ server, rpc }: AttackWorld): Promise<HealthyThread> {
    const workerData = { port: server.port, token: rpc.token };
    const worker = new Worker(new URL("healthy-worker.js", import.meta.url), { workerData });
    const thread = new HealthyThread(worker);
    await thread.take();
    return thread;
  }

  take(): Promise<HealthySamples> {
    return new Promise((resolve, reject) => {
      this.#worker.once("error", reject);
      this.#worker.once("message", (samples: HealthySamples) => {
        this.#worker.off("error", reject);
        resolve(samples);
      });
      this.#worker.postMessage("take");
    });
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
