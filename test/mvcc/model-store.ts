/** One KeyValue of the model; keys are latin-1 text, so that text order is byte order. */
export interface ModelKeyValue {
  readonly key: string;
  readonly value: string;
  readonly lease: bigint;
  readonly create: number;
  readonly mod: number;
  readonly version: number;
}

export interface ModelEvent {
  readonly type: "put" | "delete";
  readonly revision: number;
  readonly key: string;
  readonly keyValue: ModelKeyValue | undefined;
  readonly previous: ModelKeyValue | undefined;
}

export type ModelOp =
  | { readonly kind: "put"; readonly key: string; readonly value: string; readonly lease: bigint }
  /** start <= key < end; without end every key >= start */
  | { readonly kind: "delete"; readonly start: string; readonly end: string | undefined };

type State = ReadonlyMap<string, ModelKeyValue>;

/** The store as one whole map per revision: slow, and right by inspection. */
export class ModelStore {
  readonly #states: State[] = [new Map(), new Map()];
  readonly #events: ModelEvent[] = [];
  head = 1;
  compacted = -1;

  /** Applies ops as one revision and returns its events; none when nothing changed. */
  apply(ops: readonly ModelOp[]): readonly ModelEvent[] {
    const before = this.state(this.head);
    const state = new Map(before);
    const revision = this.head + 1;
    const events: ModelEvent[] = [];
    for (const op of ops) {
      if (op.kind === "put") {
        const old = state.get(op.key);
        const keyValue = {
          key: op.key,
          value: op.value,
          lease: op.lease,
          create: old?.create ?? revision,
          mod: revision,
          version: (old?.version ?? 0) + 1,
        };
        state.set(op.key, keyValue);
        const previous = keyValue.create === revision ? undefined : before.get(op.key);
        events.push({ type: "put", revision, key: op.key, keyValue, previous });
      } else {
        for (const key of keysIn(state, op.start, op.end)) {
          state.delete(key);
          const previous = before.get(key);
          events.push({ type: "delete", revision, key, keyValue: undefined, previous });
        }
      }
    }
    if (events.length > 0) {
      this.#states.push(state);
      this.#events.push(...events);
      this.head = revision;
    }
    return events;
  }

  state(revision: number): State {
    const state = this.#states[revision];
    if (state === undefined) throw new Error(`no state at ${revision}`);
    return state;
  }

  range(start: string, end: string | undefined, revision: number): readonly ModelKeyValue[] {
    const state = this.state(revision);
    return keysIn(state, start, end).map((key) => state.get(key) as ModelKeyValue);
  }

  /** Events from a revision at or above `compacted` on; at `compacted` the last of each key (K62). */
  history(from: number): readonly ModelEvent[] {
    return this.#events.filter((event, i) => {
      if (event.revision < from) return false;
      if (event.revision > this.compacted) return true;
      return !this.#events.some(
        (other, j) => j > i && other.key === event.key && other.revision <= this.compacted,
      );
    });
  }

  /** The newest change of the key at or below the revision; 0 when there was none. */
  newestRevision(key: string, at: number): number {
    const newest = this.#events.findLast((event) => event.key === key && event.revision <= at);
    return newest?.revision ?? 0;
  }

  previousOf(key: string, revision: number): ModelKeyValue | undefined {
    const before = revision - 1;
    return before < this.compacted || before < 0 ? undefined : this.state(before).get(key);
  }

  /** How many records K62 keeps: all above `compacted`, and what is left of each key below. */
  keptRecords(): number {
    const newest = new Map<string, ModelEvent>();
    let kept = 0;
    for (const event of this.#events) {
      if (event.revision > this.compacted) kept++;
      else newest.set(event.key, event);
    }
    for (const event of newest.values()) {
      if (event.type === "put" || event.revision === this.compacted) kept++;
    }
    return kept;
  }
}

function keysIn(state: State, start: string, end: string | undefined): readonly string[] {
  return [...state.keys()].filter((key) => key >= start && (end === undefined || key < end)).sort();
}
