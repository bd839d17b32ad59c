import { beforeEach, describe, expect, it } from "vitest";
import { EtcdError } from "../../src/base/errors.ts";
import type { Command } from "../../src/machine/command.ts";
import type { OpenedReplica } from "../../src/replica/open-replica.ts";
import { HeldDisk } from "../support/held-disk.ts";
import { openTestReplica } from "../support/test-replica.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { ModelClient } from "../watch/model-client.ts";
import { latin1 } from "../watch/model-store.ts";
import { putCommand, rangeQuery } from "../support/commands.ts";

let disk: HeldDisk;
let timers: ManualTimers;
let opened: OpenedReplica;
let failures: Error[];
let answers: string[];

function open(): void {
  timers = new ManualTimers();
  failures = [];
  answers = [];
  opened = openTestReplica({
    disk,
    timers,
    watch: {
      limits: { watchersPerStream: 10, watchersTotal: 10 },
      eventLogBytes: 4096,
      responseBytesMax: 1000,
      fragmentBytes: 1000,
      eventsPerStep: 2,
    },
    failed: (error) => failures.push(error),
  });
}

beforeEach(() => {
  disk = new HeldDisk();
  open();
  timers.settle();
  disk.isHolding = true;
});

/** Lets the disk work until it has nothing left to do. */
function finishWrites(): void {
  while (disk.release() > 0) timers.settle();
}

function propose(name: string, command: Command): void {
  opened.replica.propose(command, (outcome) => {
    answers.push(`${name} ${outcome instanceof EtcdError ? outcome.name : `@${outcome.revision}`}`);
  });
}

function put(key: string, value: string): void {
  propose(key, putCommand(latin1(key), latin1(value)));
}

function deleteKey(key: string): void {
  propose(key, {
    kind: "delete-range",
    range: { kind: "single", key: latin1(key) },
    prevKv: false,
  });
}

function keys(): number {
  const query = rangeQuery({ kind: "from", start: latin1("\0") }, { countOnly: true });
  const outcome = opened.replica.read(query);
  if (outcome instanceof EtcdError) throw outcome;
  return outcome.count;
}

function watchAll(start: number): ModelClient {
  const client = new ModelClient();
  client.stream = opened.hub.open(client);
  client.stream.create({
    id: 0,
    interest: {
      range: { kind: "from", start: latin1("\0") },
      noPut: false,
      noDelete: false,
      prevKv: false,
    },
    startRevision: start,
    progressNotify: false,
    fragment: false,
  });
  return client;
}

function seen(client: ModelClient): string[] {
  return client.read().map((response) => {
    const events = response.events.map((event) => `${event.keyValue.key}@${event.keyValue.mod}`);
    return response.created ? "created" : events.join(" ");
  });
}

describe("the output rule", () => {
  it("no answer, read or event leaves before the disk has said that it is durable", () => {
    const client = watchAll(0);
    put("a", "1");
    timers.settle();
    expect([answers, keys(), seen(client)]).toEqual([[], 0, ["created"]]);
    expect(opened.replica.view.revision).toBe(1);
    disk.release();
    expect([answers, keys(), seen(client)]).toEqual([["a @2"], 1, ["a@2"]]);
  });

  it("the commands of one turn are one write, those that come meanwhile are the next", () => {
    const client = watchAll(0);
    put("a", "1");
    put("b", "1");
    expect(disk.writes).toBe(0);
    timers.settle();
    put("c", "1");
    timers.settle();
    deleteKey("a");
    timers.settle();
    expect(disk.writes).toBe(1);
    disk.release();
    timers.settle();
    expect(disk.writes).toBe(2);
    disk.release();
    expect(answers).toEqual(["a @2", "b @3", "c @4", "a @5"]);
    // Revisions that were committed together come together (D11).
    expect(seen(client)).toEqual(["created", "a@2 b@3", "c@4 a@5"]);
  });

  it("an answer that changes nothing still waits for what it depends on", () => {
    put("a", "1");
    deleteKey("b");
    expect(answers).toEqual([]);
    timers.settle();
    disk.release();
    timers.settle();
    expect(answers).toEqual(["a @2", "b @2"]);
    deleteKey("b");
    expect(answers.at(-1)).toBe("b @2");
    expect(disk.writes).toBe(1);
  });

  it("a disk that does not keep up bounds what collects: more is refused until it has", () => {
    const megabyte = "x".repeat(1024 * 1024);
    put("first", "");
    timers.settle();
    for (let i = 0; i < 70; i++) put(`large${i}`, megabyte);
    expect(answers).toEqual(Array.from({ length: 6 }, (_, i) => `large${64 + i} tooManyRequests`));
    finishWrites();
    answers = [];
    put("again", "");
    timers.settle();
    finishWrites();
    expect(answers).toEqual(["again @67"]);
  });

  it("after a failed write nothing is answered any more, and the owner is told", () => {
    put("a", "1");
    timers.settle();
    disk.failure = new Error("EIO");
    disk.release();
    put("b", "1");
    timers.settle();
    expect([answers, failures.length, keys()]).toEqual([[], 1, 0]);
  });
});

describe("compaction", () => {
  const compact = (revision: number, physical = false) =>
    propose("compact", { kind: "compact", revision, physical });

  it("a physical one is answered when the removal is durable too (K61)", () => {
    for (let i = 0; i < 4; i++) put("a", String(i));
    compact(5, true);
    timers.settle();
    disk.release();
    expect(answers.filter((answer) => answer.startsWith("compact"))).toEqual([]);
    timers.settle();
    disk.release();
    expect(answers.at(-1)).toBe("compact @5");
    expect(opened.store.usage.versions).toBe(1);
  });

  it("one that is not durable hides nothing from readers and watchers yet", () => {
    put("a", "1");
    put("a", "2");
    timers.settle();
    disk.release();
    compact(3);
    timers.settle();
    const client = watchAll(2);
    timers.turn();
    timers.turn();
    expect(opened.replica.view.compacted).toBe(-1);
    disk.release();
    timers.settle();
    const responses = client.read();
    const events = responses.flatMap((response) => response.events.map((e) => e.keyValue.mod));
    const isServed = events.join() === "2,3";
    const isCancelled = responses.at(-1)?.compactRevision === 3 && events.length === 0;
    expect(isServed || isCancelled).toBe(true);
  });

  it("an interrupted one goes on after a restart", () => {
    for (let i = 0; i < 4; i++) put("a", String(i));
    compact(5);
    timers.settle();
    disk.release();
    expect(answers.at(-1)).toBe("compact @5");
    expect(opened.store.isCompacting).toBe(true);
    // The process dies here: what it wrote is on the disk.
    disk.isHolding = false;
    open();
    timers.settle();
    expect(opened.store.isCompacting).toBe(false);
    expect(opened.store.usage.versions).toBe(1);
    expect(opened.replica.view).toEqual({ revision: 5, compacted: 5 });
  });
});

it("a watcher that starts below the event log reads the store, and then goes on live", () => {
  disk.isHolding = false;
  for (let i = 0; i < 50; i++) put(`k${i % 7}`, "x".repeat(i));
  timers.settle();
  open();
  timers.settle();
  const client = watchAll(2);
  timers.settle();
  put("last", "");
  timers.settle();
  const revisions = client.read().flatMap((r) => r.events.map((e) => e.keyValue.mod));
  expect(revisions).toEqual(Array.from({ length: 51 }, (_, i) => i + 2));
});

it("stopping waits for what was applied, and takes nothing more", () => {
  put("a", "1");
  let stopped = false;
  opened.replica.stop(() => {
    stopped = true;
  });
  put("b", "1");
  timers.settle();
  expect(stopped).toBe(false);
  disk.release();
  timers.settle();
  expect([stopped, answers]).toEqual([true, ["a @2"]]);
});
