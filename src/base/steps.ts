/**
 * Work that is done piece by piece: each `next` does a piece, a fraction of a millisecond long, and
 * the last one returns the result. Whoever drives it decides what comes between.
 */
export type Steps<Result> = Generator<undefined, Result>;

/** Texts that one step sorts by itself, and that one step of a merge passes on. */
const RUN_TEXTS = 512;

/** A copy of the texts in ascending order, sorted in steps. */
export function* sortInSteps(texts: readonly string[]): Steps<readonly string[]> {
  let sorted = [...texts];
  for (let from = 0; from < sorted.length; from += RUN_TEXTS) {
    const run = sorted.slice(from, from + RUN_TEXTS).sort();
    for (let i = 0; i < run.length; i++) sorted[from + i] = run[i] as string;
    yield;
  }
  let other = new Array<string>(sorted.length);
  for (let width = RUN_TEXTS; width < sorted.length; width *= 2) {
    for (let from = 0; from < sorted.length; from += 2 * width) {
      yield* mergeInSteps(sorted, other, from, width);
    }
    [sorted, other] = [other, sorted];
  }
  return sorted;
}

/** Merges the two ascending runs of `width` texts that begin at `from` into the same places. */
function* mergeInSteps(
  source: readonly string[],
  target: string[],
  from: number,
  width: number,
): Steps<void> {
  const middle = Math.min(from + width, source.length);
  const end = Math.min(middle + width, source.length);
  let left = from;
  let right = middle;
  for (let at = from; at < end; at++) {
    const takesLeft =
      right === end || (left < middle && (source[left] as string) <= (source[right] as string));
    target[at] = source[takesLeft ? left++ : right++] as string;
    if (at % RUN_TEXTS === 0) yield;
  }
}
