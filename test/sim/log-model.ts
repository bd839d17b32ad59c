import { toRevision } from "../../src/base/revision.ts";
import { LogStore } from "../../src/storage/log-store.ts";
import { RecordKind, type RecordView } from "../../src/storage/record.ts";
import type { Rewrite } from "../../src/storage/rewrite.ts";
import {
  checkContents,
  copyOf,
  expectSame,
  type Found,
  isEqual,
  type Known,
  Violation,
} from "./log-contents.ts";
import { type DiskCall, SimCrash, SimDisk, SimDiskError, type SimDiskOptions } from "./sim-disk.ts";
import { SimRandom } from "./sim-random.ts";

export const IDENTITY = { clusterId: 7n, memberId: 9n, name: "model", secret: 0x1234_5678_9abcn };

interface Knobs {
  readonly segmentBytes: number;
  readonly slabBytes: number;
  readonly residentBytes: number;
  readonly reserveBytes: number;
  readonly payloadBytesMax: number;
  readonly preallocates: boolean;
  readonly faultChance: number;
  readonly faultCode: "EIO" | "ENOSPC";
  readonly crashChance: number;
  readonly releaseChance: number;
}

/**
 * A store on a simulated disk beside a list of what was appended: random work, faults and crashes,
 * and after each opening the list decides what must, may and must not be there.
 */
export class LogModel {
  readonly #random: SimRandom;
  readonly #knobs: Knobs;
  readonly #lies: SimDiskOptions["lies"];
  #disk: SimDisk;
  #store: LogStore;
  #rewrite: Rewrite | undefined;
  /** Acknowledged records, in log order; released ones stay until they are found gone. */
  #durable: Known[] = [];
  /** Records of the commit in flight, whole or absent after a crash. */
  #inFlight: Known[] = [];
  #collecting: Known[] = [];
  #isCommitting = false;
  #isRolling = false;
  #hasFailed = false;
  #faultsAreOn = false;
  #main = 1;
  crashes = 0;
  rewrites = 0;
  rolls = 0;
  /** How often the disk was found full. */
  full = 0;
  acknowledged = 0;

  constructor(seed: number, lies: SimDiskOptions["lies"] = {}) {
    this.#random = new SimRandom(seed);
    this.#lies = lies;
    this.#knobs = chooseKnobs(this.#random);
    this.#disk = new SimDisk(this.#random.u32(), this.#options());
    this.#store = this.#opened();
  }

  run(steps: number): void {
    for (let i = 0; i < steps; i++) this.step();
    this.#crash("power");
    this.#checkScan(0);
  }

  step(): void {
    const random = this.#random;
    try {
      this.#faultsAreOn = true;
      const dice = random.below(100);
      if (dice < 22) this.#append();
      else if (dice < 40) this.#commit();
      else if (dice < 70) this.#disk.step();
      else if (dice < 86) this.#advanceRewrite();
      else if (dice < 91) this.#release();
      else if (dice < 94) this.#checkReads();
      else if (dice < 96) this.#checkScan(random.below(this.#main + 2));
      else if (dice < 97) this.#closeAndOpen();
      else if (dice < 98) this.#makeRoom();
      else if (random.chance(this.#knobs.crashChance)) this.#planCrash();
    } catch (error) {
      if (!(error instanceof SimCrash)) throw error;
      this.#crash(random.chance(0.7) ? "power" : "process");
    } finally {
      this.#faultsAreOn = false;
    }
  }

  #options(): SimDiskOptions {
    const { preallocates, faultChance, faultCode } = this.#knobs;
    const fault = (call: DiskCall): SimDiskError | undefined => {
      if (!this.#faultsAreOn || call === "read" || call === "now") return undefined;
      return this.#random.chance(faultChance) ? new SimDiskError(faultCode) : undefined;
    };
    return { preallocates, fault, lies: this.#lies ?? {} };
  }

  #append(): void {
    const random = this.#random;
    const count = random.pick([1, 1, 2, 3, 8]);
    for (let i = 0; i < count; i++) {
      const isSame = i > 0 && random.chance(0.5);
      if (!isSame) this.#main++;
      const payload = new Uint8Array(random.below(this.#knobs.payloadBytesMax + 1));
      for (let at = 0; at < payload.length; at++) payload[at] = random.u32();
      const kind = random.pick([RecordKind.put, RecordKind.tombstone, RecordKind.stateDelete]);
      const sub = isSame ? i : 0;
      this.#store.append(kind, toRevision(this.#main), sub, payload.length).set(payload);
      const location = this.#store.appendedAt;
      const record = { main: this.#main, sub, kind, payload, location, released: false };
      this.#collecting.push(record);
    }
  }

  #commit(): void {
    if (this.#isCommitting) return;
    if (this.#hasFailed) {
      // What the failed commit held may be there after a crash; what comes later never is.
      this.#store.commit((error) => {
        if (error === undefined) throw new Violation("acknowledged after a fault");
      });
      return;
    }
    this.#isCommitting = true;
    this.#inFlight = this.#collecting;
    this.#collecting = [];
    this.#store.commit((error) => {
      this.#isCommitting = false;
      if (error !== undefined) {
        this.#hasFailed = true;
        return;
      }
      this.acknowledged += this.#inFlight.length;
      this.#durable.push(...this.#inFlight);
      this.#inFlight = [];
    });
  }

  #release(): void {
    const alive = this.#durable.filter((record) => !record.released);
    const share = this.#random.chance(0.3) ? this.#knobs.releaseChance : 0.05;
    for (const record of alive) {
      if (!this.#random.chance(share)) continue;
      record.released = true;
      this.#store.release(record.location);
    }
  }

  #advanceRewrite(): void {
    this.#rewrite ??= this.#store.startRewrite(
      {
        keep: (record) => this.#find(record)?.location === record.location,
        moved: (record, to) => {
          const known = this.#find(record);
          if (known === undefined) throw new Violation("a record was moved that nobody needs");
          expectSame(record, known);
          known.location = to;
        },
        wake: () => {},
      },
      this.#random.chance(0.2) ? Number.POSITIVE_INFINITY : 0,
    );
    if (this.#rewrite === undefined) return;
    if (this.#rewrite.step(this.#random.pick([1, 3, 1000])) !== "done") return;
    this.#rewrite = undefined;
    this.rewrites++;
  }

  /** The record that is still needed under this name. */
  #find(record: RecordView): Known | undefined {
    const known = this.#durable.find(
      (other) => other.main === record.main && other.sub === record.sub,
    );
    return known === undefined || known.released ? undefined : known;
  }

  /** What a server does about a full disk. */
  #makeRoom(): void {
    this.#store.retry();
    if (this.#random.chance(0.3)) this.#store.restoreReserve();
    if (this.#isRolling || this.#random.chance(0.5)) return;
    this.#isRolling = true;
    this.#store.roll(() => {
      this.#isRolling = false;
      this.rolls++;
    });
  }

  #checkReads(): void {
    const all = [...this.#durable, ...this.#inFlight, ...this.#collecting];
    const alive = all.filter((record) => !record.released);
    for (let i = 0; i < 5 && alive.length > 0; i++) {
      const record = this.#random.pick(alive);
      const payload = this.#store.read(record.location);
      if (!isEqual(payload, record.payload)) throw new Violation("a read gave other bytes");
    }
  }

  #checkScan(from: number): void {
    const found: Found[] = [];
    this.#store.scan(toRevision(from), (record) => found.push(copyOf(record)) > 0);
    const all = [...this.#durable, ...this.#inFlight, ...this.#collecting];
    checkContents(
      found,
      all.filter((record) => record.main >= from),
    );
  }

  #closeAndOpen(): void {
    if (this.#isCommitting || this.#collecting.length > 0) return;
    let isClosed = false;
    this.#store.close(() => {
      isClosed = true;
    });
    this.#disk.settle();
    if (!isClosed) throw new Violation("closing does not end");
    this.#disk = this.#disk.crash("power", this.#options());
    this.#reopen();
  }

  #planCrash(): void {
    this.#disk.crashAtCall(this.#random.between(1, 6));
  }

  #crash(kind: "process" | "power"): void {
    this.crashes++;
    this.#disk = this.#disk.crash(kind, this.#options());
    this.#reopen();
  }

  #reopen(): void {
    this.#faultsAreOn = false;
    this.#rewrite = undefined;
    this.#isCommitting = false;
    this.#isRolling = false;
    this.#hasFailed = false;
    // The machine may stop again while it starts.
    for (let tries = 0; ; tries++) {
      if (tries < 3 && this.#random.chance(0.2)) this.#disk.crashAtCall(this.#random.between(1, 9));
      try {
        this.#store = this.#opened();
        this.#disk.crashAtCall(Number.POSITIVE_INFINITY);
        return;
      } catch (error) {
        if (!(error instanceof SimCrash)) throw error;
        this.#disk = this.#disk.crash("power", this.#options());
      }
    }
  }

  #opened(): LogStore {
    const { segmentBytes, slabBytes, residentBytes, reserveBytes } = this.#knobs;
    const found: Found[] = [];
    const diskFull = (): void => {
      this.full++;
    };
    const sizes = { segmentBytes, slabBytes, residentBytes, reserveBytes };
    const options = { ...sizes, identity: IDENTITY, diskFull };
    const store = LogStore.open(this.#disk, options, (record) => found.push(copyOf(record)));
    // The commit in flight may be there, and then as a whole.
    const isThere = this.#inFlight.length > 0 && found.some((one) => one.main >= this.#firstOpen());
    const expected = isThere ? [...this.#durable, ...this.#inFlight] : this.#durable;
    const present = checkContents(found, expected);
    this.#inFlight = [];
    this.#collecting = [];
    this.#durable = present;
    this.#main = present[present.length - 1]?.main ?? 1;
    for (const record of present) {
      if (record.released) store.release(record.location);
    }
    return store;
  }

  #firstOpen(): number {
    const last = this.#durable[this.#durable.length - 1]?.main ?? 0;
    return last + 1;
  }
}

function chooseKnobs(random: SimRandom): Knobs {
  return {
    segmentBytes: random.pick([300, 1000, 4000, 20_000]),
    slabBytes: random.pick([100, 1000, 5000]),
    residentBytes: random.pick([0, 3000, 1_000_000]),
    reserveBytes: random.pick([0, 700, 5000]),
    payloadBytesMax: random.pick([0, 20, 200, 2000, 5000]),
    preallocates: random.chance(0.7),
    faultChance: random.pick([0, 0, 0.001, 0.02]),
    faultCode: random.pick(["EIO", "ENOSPC"]),
    crashChance: random.pick([0, 0.3, 1]),
    releaseChance: random.pick([0, 0.5, 0.9]),
  };
}
