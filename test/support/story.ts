import { HistoryRecorder } from "./watch-truth.ts";
import type { TranscriptEntry, WatchHistory } from "./watch-validator.ts";
import type { Message } from "./wire-codec.ts";

/** One line of a story: a name to find it by, and what happened. */
interface Line {
  readonly name: string;
  readonly entry: TranscriptEntry;
}

/**
 * What a stream's client saw, with a name for each line, so that a test can change one of them. A
 * story is good until it is changed.
 */
export class Story {
  readonly recorder: HistoryRecorder = new HistoryRecorder();
  completeTo: number | undefined = 7;
  isStrict = true;
  readonly #lines: Line[] = [];

  sent(name: string, request: Message): this {
    this.#lines.push({ name, entry: { sent: request } });
    return this;
  }

  received(name: string, watchId: number, revision: number, more: Message = {}): this {
    // As on the wire: a zero is not there (W3).
    const header = revision === 0 ? {} : { revision };
    const id = watchId === 0 ? {} : { watch_id: watchId };
    this.#lines.push({ name, entry: { received: { header, ...id, ...more } } });
    return this;
  }

  compacted(revision: number): this {
    this.#lines.push({ name: `compacted ${revision}`, entry: { compacted: revision } });
    return this;
  }

  get history(): WatchHistory {
    return {
      truth: this.recorder.truth,
      transcript: this.#lines.map(({ entry }) => entry),
      completeTo: this.completeTo,
      isStrict: this.isStrict,
    };
  }

  /** The message of a line, to be changed. */
  message(name: string): Message {
    const { entry } = this.#lines[this.#at(name)] ?? {};
    if (entry === undefined || "compacted" in entry) throw new Error(`${name} is no message`);
    return "sent" in entry ? entry.sent : entry.received;
  }

  /** Event `index` of a response, to be changed. */
  event(name: string, index: number): Message {
    const event = (this.message(name)["events"] as Message[])[index];
    if (event === undefined) throw new Error(`${name} has no event ${index}`);
    return event;
  }

  drop(name: string): void {
    this.#lines.splice(this.#at(name), 1);
  }

  repeat(name: string, behind: string = name): void {
    const line = this.#lines[this.#at(name)];
    if (line !== undefined) this.#lines.splice(this.#at(behind) + 1, 0, line);
  }

  /** Puts a line right before another one. */
  move(name: string, before: string): void {
    const [line] = this.#lines.splice(this.#at(name), 1);
    if (line !== undefined) this.#lines.splice(this.#at(before), 0, line);
  }

  /** Puts a response of the test's own right behind a line. */
  insert(behind: string, response: Message): void {
    const at = this.#at(behind) + 1;
    this.#lines.splice(at, 0, { name: "inserted", entry: { received: response } });
  }

  #at(name: string): number {
    const at = this.#lines.findIndex((line) => line.name === name);
    if (at < 0) throw new Error(`no line is called ${name}`);
    return at;
  }
}

export function keyValue(
  key: string,
  value: string,
  at: readonly [number, number, number],
): Message {
  const [create_revision, mod_revision, version] = at;
  const text = { key: Buffer.from(key), value: Buffer.from(value) };
  return { ...text, create_revision, mod_revision, version };
}
