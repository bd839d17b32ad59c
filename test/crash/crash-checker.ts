/**
 * Judges what clients saw of a server that was killed again and again. It knows what was asked for
 * and what was acknowledged; it is told the server's history, read anew after each restart, and
 * what each watcher received. It does no I/O, so that its own tests can plant faults.
 */
export interface Write {
  readonly kind: "put" | "delete";
  /** A put of two keys is one txn: both or none, in one revision. */
  readonly keys: readonly string[];
}

export interface SeenEvent {
  readonly revision: number;
  readonly isDelete: boolean;
  readonly key: string;
  /** For a put the id of the write that made it, as a number in the value; 0 for a delete. */
  readonly writeId: number;
}

interface Attempt {
  readonly write: Write;
  /** undefined: nobody knows whether it happened. 0: it was answered and changed nothing. */
  acknowledgedAt: number | undefined;
  /** The revision it has in the server's history; 0 = none yet. */
  seenAt: number;
  seenKeys: number;
}

const VIOLATIONS_MAX = 20;

export class CrashChecker {
  readonly violations: string[] = [];
  readonly #attempts = new Map<number, Attempt>();
  /** Deletes by key, since their events carry no id. */
  readonly #deletes = new Map<string, Attempt[]>();
  /** Acknowledged writes that the history must show by the next restart. */
  #toConfirm: Attempt[] = [];
  readonly #watchers: EventRecord[];
  readonly #prefixes: Map<string, EventRecord>;
  /** The newest write of each key that exists, by the history. */
  readonly #live = new Map<string, SeenEvent>();
  /** All history above the compacted revision. */
  #all = new EventRecord("");
  #compacted = 0;
  #historyRevision = 1;

  constructor(watcherPrefixes: readonly string[]) {
    this.#watchers = watcherPrefixes.map((prefix) => new EventRecord(prefix));
    this.#prefixes = new Map(watcherPrefixes.map((prefix) => [prefix, new EventRecord(prefix)]));
  }

  /** What a fresh watch can read begins behind this revision. */
  get compacted(): number {
    return this.#compacted;
  }

  /** The server's history is known up to here. */
  get historyRevision(): number {
    return this.#historyRevision;
  }

  /** A write is about to be sent. */
  attempted(id: number, write: Write): void {
    const attempt = { write, acknowledgedAt: undefined, seenAt: 0, seenKeys: 0 };
    this.#attempts.set(id, attempt);
    if (write.kind !== "delete") return;
    for (const key of write.keys) {
      const all = this.#deletes.get(key);
      if (all === undefined) this.#deletes.set(key, [attempt]);
      else all.push(attempt);
    }
  }

  /** The server said that the write happened at `revision`, or, for 0, that it changed nothing. */
  acknowledged(id: number, revision: number): void {
    const attempt = this.#attempts.get(id);
    if (attempt === undefined) throw new Error("only what was attempted is acknowledged");
    attempt.acknowledgedAt = revision;
    if (revision > 0) this.#toConfirm.push(attempt);
  }

  /** The next event of the server's own history, each exactly once, in order. */
  history(event: SeenEvent): void {
    this.#all.add(event);
    if (event.isDelete) this.#live.delete(event.key);
    else this.#live.set(event.key, event);
    const step = event.revision - this.#historyRevision;
    if (step !== 0 && step !== 1) {
      this.#fault(`the history goes from revision ${this.#historyRevision} to ${event.revision}`);
    }
    this.#historyRevision = event.revision;
    const attempt = event.isDelete ? this.#deleteAt(event) : this.#attempts.get(event.writeId);
    if (attempt === undefined || !attempt.write.keys.includes(event.key)) {
      this.#fault(`${event.key} at ${event.revision} was never written`);
    } else {
      this.#match(attempt, event);
    }
    for (const record of this.#prefixes.values()) record.add(event);
  }

  /** The history is complete up to `head`; every acknowledged write must be in it. */
  restarted(head: number): void {
    if (this.#historyRevision !== head) {
      this.#fault(`the history ends at ${this.#historyRevision}, the store at ${head}`);
    }
    for (const attempt of this.#toConfirm) {
      if (attempt.seenAt === attempt.acknowledgedAt) continue;
      const { keys } = attempt.write;
      this.#fault(`${keys.join(",")} was acknowledged at ${attempt.acknowledgedAt} and is lost`);
    }
    this.#toConfirm = [];
    for (const attempt of this.#attempts.values()) {
      if (attempt.seenKeys === 0 || attempt.seenKeys === attempt.write.keys.length) continue;
      this.#fault(`${attempt.write.keys.join(",")} at ${attempt.seenAt} is half there`);
    }
    // What is settled need not be looked at again: only deletes and doubles need the old ones.
  }

  /** All keys and values the store has now, as puts; the history is known up to the same revision. */
  stored(keyValues: readonly SeenEvent[]): void {
    for (const { key, revision, writeId } of keyValues) {
      const expected = this.#live.get(key);
      if (expected?.revision === revision && expected.writeId === writeId) continue;
      this.#fault(`${key} is stored as of ${revision}, the history says ${expected?.revision}`);
    }
    if (keyValues.length !== this.#live.size) {
      this.#fault(`the store has ${keyValues.length} keys, the history ${this.#live.size}`);
    }
  }

  /**
   * The store is about to be compacted to the revision up to which history is known, and every
   * watcher has seen it all: from here on they resume behind it.
   */
  compacting(): void {
    this.#compacted = this.#historyRevision;
    this.#all = new EventRecord("");
    for (const record of this.#watchers) record.lastRevision = this.#compacted;
  }

  /** An event as watcher `index` received it. */
  watched(index: number, event: SeenEvent): void {
    const record = this.#watchers[index];
    if (record === undefined) throw new Error("there is no such watcher");
    if (!event.key.startsWith(record.prefix)) {
      this.#fault(`watcher ${index} got ${event.key}`);
    }
    if (event.revision < record.lastRevision) {
      this.#fault(`watcher ${index} got ${event.revision} after ${record.lastRevision}`);
    }
    record.add(event);
  }

  /** The revision a watcher resumes from: behind the last one it saw. */
  resumeFrom(index: number): number {
    return (this.#watchers[index]?.lastRevision ?? 0) + 1;
  }

  /** Whether every watcher has seen as many events as the history has for it. */
  get isLevel(): boolean {
    return this.#watchers.every((record) => record.count >= this.#expected(record).count);
  }

  get watchedEvents(): number {
    return this.#watchers.reduce((sum, record) => sum + record.count, 0);
  }

  /** All history, read once more from its beginning on, is what was read in parts. */
  confirm(again: EventRecord): void {
    if (again.hash === this.#all.hash && again.count === this.#all.count) return;
    this.#fault(`a fresh watch reads ${again.count} events, not the ${this.#all.count} of before`);
  }

  /** After the last restart: every watcher saw exactly the history of its prefix. */
  finish(): void {
    this.#watchers.forEach((record, index) => {
      const expected = this.#expected(record);
      if (record.hash === expected.hash && record.count === expected.count) return;
      this.#fault(
        `watcher ${index} on ${record.prefix} saw ${record.count} events up to ` +
          `${record.lastRevision}, the history has ${expected.count} up to ${expected.lastRevision}`,
      );
    });
  }

  #expected(record: EventRecord): EventRecord {
    const expected = this.#prefixes.get(record.prefix);
    if (expected === undefined) throw new Error("every watcher's prefix has a record");
    return expected;
  }

  #deleteAt(event: SeenEvent): Attempt | undefined {
    const all = this.#deletes.get(event.key) ?? [];
    return (
      all.find((one) => one.acknowledgedAt === event.revision) ??
      all.find((one) => one.acknowledgedAt === undefined && one.seenAt === 0)
    );
  }

  #match(attempt: Attempt, event: SeenEvent): void {
    attempt.seenKeys++;
    const isRepeated = attempt.seenKeys > attempt.write.keys.length;
    if (isRepeated || (attempt.seenAt !== 0 && attempt.seenAt !== event.revision)) {
      this.#fault(`${event.key} is at ${attempt.seenAt} and at ${event.revision}`);
    }
    if (attempt.acknowledgedAt !== undefined && attempt.acknowledgedAt !== event.revision) {
      this.#fault(
        `${event.key} was acknowledged at ${attempt.acknowledgedAt} and is at ${event.revision}`,
      );
    }
    attempt.seenAt = event.revision;
  }

  #fault(text: string): void {
    if (this.violations.length < VIOLATIONS_MAX) this.violations.push(text);
  }
}

/** The events of one prefix in one pass: how many, up to where, and a hash of all in their order. */
export class EventRecord {
  readonly prefix: string;
  count = 0;
  lastRevision = 0;
  hash = 0;

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  add(event: SeenEvent): void {
    if (!event.key.startsWith(this.prefix)) return;
    this.count++;
    this.lastRevision = event.revision;
    let hash = Math.imul(this.hash ^ event.revision, 0x01000193);
    hash = Math.imul(hash ^ event.writeId ^ (event.isDelete ? 1 << 30 : 0), 0x01000193);
    for (let i = 0; i < event.key.length; i++) {
      hash = Math.imul(hash ^ event.key.charCodeAt(i), 0x01000193);
    }
    this.hash = (hash ^ (hash >>> 15)) | 0;
  }
}
