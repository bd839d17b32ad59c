import type { Segment } from "./segment.ts";

/** So many small neighbours are put together even when all of them is needed. */
const SMALL_RUN = 4;

/**
 * Held tombstones may take this share of what is needed before old segments are cleaned for them.
 */
const HELD_SHARE_MAX = 0.25;

interface Candidate {
  readonly segment: Segment;
  /** Bytes that a rewrite would copy. */
  readonly liveBytes: number;
  readonly mayBeRewritten: boolean;
  /** Reason enough for a rewrite by itself. */
  readonly isWorthIt: boolean;
}

/**
 * Neighbouring sealed segments that are worth rewriting together: less than half of them needed, or
 * small ones beside those, or a row of small ones; as many as fit one segment. The oldest such run;
 * empty when there is none.
 *
 * Tombstones that are held because older segments hold dead records count as needed until those are
 * clean. When they take too much, every segment with dead records is worth it, oldest first; those
 * with a number below `thoroughBelow` always are.
 */
export function chooseRun(
  list: readonly Segment[],
  segmentBytes: number,
  thoroughBelow: number = 0,
): readonly Segment[] {
  let run: Candidate[] = [];
  let live = 0;
  for (const candidate of candidatesOf(list, thoroughBelow)) {
    const { segment, liveBytes, mayBeRewritten, isWorthIt } = candidate;
    const isCandidate = mayBeRewritten && (isWorthIt || isSmall(segment, segmentBytes));
    const fits = live + liveBytes <= segmentBytes;
    if (isCandidate && (run.length === 0 || fits)) {
      run.push(candidate);
      live += liveBytes;
      continue;
    }
    if (isRunWorthIt(run)) return run.map((one) => one.segment);
    run = isCandidate ? [candidate] : [];
    live = isCandidate ? liveBytes : 0;
  }
  return isRunWorthIt(run) ? run.map((one) => one.segment) : [];
}

function candidatesOf(list: readonly Segment[], thoroughBelow: number): readonly Candidate[] {
  let live = 0;
  let held = 0;
  for (const segment of list) {
    live += segment.liveBytes;
    held += segment.heldBytes;
  }
  const isCrowded = held > live * HELD_SHARE_MAX;
  let hasOlderDead = false;
  return list.map((segment, i) => {
    // The last file there is has to stay the log's open end until the one behind it is there.
    const isFollowed = list[i + 1]?.listed === true;
    const liveBytes = segment.liveBytes - (hasOlderDead ? 0 : segment.heldBytes);
    const hasDead = segment.deadBytes > 0;
    hasOlderDead ||= hasDead;
    const isMostlyDead = liveBytes * 2 < segment.frameBytes;
    return {
      segment,
      liveBytes,
      mayBeRewritten: segment.sealed && isFollowed,
      isWorthIt: isMostlyDead || (hasDead && (isCrowded || segment.number < thoroughBelow)),
    };
  });
}

function isRunWorthIt(run: readonly Candidate[]): boolean {
  return run.length >= SMALL_RUN || run.some((candidate) => candidate.isWorthIt);
}

function isSmall(segment: Segment, segmentBytes: number): boolean {
  return segment.end < segmentBytes / 4;
}
