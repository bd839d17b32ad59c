import { FastConnection } from "../support/fast-client.ts";
import { deleteRequest, headerRevision, putRequest, txnOfPuts } from "../support/fast-messages.ts";
import { FieldWalker } from "../support/fast-messages.ts";
import { SeededRandom } from "../support/random.ts";
import { writtenValue } from "./crash-audit.ts";
import type { CrashChecker, Write } from "./crash-checker.ts";

const CONNECTIONS = 4;
const KEYS_PER_PREFIX = 200;

interface WritersOptions {
  readonly seed: number;
  readonly writers: number;
  readonly prefixes: number;
  readonly valueBytes: number;
}

/**
 * Callers that write without pause, each one write at a time: puts, txns of two puts, deletes.
 * Every put's value begins with the write's own number, so that each event can be traced to it.
 */
export class Writers {
  attempted = 0;
  acknowledged = 0;
  readonly #checker: CrashChecker;
  readonly #options: WritersOptions;
  readonly #random: SeededRandom;
  #connections: FastConnection[] = [];
  #budget = 0;
  #busy = 0;
  /** From the kill on: before it, a write that fails is a fault. */
  #mayFail = false;
  #idle: (() => void) | undefined;

  constructor(checker: CrashChecker, options: WritersOptions) {
    this.#checker = checker;
    this.#options = options;
    this.#random = new SeededRandom(options.seed ^ 0x5eed);
  }

  async connect(port: number): Promise<void> {
    this.#mayFail = false;
    this.#connections = await Promise.all(
      Array.from({ length: CONNECTIONS }, () => FastConnection.open(port)),
    );
  }

  /** Writes until the connections break. */
  start(): void {
    this.#budget = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.#options.writers; i++) this.#next(i);
  }

  /** Makes `count` writes and waits for their answers. */
  async write(count: number): Promise<void> {
    this.#budget = count;
    for (let i = 0; i < this.#options.writers; i++) this.#next(i);
    await this.lost();
  }

  /** The server is about to be killed: writes under way may fail from now on. */
  expectLoss(): void {
    this.#mayFail = true;
  }

  /** Waits until no call is open any more. */
  lost(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#busy === 0) resolve();
      else this.#idle = resolve;
    });
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  #next(writer: number): void {
    const connection = this.#connections[writer % CONNECTIONS];
    if (connection === undefined || connection.isClosed || this.#budget <= 0) {
      if (this.#busy === 0) this.#idle?.();
      return;
    }
    this.#budget--;
    this.#busy++;
    const id = ++this.attempted;
    const write = this.#chooseWrite();
    this.#checker.attempted(id, write);
    const { path, request } = encodeWrite(id, write, this.#options.valueBytes);
    connection.unary(path, request, (response, end) => {
      this.#busy--;
      if (response === undefined) {
        if (!this.#mayFail) this.#checker.violations.push(`a write failed: ${end.text}`);
      } else {
        this.acknowledged++;
        const changedNothing = write.kind === "delete" && deletedCount(response) === 0;
        this.#checker.acknowledged(id, changedNothing ? 0 : headerRevision(response));
      }
      this.#next(writer);
    });
  }

  #chooseWrite(): Write {
    const random = this.#random;
    const prefix = `p${random.below(this.#options.prefixes)}/`;
    const key = `${prefix}${random.below(KEYS_PER_PREFIX)}`;
    const kind = random.next();
    if (kind < 0.05) return { kind: "delete", keys: [key] };
    if (kind < 0.15) return { kind: "put", keys: [key, `${key}+`] };
    return { kind: "put", keys: [key] };
  }
}

function encodeWrite(
  id: number,
  write: Write,
  valueBytes: number,
): { path: string; request: Buffer } {
  const keys = write.keys.map((key) => Buffer.from(key));
  const [first = Buffer.alloc(0)] = keys;
  if (write.kind === "delete") {
    return { path: "/etcdserverpb.KV/DeleteRange", request: deleteRequest(first) };
  }
  const value = Buffer.from(writtenValue(id, valueBytes));
  if (keys.length === 1) return { path: "/etcdserverpb.KV/Put", request: putRequest(first, value) };
  return { path: "/etcdserverpb.KV/Txn", request: txnOfPuts(keys, value) };
}

/** DeleteRangeResponse.deleted = 2. */
function deletedCount(response: Buffer): number {
  const walker = new FieldWalker().over(response);
  while (walker.next()) if (walker.field === 2) return walker.value;
  return 0;
}
