/**
 * The outside world, as the pure rooms may see it: handed in by the wiring, replaced by a simulated
 * twin in tests. The disk has an interface of its own in `storage/disk.ts`.
 */
export interface Clock {
  /** Milliseconds that never go backwards; the zero point means nothing. */
  monotonicMs(): number;
  /** Milliseconds since 1970 UTC; may jump. Only for people to read. */
  wallMs(): number;
}

export interface Timers {
  /** Calls `fire` once after about `delayMs`; the returned function cancels it. */
  after(delayMs: number, fire: () => void): () => void;
  /**
   * Calls `run` once when the current turn of the event loop has handled the input that is already
   * there: what is proposed in one turn is committed together.
   */
  endOfTurn(run: () => void): void;
}

export interface Random {
  /** An integer from 0 to 2^32 - 1. */
  u32(): number;
}
