import type { Clock } from "../base/outside.ts";

/**
 * How long the input of one connection may be handled in one turn of the event loop. Beyond: the
 * rest waits for the next turn, and the socket is not read meanwhile.
 */
export const INPUT_SLICE_MS = 1;
/**
 * How long all the input that waits may be handled in one turn: those who had their turn stand at
 * the end of the line. Beyond: the others wait for the next turn. At least one has its turn.
 */
export const WAITING_INPUT_MS = 2;
/** Pieces of work, a frame or a message each, between two looks at the clock. */
export const WORK_BETWEEN_LOOKS = 16;
/** What handing a whole request to its method counts for: as a rule it costs more than a frame. */
export const CALL_WORK = 4;

/** Somebody whose input has to wait for a turn of the event loop. */
export interface WaitingInput {
  /** Goes on; may begin to wait again. */
  takeTurn(): void;
}

/**
 * Gives the inputs of a listener's connections their turns, so that none takes the event loop from
 * the others. Input that has just come is handled at once, up to a slice for its connection; what
 * is left over then waits in line. So a client that sends little never stands behind one that sends
 * much.
 */
export class InputTurns {
  readonly #clock: Clock;
  readonly #schedule: () => void;
  #number = 1;
  #waiting: WaitingInput[] = [];

  /** `schedule` sees to it that `next` and `serve` are called at the end of this turn. */
  constructor(clock: Clock, schedule: () => void) {
    this.#clock = clock;
    this.#schedule = schedule;
  }

  /** Which turn of the event loop this is; asking is enough to have it end. */
  current(): number {
    this.#schedule();
    return this.#number;
  }

  nowMs(): number {
    return this.#clock.monotonicMs();
  }

  /** Calls `takeTurn` once, in a later turn or at the end of this one. */
  wait(input: WaitingInput): void {
    this.#waiting.push(input);
    this.#schedule();
  }

  /** A new turn begins: everybody may handle input again. */
  next(): void {
    this.#number++;
  }

  /** Those who wait go on, the one who has waited longest first, for as long as they may. */
  serve(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    const endMs = this.nowMs() + WAITING_INPUT_MS;
    let served = 0;
    for (const input of waiting) {
      if (served > 0 && this.nowMs() >= endMs) break;
      input.takeTurn();
      served++;
    }
    if (served < waiting.length) this.#waiting = waiting.slice(served).concat(this.#waiting);
    if (this.#waiting.length > 0) this.#schedule();
  }
}

/** What one connection may still do in this turn of the event loop. */
export class InputSlice {
  readonly #turns: InputTurns;
  /** The turn that the slice is of. */
  #turn = 0;
  #endMs = 0;
  #workLeft = 0;
  #isOver = false;

  constructor(turns: InputTurns) {
    this.#turns = turns;
  }

  /** Input is about to be handled: a new slice (true), unless this turn has one already. */
  begin(nowMs: number = this.#turns.nowMs()): boolean {
    const turn = this.#turns.current();
    if (turn === this.#turn) return false;
    this.#turn = turn;
    this.#endMs = nowMs + INPUT_SLICE_MS;
    this.#workLeft = WORK_BETWEEN_LOOKS;
    this.#isOver = false;
    return true;
  }

  /** Whether one more piece of work may be done now. The first of a slice always may. */
  mayGoOn(): boolean {
    if (this.#workLeft > 0) {
      this.#workLeft--;
      return true;
    }
    if (this.#isOver) return false;
    this.#isOver = this.#turns.nowMs() >= this.#endMs;
    if (!this.#isOver) this.#workLeft = WORK_BETWEEN_LOOKS - 1;
    return !this.#isOver;
  }

  /** Calls `run` with a new slice. */
  next(run: () => void): void {
    this.#turns.wait({
      takeTurn: () => {
        this.begin();
        run();
      },
    });
  }

  /** A whole request was handed to its method. */
  countCall(): void {
    this.#workLeft -= CALL_WORK;
  }
}
