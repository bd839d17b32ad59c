import type { Grant } from "./auth-world.ts";

/**
 * What permissions mean, said as plainly as can be: one key after the other. Keys are latin1 texts,
 * which compare like their bytes.
 */
const LETTERS = ["\0", "a", "b", "c", "d", "\xff"];
/** Every key of up to two letters: each boundary of the matrix lies between two of them. */
const UNIVERSE: readonly string[] = LETTERS.flatMap((one) => [
  one,
  ...LETTERS.map((two) => one + two),
]);

const READ = 0;
const WRITE = 1;
const BOTH = 2;

export function isIn(key: string, [from, end]: readonly [key: string, rangeEnd: string]): boolean {
  if (end === "") return key === from;
  return key >= from && (end === "\0" || key < end);
}

function isGranted(key: string, kind: number, grants: readonly Grant[]): boolean {
  return grants.some(
    ([type, from, end]) => (type === kind || type === BOTH) && isIn(key, [from, end]),
  );
}

/**
 * Whether every key that is asked for is granted, or, where no key is asked for, the one that the
 * range starts with.
 */
export function permits(
  grants: readonly Grant[],
  kind: "read" | "write",
  asked: readonly [key: string, rangeEnd: string],
): boolean {
  const wanted = UNIVERSE.filter((key) => isIn(key, asked));
  const type = kind === "read" ? READ : WRITE;
  if (wanted.length > 0) return wanted.every((key) => isGranted(key, type, grants));
  return isGranted(asked[0], type, grants);
}
