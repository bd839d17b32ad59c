import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseKeyRange } from "../../src/base/key-range.ts";
import { toRevision } from "../../src/base/revision.ts";
import { WatchHub, type WatchHubOptions } from "../../src/watch/hub.ts";
import { type HubEvent, type Next, TRANSITIONS } from "../../src/watch/transitions.ts";
import { POSITION_KINDS, type Position, type Watcher } from "../../src/watch/watcher.ts";
import { ManualTime } from "../http2/manual-time.ts";
import { SeededRandom } from "../support/random.ts";
import { ModelClient } from "./model-client.ts";
import { latin1, type ModelOp, ModelStore, toSource } from "./model-store.ts";

const ROOT = join(import.meta.dirname, "../..");
const DOCUMENT = readFileSync(join(ROOT, "docs/internals/watch.md"), "utf8");

/** The cells of a table, row by row, without the line below its head. */
function tableBelow(title: string): string[][] {
  const after = DOCUMENT.split(`## ${title}\n`)[1] ?? "";
  const lines = (after.split("\n## ")[0] ?? "").split("\n").filter((line) => line.startsWith("|"));
  return lines
    .filter((line) => !/^[|\s-]*$/.test(line))
    .map((line) => line.slice(1, -1).split("|").map(withoutTicks));
}

function withoutTicks(cell: string): string {
  return cell.trim().replaceAll("`", "");
}

describe("docs/internals/watch.md", () => {
  test("shows the table of transitions as it is, cell by cell", () => {
    const [head = [], ...rows] = tableBelow("Where an event leads");
    expect(head.slice(1)).toEqual(POSITION_KINDS);
    const shown = rows.flatMap(([event = "", ...cells]) =>
      cells.map((next, i) => `${POSITION_KINDS[i]}, ${event}: ${next}`),
    );
    const cells = POSITION_KINDS.flatMap((kind) =>
      Object.entries(TRANSITIONS[kind]).map(([event, next]) => `${kind}, ${event}: ${next}`),
    );
    expect(shown.toSorted()).toEqual(cells.toSorted());
  });

  test("explains every position and every event", () => {
    const positions = tableBelow("Positions").slice(1);
    expect(positions.map(([kind]) => kind)).toEqual([...POSITION_KINDS, "cancelled"]);
    const events = tableBelow("Events").slice(1);
    expect(events.map(([event]) => event)).toEqual(Object.keys(TRANSITIONS.synced));
    for (const [, text = ""] of [...positions, ...events]) expect(text.length).toBeGreaterThan(20);
  });

  test("names for every invariant where it is enforced, and the tests that hold it", () => {
    const rows = tableBelow("Invariants").slice(1);
    expect(rows.length).toBeGreaterThan(10);
    for (const [invariant, enforced = "", tested = ""] of rows) {
      for (const place of enforced.split("; ")) {
        const [file = "", name = ""] = place.split(" ");
        const path = join(ROOT, "src/watch", file);
        expect(existsSync(path), `${invariant}: ${file}`).toBe(true);
        const isThere = new RegExp(`[ #]${name.replace("#", "")}[(:<]`).test(
          readFileSync(path, "utf8"),
        );
        expect(isThere, `${invariant}: ${place}`).toBe(true);
      }
      for (const file of tested.split("; ")) {
        expect(existsSync(join(ROOT, file)), `${invariant}: ${file}`).toBe(true);
      }
    }
  });
});

/** Notes every move that is made. */
class NotingHub extends WatchHub {
  readonly #moves: Set<string>;

  constructor(options: WatchHubOptions, moves: Set<string>) {
    super(options);
    this.#moves = moves;
  }

  override move(watcher: Watcher, to: Position, event: HubEvent): void {
    const from = watcher.position.kind;
    super.move(watcher, to, event);
    this.#moves.add(`${from}, ${event}: ${to.kind}`);
  }
}

const STREAMS = 3;
const KEYS = ["a", "b", "c"];

/** A hub that all kinds of things happen to, at random. */
class RandomWorld {
  readonly #random: SeededRandom;
  readonly #store = new ModelStore();
  readonly #hub: NotingHub;
  readonly #clients: ModelClient[];

  constructor(random: SeededRandom, moves: Set<string>) {
    this.#random = random;
    const options: WatchHubOptions = {
      identity: { clusterId: 1n, memberId: 2n, raftTerm: 2n },
      head: toRevision(1),
      compacted: -1,
      history: this.#store,
      limits: { watchersPerStream: 8, watchersTotal: 100 },
      eventLogBytes: 2600,
      responseBytesMax: 120,
      fragmentBytes: 90,
      eventsPerStep: 3,
      wake: () => undefined,
      clock: new ManualTime(),
    };
    this.#hub = new NotingHub(options, moves);
    this.#clients = Array.from({ length: STREAMS }, () => this.#open());
  }

  step(): void {
    const random = this.#random;
    const at = random.below(STREAMS);
    const client = this.#clients[at];
    const stream = client?.stream;
    if (client === undefined || stream === undefined) throw new Error("there is a client");
    const ids = [...stream.watchers].map(({ id }) => id);
    const kind = random.below(100);
    if (kind < 30) this.#commit(1 + random.below(3));
    else if (kind < 33) this.#commit(80);
    else if (kind < 55) this.#create(client);
    else if (kind < 60) stream.cancel(ids.length === 0 ? 0 : random.pick(ids));
    else if (kind < 65) stream.cancelByOperator(ids.length === 0 ? 0 : random.pick(ids), "out");
    else if (kind < 80) client.read();
    else if (kind < 84) client.room = random.pick([0, 1, 2, Number.POSITIVE_INFINITY]);
    else if (kind < 87) this.#compact();
    else if (kind < 98) for (let i = random.below(4); i > 0; i--) this.#hub.step();
    else {
      stream.close();
      this.#clients[at] = this.#open();
    }
    this.#hub.checkInvariants();
  }

  #open(): ModelClient {
    const client = new ModelClient();
    client.stream = this.#hub.open(client);
    return client;
  }

  #commit(revisions: number): void {
    const ops = Array.from({ length: revisions }, (): ModelOp => {
      return { kind: "put", key: this.#random.pick(KEYS), value: "x".repeat(40) };
    });
    this.#hub.commit(
      ops.map((op) => (this.#store.apply([op]) ?? []).map((event) => toSource(event, false))),
    );
  }

  #create(client: ModelClient): void {
    const random = this.#random;
    const state = random.chance(0.3);
    const past = Math.max(1, this.#store.head - random.below(40));
    const future = this.#store.head + 1 + random.below(6);
    const startRevision = state ? 0 : random.pick([0, past, future]);
    const end = random.chance(0.5) ? "" : "\0";
    const range = parseKeyRange(latin1(random.pick(KEYS)), latin1(end));
    client.stream?.create({
      id: 0,
      interest: { range, noPut: false, noDelete: false, prevKv: false },
      state,
      startRevision,
      progressNotify: false,
      fragment: false,
    });
  }

  #compact(): void {
    const revision = this.#store.head - this.#random.below(10);
    if (revision <= Math.max(1, this.#store.compacted)) return;
    this.#store.compacted = revision;
    this.#hub.compact(toRevision(revision));
  }
}

const WORLDS = 60;
const STEPS_PER_WORLD = 250;

test("at random, every legal transition happens and no other", () => {
  const moves = new Set<string>();
  for (let seed = 1; seed <= WORLDS; seed++) {
    const world = new RandomWorld(new SeededRandom(seed), moves);
    for (let i = 0; i < STEPS_PER_WORLD; i++) world.step();
  }
  const legal = POSITION_KINDS.flatMap((kind) => {
    const cells: [string, Next][] = Object.entries(TRANSITIONS[kind]);
    return cells
      .filter(([, next]) => next !== "-")
      .map(([event, next]) => `${kind}, ${event}: ${next}`);
  });
  expect([...moves].toSorted()).toEqual(legal.toSorted());
});
