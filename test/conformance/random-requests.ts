import type { SeededRandom } from "../support/random.ts";
import type { Message } from "../support/wire-codec.ts";

/** One random call, valid or not. */
export interface RandomCall {
  readonly method: string;
  readonly request: Message;
}

/** Few keys, so that everything meets everything; bytes that are no text among them. */
const KEYS = ["a", "b", "ba", "bb", "c", "\xff", "\0", "k\xff", "long/".repeat(9)];
const ENDS = [...KEYS, "d", "\0", "z", "a"];
const TXN_DEPTH_MAX = 3;

/**
 * Makes calls of every kind over a small set of keys. `revision` is the store's present one, so
 * that revisions asked for are often just at, below or above what exists.
 */
export class RandomRequests {
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  next(revision: number, compacted: number): RandomCall {
    const kind = this.#random.below(100);
    if (kind < 35) return { method: "Put", request: this.#put() };
    if (kind < 60) return { method: "Range", request: this.#range(revision, compacted) };
    if (kind < 72) return { method: "DeleteRange", request: this.#delete() };
    if (kind < 98) {
      const request = this.#txn(0, revision, compacted);
      if (hasOpenDelete(request)) keepNothing(request);
      return { method: "Txn", request };
    }
    return { method: "Compact", request: this.#compact(revision, compacted) };
  }

  #put(): Message {
    const request: Message = {};
    const random = this.#random;
    if (!random.chance(0.02)) request["key"] = this.#key();
    const ignoreValue = random.chance(0.08);
    if (ignoreValue) request["ignore_value"] = true;
    if (!ignoreValue || random.chance(0.1)) request["value"] = Buffer.from(`v${random.below(6)}`);
    if (random.chance(0.3)) request["prev_kv"] = true;
    if (random.chance(0.05)) request["ignore_lease"] = true;
    if (random.chance(0.1)) request["lease"] = random.pick([1, 2, -1, 77]);
    return request;
  }

  #delete(): Message {
    const request: Message = this.#keyAndEnd(0.4);
    if (this.#random.chance(0.5)) request["prev_kv"] = true;
    return request;
  }

  #range(revision: number, compacted: number): Message {
    const random = this.#random;
    const request: Message = this.#keyAndEnd(0.7);
    if (random.chance(0.4)) request["limit"] = random.below(6) - 1;
    if (random.chance(0.4)) request["revision"] = this.#revision(revision, compacted);
    if (random.chance(0.4)) request["sort_order"] = random.below(3);
    if (random.chance(0.4)) request["sort_target"] = random.below(5);
    if (random.chance(0.2)) request["serializable"] = true;
    if (random.chance(0.2)) request["keys_only"] = true;
    if (random.chance(0.2)) request["count_only"] = true;
    const bounds = [
      "min_mod_revision",
      "max_mod_revision",
      "min_create_revision",
      "max_create_revision",
    ];
    for (const bound of bounds) {
      if (random.chance(0.12)) request[bound] = Math.max(0, revision - random.below(30));
    }
    return request;
  }

  #txn(depth: number, revision: number, compacted: number): Message {
    const request: Message = {};
    const lists = ["success", "failure"] as const;
    const compares = Array.from({ length: this.#random.below(3) }, () => this.#compare(revision));
    if (compares.length > 0) request["compare"] = compares;
    for (const list of lists) {
      const ops = Array.from({ length: this.#random.below(4) }, () =>
        this.#op(depth, revision, compacted),
      );
      if (ops.length > 0) request[list] = ops;
    }
    return request;
  }

  #op(depth: number, revision: number, compacted: number): Message {
    const kind = this.#random.below(100);
    if (kind < 45) return { request_put: this.#put() };
    if (kind < 70) return { request_range: this.#range(revision, compacted) };
    if (kind < 85) return { request_delete_range: this.#delete() };
    if (kind < 98 && depth < TXN_DEPTH_MAX) {
      return { request_txn: this.#txn(depth + 1, revision, compacted) };
    }
    return kind < 99 ? { request_put: this.#put() } : {};
  }

  #compare(revision: number): Message {
    const random = this.#random;
    const compare: Message = this.#keyAndEnd(0.3);
    const fields = ["version", "create_revision", "mod_revision", "value", "lease"];
    const target = random.below(5);
    if (target > 0) compare["target"] = target;
    const result = random.below(4);
    if (result > 0) compare["result"] = result;
    // Now and then the operand of another target, or none.
    const field = random.chance(0.05) ? random.pick(fields) : fields[target];
    if (field === undefined || random.chance(0.05)) return compare;
    if (field === "value") compare[field] = Buffer.from(`v${random.below(6)}`);
    else if (field === "version" || field === "lease") compare[field] = random.below(4);
    else compare[field] = random.chance(0.3) ? 0 : Math.max(0, revision - random.below(10));
    return compare;
  }

  #compact(revision: number, compacted: number): Message {
    if (this.#random.chance(0.3)) return { revision: this.#revision(revision, compacted) };
    return { revision: Math.max(0, revision - this.#random.below(40)), physical: true };
  }

  #keyAndEnd(endChance: number): Message {
    const request: Message = {};
    if (!this.#random.chance(0.01)) request["key"] = this.#key();
    if (this.#random.chance(endChance)) {
      request["range_end"] = Buffer.from(this.#random.pick(ENDS), "latin1");
    }
    return request;
  }

  #key(): Buffer {
    return Buffer.from(this.#random.pick(KEYS), "latin1");
  }

  #revision(revision: number, compacted: number): number {
    const random = this.#random;
    const near = random.pick([revision, compacted, revision - 10]);
    return random.chance(0.05) ? -random.below(3) : near + random.below(7) - 3;
  }
}

/**
 * A delete to the end of all keys escapes etcd's check for keys given twice (K58); when it takes a
 * key away whose value a later put of the txn wants to keep, etcd's process ends by a panic.
 */
function hasOpenDelete(txn: Message): boolean {
  return opsOf(txn).some((op) => {
    const end = (op["request_delete_range"] as Message | undefined)?.["range_end"];
    const nested = op["request_txn"] as Message | undefined;
    return (
      (end instanceof Uint8Array && end.length === 1 && end[0] === 0) ||
      (nested !== undefined && hasOpenDelete(nested))
    );
  });
}

function keepNothing(txn: Message): void {
  for (const op of opsOf(txn)) {
    const put = op["request_put"] as Message | undefined;
    delete put?.["ignore_value"];
    delete put?.["ignore_lease"];
    const nested = op["request_txn"] as Message | undefined;
    if (nested !== undefined) keepNothing(nested);
  }
}

function opsOf(txn: Message): Message[] {
  return (["success", "failure"] as const).flatMap(
    (list) => (txn[list] as Message[] | undefined) ?? [],
  );
}
