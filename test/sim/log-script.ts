import { toRevision } from "../../src/base/revision.ts";
import { LogStore, type LogStoreOptions } from "../../src/storage/log-store.ts";
import { RecordKind } from "../../src/storage/record.ts";
import { checkContents, copyOf, type Found, type Known } from "./log-contents.ts";
import { IDENTITY } from "./log-model.ts";
import type { SimDisk } from "./sim-disk.ts";

export const SCRIPT_OPTIONS: LogStoreOptions = {
  segmentBytes: 700,
  residentBytes: 0,
  slabBytes: 300,
  identity: IDENTITY,
};

/**
 * One fixed piece of work that goes through everything the store does: it fills segments, releases
 * records, rewrites, fills more and, if asked, closes. What was promised so far can be read off at
 * any time, also when the disk stops in between.
 */
export class LogScript {
  readonly #disk: SimDisk;
  /** Acknowledged records, in log order. */
  durable: Known[] = [];
  /** Those of the commit in flight. */
  inFlight: Known[] = [];
  hasRewritten = false;
  #store: LogStore | undefined;
  #main = 1;

  constructor(disk: SimDisk) {
    this.#disk = disk;
  }

  run(end: "close" | "stop"): void {
    const store = LogStore.open(this.#disk, SCRIPT_OPTIONS, () => {});
    this.#store = store;
    for (let frame = 0; frame < 12; frame++) this.#commitFrame(1 + (frame % 3), 20 + 9 * frame);
    for (const record of this.durable) {
      if (record.main % 3 === 0) continue;
      record.released = true;
      store.release(record.location);
    }
    this.#rewriteAll(store);
    for (let frame = 0; frame < 4; frame++) this.#commitFrame(2, 30);
    if (end === "stop") return;
    store.close((error) => {
      if (error !== undefined) throw error;
    });
    this.#disk.settle();
  }

  /** Opens what the disk holds and compares it; returns the records that are there. */
  check(disk: SimDisk): Known[] {
    const found = openAndRead(disk);
    const last = this.durable[this.durable.length - 1]?.main ?? 0;
    const isThere = this.inFlight.length > 0 && found.some((record) => record.main > last);
    return checkContents(found, isThere ? [...this.durable, ...this.inFlight] : this.durable);
  }

  #commitFrame(records: number, payloadBytes: number): void {
    const store = this.#store as LogStore;
    const frame: Known[] = [];
    for (let sub = 0; sub < records; sub++) {
      if (sub !== 1) this.#main++;
      const payload = new Uint8Array(payloadBytes).fill(this.#main);
      const kind = sub === 2 ? RecordKind.tombstone : RecordKind.put;
      store.append(kind, toRevision(this.#main), sub, payloadBytes).set(payload);
      const location = store.appendedAt;
      frame.push({ main: this.#main, sub, kind, payload, location, released: false });
    }
    this.inFlight = frame;
    let isDone = false;
    store.commit((error) => {
      if (error !== undefined) throw error;
      isDone = true;
      this.durable.push(...frame);
      this.inFlight = [];
    });
    while (!isDone) this.#disk.step();
    this.#disk.settle();
  }

  #rewriteAll(store: LogStore): void {
    const needed = (main: number, sub: number): Known | undefined =>
      this.durable.find((known) => known.main === main && known.sub === sub && !known.released);
    for (;;) {
      const rewrite = store.startRewrite({
        keep: (record) => needed(record.main, record.sub)?.location === record.location,
        moved: (record, to) => {
          const known = needed(record.main, record.sub);
          if (known !== undefined) known.location = to;
        },
        wake: () => {},
      });
      if (rewrite === undefined) return;
      while (rewrite.step(2) !== "done") this.#disk.settle();
      this.hasRewritten = true;
    }
  }
}

/** All records that a store on this disk replays. */
export function openAndRead(disk: SimDisk): Found[] {
  const found: Found[] = [];
  LogStore.open(disk, SCRIPT_OPTIONS, (record) => found.push(copyOf(record)));
  return found;
}
