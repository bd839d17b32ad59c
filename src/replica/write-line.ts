import type { Clock, Timers } from "../base/outside.ts";
import type { Steps } from "../base/steps.ts";
import type { Command } from "../machine/command.ts";
import type { Machine } from "../machine/machine.ts";
import { heldBytes, ownCommand } from "../machine/own-command.ts";
import type { CommandResult, Outcome } from "../machine/result.ts";
import type { EventBlock } from "../watch/event-block.ts";
import { blockInSteps } from "../watch/event-log.ts";

export type Done = (outcome: Outcome<CommandResult>) => void;

/** What a large write did. */
export interface LargeWrite {
  readonly command: Command;
  readonly done: Done;
  readonly outcome: Outcome<CommandResult>;
  /** Its events, ready for the event log; undefined when it changed nothing. */
  readonly events: EventBlock | undefined;
}

export interface WriteLineOptions {
  readonly machine: Machine;
  readonly timers: Timers;
  readonly clock: Clock;
  /** Applies the command at once, its turn has come. */
  readonly apply: (command: Command, done: Done) => void;
  /** False while what was applied before could still be committed without a large write. */
  readonly mayBegin: () => boolean;
  /** A large write has been applied whole. */
  readonly applied: (write: LargeWrite) => void;
}

interface Held {
  readonly command: Command;
  readonly done: Done;
  readonly bytes: number;
}

/** One turn of the event loop gives so much time to large writes and to those behind them. */
const TURN_MS = 1;

/**
 * The line in which commands wait while a large write is applied in slices, one in each turn of the
 * event loop. It is there only when there is a large write: everything else passes it by. Reads,
 * deliveries and renewals of leases go on; the large write is one revision, which nobody sees and
 * nothing commits before it is whole.
 */
export class WriteLine {
  readonly #options: WriteLineOptions;
  readonly #held: Held[] = [];
  /** Those in front of it have left the line. */
  #first = 0;
  #heldBytes = 0;
  #work: Steps<LargeWrite> | undefined;
  #isScheduled = false;
  #isWaiting = false;
  #whenWhole: (() => void)[] = [];

  constructor(options: WriteLineOptions) {
    this.#options = options;
  }

  /** Whether commands have to wait in line. */
  get isBusy(): boolean {
    return this.#work !== undefined || this.#held.length > 0;
  }

  /** Whether some of a write has been applied, and some has not: nothing may be committed. */
  get isHalfWay(): boolean {
    return this.#work !== undefined;
  }

  /** Bytes of the commands that wait. */
  get bytes(): number {
    return this.#heldBytes;
  }

  /** Commands that wait or are under way. */
  get length(): number {
    return this.#held.length - this.#first + (this.#work === undefined ? 0 : 1);
  }

  /** Puts a copy of the command at the end of the line. */
  join(command: Command, done: Done): void {
    const bytes = heldBytes(command);
    this.#held.push({ command: ownCommand(command), done, bytes });
    this.#heldBytes += bytes;
    this.#schedule();
  }

  /** `mayBegin` may have become true. */
  resume(): void {
    if (this.#isWaiting) this.#schedule();
  }

  /** Those who wait will not have their turn; a write that is half-way goes on. */
  clear(): void {
    this.#held.length = 0;
    this.#first = 0;
    this.#heldBytes = 0;
  }

  /** Calls `run` when no write is half-way, at once if none is. */
  whenWhole(run: () => void): void {
    if (this.#work === undefined) run();
    else this.#whenWhole.push(run);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#isWaiting = false;
    this.#options.timers.endOfTurn(() => {
      this.#isScheduled = false;
      this.#turn();
    });
  }

  #turn(): void {
    const { clock } = this.#options;
    const endMs = clock.monotonicMs() + TURN_MS;
    while (this.isBusy) {
      if (this.#work === undefined) this.#isWaiting = !this.#takeNext();
      else this.#step(this.#work);
      if (this.#isWaiting) return;
      if (clock.monotonicMs() < endMs) continue;
      if (this.isBusy) this.#schedule();
      return;
    }
  }

  #step(work: Steps<LargeWrite>): void {
    const step = work.next();
    if (step.done !== true) return;
    this.#work = undefined;
    this.#options.applied(step.value);
    for (const run of this.#whenWhole.splice(0)) run();
  }

  /** False when the first in line is a large write that may not begin yet. */
  #takeNext(): boolean {
    const held = this.#held[this.#first] as Held;
    const { machine, mayBegin, apply } = this.#options;
    const isLarge = machine.isLarge(held.command);
    if (isLarge && !mayBegin()) return false;
    this.#first++;
    this.#heldBytes -= held.bytes;
    if (this.#first === this.#held.length) {
      this.#held.length = 0;
      this.#first = 0;
    }
    if (isLarge) this.#work = largeWrite(machine, held);
    else apply(held.command, held.done);
    return true;
  }
}

function* largeWrite(machine: Machine, { command, done }: Held): Steps<LargeWrite> {
  const { outcome, changes } = yield* machine.applyInSteps(command);
  const events = changes.length === 0 ? undefined : yield* blockInSteps(changes);
  return { command, done, outcome, events };
}
