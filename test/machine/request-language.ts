import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from "../../src/api/proto/messages-key-value.ts";

/**
 * The small language of the scenario files, for KV requests as clients send them:
 *
 *     put KEY VALUE [lease=N] [prev] [ignore-value] [ignore-lease]
 *     get RANGE [rev=N] [limit=N] [sort=none|asc|desc] [by=key|version|create|mod|value]
 *               [keys-only] [count-only] [min-mod=N] [max-mod=N] [min-create=N] [max-create=N]
 *     delete RANGE [prev]
 *     txn [if CONDITION {and CONDITION}] then { OP; OP } [else { OP; OP }]
 *     nothing                              an op with nothing set
 *
 * A RANGE is `a`, `a..c`, `a..` (from a on) or `..` (everything). A CONDITION is `mod(RANGE) > 3`:
 * a target, a range, an operator and an operand. `""` is an empty key or value.
 */
export type Request =
  | { readonly kind: "requestPut"; readonly value: PutRequest }
  | { readonly kind: "requestRange"; readonly value: RangeRequest }
  | { readonly kind: "requestDeleteRange"; readonly value: DeleteRangeRequest }
  | { readonly kind: "requestTxn"; readonly value: TxnRequest };

const TARGETS = ["version", "create", "mod", "value", "lease"];
const OPERATORS = ["=", ">", "<", "!="];
const SORT_ORDERS = ["none", "asc", "desc"];
const SORT_TARGETS = ["key", "version", "create", "mod", "value"];

export function parseRequest(line: string): Request {
  const words = line.match(/[{};]|[^\s{};]+/g) ?? [];
  const reader = new RequestReader(words);
  const request = reader.op().request;
  if (request === undefined || !reader.done) throw new Error(`not a request: ${line}`);
  return request;
}

class RequestReader {
  readonly #words: readonly string[];
  #at = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  get done(): boolean {
    return this.#at === this.#words.length;
  }

  op(): RequestOp {
    const word = this.#next();
    switch (word) {
      case "put":
        return { request: { kind: "requestPut", value: this.#put() } };
      case "get":
        return { request: { kind: "requestRange", value: this.#get() } };
      case "delete":
        return { request: { kind: "requestDeleteRange", value: this.#delete() } };
      case "txn":
        return { request: { kind: "requestTxn", value: this.#txn() } };
      case "nothing":
        return { request: undefined };
      default:
        throw new Error(`unknown request: ${word}`);
    }
  }

  #put(): PutRequest {
    const key = toBytes(this.#next());
    const isValue = this.#peek() !== undefined && !/^(lease=|prev|ignore)/.test(this.#peek()!);
    const value = toBytes(isValue ? this.#next() : "");
    const flags = this.#flags();
    return {
      key,
      value,
      lease: BigInt(flags.get("lease") ?? "0"),
      prevKv: flags.has("prev"),
      ignoreValue: flags.has("ignore-value"),
      ignoreLease: flags.has("ignore-lease"),
    };
  }

  #get(): RangeRequest {
    const range = toRange(this.#next());
    const flags = this.#flags();
    const number = (name: string): number => Number(flags.get(name) ?? "0");
    return {
      ...range,
      limit: number("limit"),
      revision: number("rev"),
      sortOrder: indexOf(SORT_ORDERS, flags.get("sort") ?? "none"),
      sortTarget: indexOf(SORT_TARGETS, flags.get("by") ?? "key"),
      serializable: false,
      keysOnly: flags.has("keys-only"),
      countOnly: flags.has("count-only"),
      minModRevision: number("min-mod"),
      maxModRevision: number("max-mod"),
      minCreateRevision: number("min-create"),
      maxCreateRevision: number("max-create"),
    };
  }

  #delete(): DeleteRangeRequest {
    const range = toRange(this.#next());
    return { ...range, prevKv: this.#flags().has("prev") };
  }

  #txn(): TxnRequest {
    const compare: Compare[] = [];
    if (this.#takes("if")) {
      do compare.push(this.#condition());
      while (this.#takes("and"));
    }
    const success = this.#takes("then") ? this.#block() : [];
    const failure = this.#takes("else") ? this.#block() : [];
    return { compare, success, failure };
  }

  #block(): RequestOp[] {
    const ops: RequestOp[] = [];
    if (!this.#takes("{")) throw new Error("a list of ops opens with {");
    while (!this.#takes("}")) {
      ops.push(this.op());
      if (!this.#takes(";") && this.#peek() !== "}") throw new Error("ops are parted by ;");
    }
    return ops;
  }

  #condition(): Compare {
    const [, target = "", range = ""] = /^(\w+)\((.*)\)$/.exec(this.#next()) ?? [];
    const result = indexOf(OPERATORS, this.#next());
    const operand = this.#next();
    const kind = indexOf(TARGETS, target);
    return { ...toRange(range), target: kind, result, targetUnion: toUnion(target, operand) };
  }

  #flags(): Map<string, string> {
    const flags = new Map<string, string>();
    for (let word = this.#peek(); word !== undefined && !/^[;}]$/.test(word); word = this.#peek()) {
      const [name = "", value = ""] = this.#next().split("=");
      flags.set(name, value);
    }
    return flags;
  }

  #peek(): string | undefined {
    return this.#words[this.#at];
  }

  #takes(word: string): boolean {
    if (this.#peek() !== word) return false;
    this.#at++;
    return true;
  }

  #next(): string {
    const word = this.#words[this.#at++];
    if (word === undefined) throw new Error("the request ends too early");
    return word;
  }
}

function toUnion(target: string, operand: string): Compare["targetUnion"] {
  switch (target) {
    case "version":
      return { kind: "version", value: Number(operand) };
    case "create":
      return { kind: "createRevision", value: Number(operand) };
    case "mod":
      return { kind: "modRevision", value: Number(operand) };
    case "lease":
      return { kind: "lease", value: BigInt(operand) };
    default:
      return { kind: "value", value: toBytes(operand) };
  }
}

function toRange(text: string): { readonly key: Uint8Array; readonly rangeEnd: Uint8Array } {
  const [key = "", end] = text.split("..");
  if (end === undefined) return { key: toBytes(key), rangeEnd: new Uint8Array(0) };
  return { key: toBytes(key === "" ? "\0" : key), rangeEnd: toBytes(end === "" ? "\0" : end) };
}

function toBytes(text: string): Uint8Array {
  return Buffer.from(text === '""' ? "" : text, "latin1");
}

function indexOf(names: readonly string[], name: string): number {
  const index = names.indexOf(name);
  if (index < 0) throw new Error(`unknown name: ${name}`);
  return index;
}
