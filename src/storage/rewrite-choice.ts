import type { Segment } from "./segment.ts";
import { SEGMENT_HEADER_BYTES } from "./segment-header.ts";

/** So many small neighbours are put together even when all of them is needed. */
const SMALL_RUN = 4;

/**
 * Neighbouring sealed segments that are worth rewriting together: less than half of them needed, or
 * small ones beside those, or a row of small ones; as many as fit one segment. The oldest such run;
 * empty when there is none.
 */
export function chooseRun(list: readonly Segment[], segmentBytes: number): readonly Segment[] {
  let run: Segment[] = [];
  let live = 0;
  for (let i = 0; i < list.length; i++) {
    const segment = list[i] as Segment;
    // The last file there is has to stay the log's open end until the one behind it is there.
    const isFollowed = list[i + 1]?.listed === true;
    const isCandidate =
      segment.sealed && isFollowed && (isMostlyDead(segment) || isSmall(segment, segmentBytes));
    const fits = live + segment.liveBytes <= segmentBytes;
    if (isCandidate && (run.length === 0 || fits)) {
      run.push(segment);
      live += segment.liveBytes;
      continue;
    }
    if (isWorthIt(run)) return run;
    run = isCandidate ? [segment] : [];
    live = run.length === 0 ? 0 : segment.liveBytes;
  }
  return isWorthIt(run) ? run : [];
}

function isWorthIt(run: readonly Segment[]): boolean {
  return run.length >= SMALL_RUN || run.some(isMostlyDead);
}

function isMostlyDead(segment: Segment): boolean {
  return segment.liveBytes * 2 < segment.end - SEGMENT_HEADER_BYTES;
}

function isSmall(segment: Segment, segmentBytes: number): boolean {
  return segment.end < segmentBytes / 4;
}
