import { HistoryRecorder } from "../support/watch-truth.ts";
import { type TranscriptEntry, validateWatch } from "../support/watch-validator.ts";
import { decodeMessage, type Message } from "../support/wire-codec.ts";
import type { SeenEvent } from "./crash-checker.ts";

/**
 * Judges what watchers received between one kill and the next, message by message, by the history
 * that is read after the restart. It holds no more than that stretch of history and, of every key,
 * the newest change before it.
 */
export class CrashAudit {
  readonly faults: string[] = [];
  responses = 0;
  readonly #valueBytes: number;
  readonly #isStrict: boolean;
  readonly #recorder = new HistoryRecorder();
  readonly #transcripts = new Map<number, TranscriptEntry[]>();

  constructor(options: { readonly valueBytes: number; readonly isStrict: boolean }) {
    this.#valueBytes = options.valueBytes;
    this.#isStrict = options.isStrict;
  }

  /** The next event of the server's own history. */
  history({ revision, isDelete, key, writeId }: SeenEvent): void {
    if (isDelete) this.#recorder.delete(key, "", revision);
    else this.#recorder.put(key, writtenValue(writeId, this.#valueBytes), revision);
  }

  /** A compaction was answered. */
  compacted(revision: number): void {
    this.#recorder.compact(revision);
    for (const transcript of this.#transcripts.values()) transcript.push({ compacted: revision });
  }

  sent(watcher: number, request: Message): void {
    const transcript = this.#transcripts.get(watcher);
    if (transcript === undefined) this.#transcripts.set(watcher, [{ sent: request }]);
    else transcript.push({ sent: request });
  }

  received(watcher: number, bytes: Buffer): void {
    const received = decodeMessage("WatchResponse", bytes);
    this.#transcripts.get(watcher)?.push({ received });
    this.responses++;
  }

  /**
   * Judges all streams, which are closed or, with `completeTo`, have received everything up to
   * there. Every later stream starts at `resumedFrom` or above.
   */
  judge({ completeTo, resumedFrom }: { completeTo?: number; resumedFrom: number }): void {
    const { truth } = this.#recorder;
    for (const [watcher, transcript] of this.#transcripts) {
      const history = { truth, transcript, completeTo, isStrict: this.#isStrict };
      for (const fault of validateWatch(history)) this.faults.push(`stream ${watcher}, ${fault}`);
    }
    this.#transcripts.clear();
    this.#recorder.forget(resumedFrom);
  }
}

/** The value of every key that a write puts: its number, so that each event can be traced to it. */
export function writtenValue(writeId: number, valueBytes: number): string {
  return `${writeId};`.padEnd(valueBytes, ".");
}
