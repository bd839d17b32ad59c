import { assert } from "../base/assert.ts";
import type { Revision } from "../base/revision.ts";
import type { Location, RecordKind, RecordLog, RecordView } from "../storage/record.ts";

/**
 * The log as the store holds it from before it is open: opening replays the records into the store,
 * which needs a log to be made. Nothing but `attach` may be called until then.
 */
export class OpeningLog implements RecordLog {
  #log: RecordLog | undefined;

  attach(log: RecordLog): void {
    assert(this.#log === undefined, "a log is attached once");
    this.#log = log;
  }

  append(kind: RecordKind, main: Revision, sub: number, length: number): Uint8Array {
    return this.#open.append(kind, main, sub, length);
  }

  get appendedAt(): Location {
    return this.#open.appendedAt;
  }

  read(location: Location): Uint8Array {
    return this.#open.read(location);
  }

  scan(from: Revision, visit: (record: RecordView) => boolean): boolean {
    return this.#open.scan(from, visit);
  }

  release(location: Location): void {
    this.#open.release(location);
  }

  get #open(): RecordLog {
    assert(this.#log !== undefined, "the log is open");
    return this.#log;
  }
}
