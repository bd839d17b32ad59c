import { CLOSED_STREAMS_REMEMBERED } from "./limits.ts";
import type { Stream } from "./stream.ts";

/** How a stream came to its end, which decides what late frames on it mean (RFC 9113 §5.1). */
export type Closing = "ended" | "reset-by-client" | "reset-by-us";

/** What an id that is in no table means. */
export type Absent = "idle" | Closing | "forgotten" | "skipped";

/** The open streams of a connection by id, and a short memory of those that are closed. */
export class StreamTable {
  readonly #open: Map<number, Stream> = new Map();
  #highestId = 0;
  /** The stream of the last look-up: frames of one stream mostly come in a row. */
  #last: Stream | undefined;
  readonly #closedIds: Int32Array = new Int32Array(CLOSED_STREAMS_REMEMBERED);
  readonly #closings: Closing[] = new Array<Closing>(CLOSED_STREAMS_REMEMBERED).fill("ended");
  #closedAt = 0;
  #closedCount = 0;

  get size(): number {
    return this.#open.size;
  }

  /** The highest id a client has used; what GOAWAY calls the last stream. */
  get highestId(): number {
    return this.#highestId;
  }

  /** The open streams, oldest first. May be changed while it is walked. */
  values(): IterableIterator<Stream> {
    return this.#open.values();
  }

  get(id: number): Stream | undefined {
    if (this.#last !== undefined && this.#last.id === id) return this.#last;
    const stream = this.#open.get(id);
    if (stream !== undefined) this.#last = stream;
    return stream;
  }

  /** Notes that a client used an id, whether or not its stream is served. */
  use(id: number): void {
    this.#highestId = id;
  }

  add(stream: Stream): void {
    this.#open.set(stream.id, stream);
    this.#last = stream;
  }

  remove(stream: Stream, closing: Closing): void {
    if (!this.#open.delete(stream.id)) return;
    if (this.#last === stream) this.#last = undefined;
    this.remember(stream.id, closing);
  }

  /** Remembers the end of a stream that was never in the table, too. */
  remember(id: number, closing: Closing): void {
    this.#closedIds[this.#closedAt] = id;
    this.#closings[this.#closedAt] = closing;
    this.#closedAt = (this.#closedAt + 1) % CLOSED_STREAMS_REMEMBERED;
    this.#closedCount++;
  }

  /** What it means that `get(id)` found nothing. The newest memory counts. */
  absent(id: number): Absent {
    if (id > this.#highestId) return "idle";
    for (let i = 1; i <= CLOSED_STREAMS_REMEMBERED; i++) {
      const at = (this.#closedAt - i + CLOSED_STREAMS_REMEMBERED) % CLOSED_STREAMS_REMEMBERED;
      if (this.#closedIds[at] === id) return this.#closings[at] ?? "ended";
    }
    return this.#closedCount > CLOSED_STREAMS_REMEMBERED ? "forgotten" : "skipped";
  }
}
