import { SeededRandom } from "../support/random.ts";
import { type ServerKind, TestServer } from "../support/servers.ts";
import { CrashChecker, EventRecord } from "./crash-checker.ts";
import { HistoryReader, Watchers } from "./crash-watchers.ts";
import { Writers } from "./crash-writers.ts";

export interface CrashOptions {
  readonly server: ServerKind;
  readonly seed: number;
  readonly kills: number;
  readonly writers: number;
  readonly watchers: number;
  readonly prefixes: number;
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
  readonly revisions: number;
  readonly watchedEvents: number;
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
/** Watchers that have not caught up by then never will. */
const LEVEL_TIMEOUT_MS = 60_000;

/**
 * Kills a real server on a real disk again and again while clients write and watch, and judges
 * after each restart what is there (`CrashChecker`).
 */
export async function runCrash(options: CrashOptions): Promise<CrashReport> {
  const random = new SeededRandom(options.seed);
  const prefixes = Array.from({ length: options.watchers }, (_, i) => `p${i % options.prefixes}/`);
  const checker = new CrashChecker(prefixes);
  const writers = new Writers(checker, options);
  const watchers = new Watchers(checker, prefixes);
  const began = performance.now();
  const restarts: number[] = [];
  let server = await TestServer.start(options.server);
  let kills = 0;
  let writingMs = 0;
  try {
    for (;;) {
      const head = await readHistory(server.port, checker);
      checker.restarted(head);
      await watchers.connect(server.port);
      await writers.connect(server.port);
      const from = performance.now();
      const isLast = kills >= options.kills || seconds(began) > options.secondsMax;
      if (isLast) {
        await writers.write(options.kills === 0 ? options.puts : options.writers * 4);
        writingMs += performance.now() - from;
        break;
      }
      writers.start();
      await pause(UP_MS_MIN + random.next() * (UP_MS_MAX - UP_MS_MIN));
      await server.kill();
      kills++;
      writingMs += performance.now() - from;
      await Promise.all([writers.lost(), watchers.lost()]);
      const restarting = performance.now();
      const isKilledEarly = random.below(KILL_WHILE_STARTING) === 0;
      if (isKilledEarly && kills < options.kills) {
        server = await respawn(server);
        await pause(random.next() * 250);
        await server.kill();
        kills++;
      }
      server = await respawn(server);
      await server.ready();
      restarts.push(performance.now() - restarting);
    }
    const head = await readHistory(server.port, checker);
    checker.restarted(head);
    await watchers.untilLevel(LEVEL_TIMEOUT_MS);
    await confirmFromStart(server.port, checker);
    checker.finish();
  } finally {
    writers.close();
    watchers.close();
    await server.dispose();
  }
  return {
    server: options.server,
    seed: options.seed,
    kills,
    attempted: writers.attempted,
    acknowledged: writers.acknowledged,
    revisions: checker.historyRevision,
    watchedEvents: checker.watchedEvents,
    seconds: Math.round(seconds(began) * 10) / 10,
    restartMsMedian: Math.round(restarts.sort((a, b) => a - b)[restarts.length >> 1] ?? 0),
    writesPerSecond: Math.round((writers.acknowledged * 1000) / writingMs),
    violations: checker.violations,
  };
}

function respawn(server: TestServer): Promise<TestServer> {
  return TestServer.spawn(server.kind, { dataDir: server.dataDir, port: server.port });
}

/** Reads what is new in the store's history into the checker; returns the store's revision. */
async function readHistory(port: number, checker: CrashChecker): Promise<number> {
  const reader = await HistoryReader.open(port);
  const head = await reader.head();
  await reader.read(checker.historyRevision + 1, head, (event) => checker.history(event));
  reader.close();
  return head;
}

/** Reads all history once more by a fresh watch from revision 1: it must be what was read in parts. */
async function confirmFromStart(port: number, checker: CrashChecker): Promise<void> {
  const reader = await HistoryReader.open(port);
  const again = new EventRecord("");
  await reader.read(1, await reader.head(), (event) => again.add(event));
  reader.close();
  checker.confirm(again);
}

function seconds(began: number): number {
  return (performance.now() - began) / 1000;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
