import type { HttpBodyReader, HttpExchange, HttpFront } from "../../src/api/call.ts";

/** One exchange under `/held`: what the client did is noted, what we do is up to the test. */
export class HeldExchange implements HttpBodyReader {
  readonly exchange: HttpExchange;
  text = "";
  hasEnded = false;
  isCancelled = false;
  drainedCount = 0;
  heldBytes = 0;
  readonly #changed: () => void;

  constructor(exchange: HttpExchange, changed: () => void) {
    this.exchange = exchange;
    this.#changed = changed;
  }

  body(bytes: Uint8Array): void {
    this.text += Buffer.from(bytes).toString();
    this.#changed();
  }

  ended(): void {
    this.hasEnded = true;
    this.#changed();
  }

  cancelled(): void {
    this.isCancelled = true;
    this.#changed();
  }

  drained(): void {
    this.drainedCount++;
    this.#changed();
  }
}

/** Takes what is asked for under `/held` in pieces, and leaves it to the test. */
export class HeldFront implements HttpFront {
  readonly exchanges: HeldExchange[] = [];
  #waiters: (() => void)[] = [];

  wants(target: string): boolean {
    return target.startsWith("/held");
  }

  begin(exchange: HttpExchange): HttpBodyReader {
    const held = new HeldExchange(exchange, () => this.#changed());
    this.exchanges.push(held);
    this.#changed();
    return held;
  }

  #changed(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  /** The first exchange, once it is as asked. */
  async first(isTrue: (held: HeldExchange) => boolean = () => true): Promise<HeldExchange> {
    for (;;) {
      const [held] = this.exchanges;
      if (held !== undefined && isTrue(held)) return held;
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }
}
