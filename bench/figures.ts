/** Everything that a row may measure. */
export const FIGURES: Readonly<Record<FigureName, Figure>> = {
  perSecond: { heading: "per second", digits: 0, better: "more" },
  putsPerSecond: { heading: "puts/s", digits: 0, better: "more" },
  cpuMicros: { heading: "CPU us each", digits: 3, better: "less" },
  cpuUserMicros: { heading: "user", digits: 3, better: "less" },
  cpuSystemMicros: { heading: "system", digits: 3, better: "less" },
  callP50Ms: { heading: "p50 ms", digits: 2, better: "less" },
  callP99Ms: { heading: "p99 ms", digits: 2, better: "less" },
  putP50Ms: { heading: "put p50 ms", digits: 2, better: "less" },
  putP99Ms: { heading: "put p99 ms", digits: 2, better: "less" },
  watchP50Ms: { heading: "watch p50 ms", digits: 2, better: "less" },
  watchP99Ms: { heading: "watch p99 ms", digits: 2, better: "less" },
  alonePutP99Ms: { heading: "put p99 alone", digits: 2, better: "less" },
  aloneWatchP99Ms: { heading: "watch p99 alone", digits: 2, better: "less" },
  putP99Ratio: { heading: "put p99, x alone", digits: 2, better: "less" },
  watchP99Ratio: { heading: "watch p99, x alone", digits: 2, better: "less" },
  idlePutP50Ms: { heading: "put p50 idle", digits: 2, better: "less" },
  idlePutP99Ms: { heading: "put p99 idle", digits: 2, better: "less" },
  growthMiB: { heading: "memory growth MiB", digits: 1, better: "less" },
  residentBytes: { heading: "RSS bytes each", digits: 0, better: "less" },
  liveBytes: { heading: "live bytes each", digits: 0, better: "less" },
  liveHeapBytes: { heading: "of it heap", digits: 0, better: "less" },
  createMs: { heading: "create all ms", digits: 0, better: "less" },
};

interface Figure {
  readonly heading: string;
  readonly digits: number;
  readonly better: "more" | "less";
}

export type FigureName =
  | "perSecond"
  | "putsPerSecond"
  | "cpuMicros"
  | "cpuUserMicros"
  | "cpuSystemMicros"
  | "callP50Ms"
  | "callP99Ms"
  | "putP50Ms"
  | "putP99Ms"
  | "watchP50Ms"
  | "watchP99Ms"
  | "alonePutP99Ms"
  | "aloneWatchP99Ms"
  | "putP99Ratio"
  | "watchP99Ratio"
  | "idlePutP50Ms"
  | "idlePutP99Ms"
  | "growthMiB"
  | "residentBytes"
  | "liveBytes"
  | "liveHeapBytes"
  | "createMs";

/** What one round of a row measured. */
export type Figures = Readonly<Partial<Record<FigureName, number>>>;

/** The median of each figure over several rounds; of an even number, the upper one. */
export function medians(rounds: readonly Figures[]): Figures {
  const result: Partial<Record<FigureName, number>> = {};
  for (const name of Object.keys(FIGURES) as FigureName[]) {
    const values = rounds.map((round) => round[name]).filter((value) => value !== undefined);
    const middle = values.sort((left, right) => left - right)[values.length >> 1];
    if (middle !== undefined) result[name] = middle;
  }
  return result;
}
