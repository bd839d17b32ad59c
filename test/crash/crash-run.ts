import { SeededRandom } from "../support/random.ts";
import { type ServerKind, TestServer } from "../support/servers.ts";
import { CrashAudit } from "./crash-audit.ts";
import { CrashChecker, EventRecord } from "./crash-checker.ts";
import { LeaseCallers } from "./crash-leases.ts";
import { HistoryReader, Watchers } from "./crash-watchers.ts";
import { Writers } from "./crash-writers.ts";

export interface CrashOptions {
  readonly server: ServerKind;
  readonly seed: number;
  readonly kills: number;
  readonly writers: number;
  readonly watchers: number;
  readonly prefixes: number;
  readonly valueBytes: number;
  /** The chance of a compaction before each kill; its removal then runs into the kill. */
  readonly compactChance: number;
  /** With no kills: how many writes are made. */
  readonly puts: number;
  /** No kill begins later than this; the run ends with what it has. */
  readonly secondsMax: number;
}

export interface CrashReport {
  readonly server: ServerKind;
  readonly seed: number;
  readonly kills: number;
  readonly attempted: number;
  readonly acknowledged: number;
  /** Grants and revokes of leases. */
  readonly leases: number;
  readonly revisions: number;
  readonly compacted: number;
  readonly watchedEvents: number;
  /** Watch responses that were looked at in full. */
  readonly audited: number;
  readonly seconds: number;
  readonly restartMsMedian: number;
  readonly writesPerSecond: number;
  readonly violations: readonly string[];
}

/** A server is left alone for this long, at random, before it is killed. */
const UP_MS_MIN = 20;
const UP_MS_MAX = 600;
/** One restart of this many is itself killed before the server is ready. */
const KILL_WHILE_STARTING = 5;
const VIOLATIONS_MAX = 20;
/** Watchers that have not caught up by then never will. */
const LEVEL_TIMEOUT_MS = 60_000;

/**
 * Kills a real server on a real disk again and again while clients write and watch, and judges
 * after each restart what is there (`CrashChecker`).
 */
export async function runCrash(options: CrashOptions): Promise<CrashReport> {
  const run = new CrashRun(options);
  try {
    return await run.all();
  } finally {
    await run.close();
  }
}

class CrashRun {
  readonly #options: CrashOptions;
  readonly #random: SeededRandom;
  readonly #checker: CrashChecker;
  readonly #audit: CrashAudit;
  readonly #writers: Writers;
  readonly #leases: LeaseCallers;
  readonly #watchers: Watchers;
  readonly #restarts: number[] = [];
  #server: TestServer | undefined;
  #kills = 0;
  #writingMs = 0;

  constructor(options: CrashOptions) {
    const count = options.watchers;
    const prefixes = Array.from({ length: count }, (_, i) => `p${i % options.prefixes}/`);
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#checker = new CrashChecker(prefixes);
    this.#audit = new CrashAudit({
      valueBytes: options.valueBytes,
      isStrict: options.server === "vedette",
    });
    this.#writers = new Writers(this.#checker, options);
    this.#leases = new LeaseCallers(options.seed);
    this.#watchers = new Watchers(this.#checker, this.#audit, prefixes);
  }

  async all(): Promise<CrashReport> {
    const began = performance.now();
    const { kills, puts, writers, secondsMax } = this.#options;
    let server = await TestServer.start(this.#options.server);
    this.#server = server;
    await this.#attach(server);
    while (this.#kills < kills && performance.now() - began < secondsMax * 1000) {
      if (this.#random.chance(this.#options.compactChance)) await this.#compact(server);
      const from = performance.now();
      this.#writers.start();
      this.#leases.start();
      await pause(UP_MS_MIN + this.#random.next() * (UP_MS_MAX - UP_MS_MIN));
      await this.#kill(server);
      this.#writingMs += performance.now() - from;
      server = await this.#restart(server);
      await this.#attach(server);
    }
    const from = performance.now();
    await this.#writers.write(kills === 0 ? puts : writers * 4);
    this.#writingMs += performance.now() - from;
    await this.#read(server);
    await this.#watchers.untilLevel(LEVEL_TIMEOUT_MS);
    await this.#confirm(server);
    this.#checker.finish();
    const { historyRevision } = this.#checker;
    this.#audit.judge({ completeTo: historyRevision, resumedFrom: historyRevision });
    return this.#report(performance.now() - began);
  }

  async close(): Promise<void> {
    this.#writers.close();
    this.#leases.close();
    this.#watchers.close();
    await this.#server?.dispose();
  }

  /** Judges what the server has, and lets watchers and writers in. */
  async #attach(server: TestServer): Promise<void> {
    await this.#read(server);
    this.#audit.judge({ resumedFrom: this.#watchers.resumedFrom });
    await this.#watchers.connect(server.port);
    await this.#writers.connect(server.port);
    await this.#leases.connect(server.port);
  }

  async #kill(server: TestServer): Promise<void> {
    this.#writers.expectLoss();
    this.#leases.expectLoss();
    await server.kill();
    this.#kills++;
    await Promise.all([this.#writers.lost(), this.#watchers.lost()]);
  }

  /** Sometimes the server is killed once more, before it is ready. */
  async #restart(server: TestServer): Promise<TestServer> {
    const from = performance.now();
    if (this.#random.below(KILL_WHILE_STARTING) === 0 && this.#kills < this.#options.kills) {
      const early = await this.#respawn(server);
      await pause(this.#random.next() * 250);
      await early.kill();
      this.#kills++;
    }
    const next = await this.#respawn(server);
    await next.ready();
    this.#restarts.push(performance.now() - from);
    return next;
  }

  async #respawn(server: TestServer): Promise<TestServer> {
    const { dataDir, port } = server;
    this.#server = await TestServer.spawn(server.kind, { dataDir, port });
    return this.#server;
  }

  /** Reads what is new in the store's history, and all that is stored, into the checker. */
  async #read(server: TestServer): Promise<void> {
    const reader = await HistoryReader.open(server.port);
    const head = await reader.head();
    await reader.read(this.#checker.historyRevision + 1, head, (event) => {
      this.#checker.history(event);
      this.#audit.history(event);
    });
    this.#checker.restarted(head);
    this.#checker.stored(await reader.stored());
    reader.close();
  }

  /** Compacts to the present revision once all watchers have seen it; the removal meets the kill. */
  async #compact(server: TestServer): Promise<void> {
    const { historyRevision, compacted } = this.#checker;
    if (compacted === historyRevision) return;
    await this.#watchers.untilLevel(LEVEL_TIMEOUT_MS);
    await this.#watchers.untilSynced(historyRevision, LEVEL_TIMEOUT_MS);
    this.#checker.compacting();
    const reader = await HistoryReader.open(server.port);
    await reader.compact(this.#checker.compacted);
    this.#audit.compacted(this.#checker.compacted);
    reader.close();
  }

  /** Reads all history once more by a fresh watch: it must be what was read in parts. */
  async #confirm(server: TestServer): Promise<void> {
    const reader = await HistoryReader.open(server.port);
    const again = new EventRecord("");
    const from = this.#checker.compacted + 1;
    await reader.read(from, await reader.head(), (event) => again.add(event));
    reader.close();
    this.#checker.confirm(again);
  }

  #report(elapsedMs: number): CrashReport {
    const restarts = this.#restarts.sort((left, right) => left - right);
    return {
      server: this.#options.server,
      seed: this.#options.seed,
      kills: this.#kills,
      attempted: this.#writers.attempted,
      acknowledged: this.#writers.acknowledged,
      leases: this.#leases.acknowledged,
      revisions: this.#checker.historyRevision,
      compacted: this.#checker.compacted,
      watchedEvents: this.#checker.watchedEvents,
      audited: this.#audit.responses,
      seconds: Math.round(elapsedMs / 100) / 10,
      restartMsMedian: Math.round(restarts[restarts.length >> 1] ?? 0),
      writesPerSecond: Math.round((this.#writers.acknowledged * 1000) / this.#writingMs),
      violations: [
        ...this.#checker.violations,
        ...this.#leases.violations,
        ...this.#audit.faults,
      ].slice(0, VIOLATIONS_MAX),
    };
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
