/**
 * Stops the process's work when one of our own invariants is broken: state can no longer be
 * trusted. Never used on input, never caught below the wiring. The message is a constant that
 * states the fact in the positive, because a built message costs ten times the check it explains.
 */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

export function assert(fact: boolean, message: string): asserts fact {
  if (!fact) throw new AssertionError(message);
}

/** For the default branch of an exhaustive switch: compiles only when no case is left. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}
