import { runPuts, runRanges } from "./call-load.ts";
import { prepareCatchUp } from "./catch-up-load.ts";
import { prepareRenewals } from "./lease-load.ts";
import { type MemoryLoad, runMemoryLoad } from "./memory-load.ts";
import type { Bar, Row } from "./row.ts";
import { runStallLoad } from "./stall-load.ts";
import { type WatchLoad, runWatchLoad } from "./watch-load.ts";

const CALLS = "calls";
const EVENTS = "events to watchers";
const STALL = "stalled watchers";
const CATCH_UP = "catching up";
const MEMORY = "memory";

const FAN_OUT: WatchLoad = {
  interest: "all",
  watchers: 1_000,
  streams: 100,
  writers: 64,
  putsPerSecond: 0,
  putsMax: 20_000,
  putsPerCall: 1,
};

/** What the servers' writing costs is the smallest part when many keys are written at once. */
const TXNS = { writers: 16, putsPerCall: 100, putsMax: 400_000 } as const;

const SELECTIVE_BARS: readonly Bar[] = [
  { figure: "perSecond", times: 4 },
  { figure: "cpuMicros", times: 0.5 },
  { figure: "watchP99Ms", times: 1 },
];

/** All rows, in the order in which they run. */
export const ROWS: readonly Row[] = [
  {
    name: "put, 1 caller",
    group: CALLS,
    bars: callBars(0.9),
    prepare: async (context) => () => runPuts({ callers: 1, calls: 2_000 }, context),
  },
  {
    name: "put, 64 callers",
    group: CALLS,
    bars: callBars(2),
    prepare: async (context) => () => runPuts({ callers: 64, calls: 30_000 }, context),
  },
  {
    name: "range, 64 callers",
    group: CALLS,
    bars: callBars(2),
    prepare: async (context) => {
      await runPuts({ callers: 256, calls: 10_000 }, context);
      return () => runRanges({ callers: 64, calls: 60_000 }, context);
    },
  },
  {
    name: "renewal, 100,000 leases, 64 streams",
    group: CALLS,
    bars: callBars(2),
    prepare: (context) =>
      prepareRenewals({ leases: 100_000, streams: 64, renewals: 100_000 }, context),
  },
  watchRow("fan-out: 1,000 watchers of one range, 64 writers", FAN_OUT, [
    { figure: "perSecond", times: 10 },
    { figure: "cpuMicros", times: 1 / 12 },
    { figure: "watchP99Ms", times: 0.1 },
  ]),
  watchRow("fan-out: the same at 2,000 puts/s", { ...FAN_OUT, putsPerSecond: 2_000 }, [
    { figure: "putsPerSecond", times: 1 },
    { figure: "cpuMicros", times: 0.5 },
    { figure: "watchP99Ms", times: 0.1 },
  ]),
  watchRow(
    "fan-out: 10,000 watchers of one range, 16 writers",
    { ...FAN_OUT, watchers: 10_000, streams: 1_000, writers: 16, putsMax: 1_000 },
    [
      { figure: "perSecond", times: 15 },
      { figure: "cpuMicros", times: 0.15 },
      { figure: "putP99Ms", times: 1 / 8 },
    ],
  ),
  watchRow(
    "selective: 10,000 watchers of a key each, 64 writers",
    { ...FAN_OUT, interest: "key", watchers: 10_000, putsMax: 100_000 },
    SELECTIVE_BARS,
  ),
  watchRow(
    "selective: 1,000 watchers of a prefix each, 64 writers",
    { ...FAN_OUT, interest: "prefix", putsMax: 100_000 },
    SELECTIVE_BARS,
  ),
  watchRow(
    "selective: the 10,000, 16 writers of transactions of 100 puts",
    { ...FAN_OUT, ...TXNS, interest: "key", watchers: 10_000 },
    SELECTIVE_BARS,
  ),
  watchRow(
    "selective: the 1,000 prefixes, 16 writers of transactions of 100 puts",
    { ...FAN_OUT, ...TXNS, interest: "prefix" },
    SELECTIVE_BARS,
  ),
  {
    name: "stall: 1,000 watchers beside 1,000 that never read, 1,000 puts/s",
    group: STALL,
    bars: [
      { figure: "putP99Ms", times: 1 },
      { figure: "watchP99Ms", times: 1 },
      { figure: "growthMiB", times: 1 },
    ],
    prepare: async (context) => () => runStallLoad(context),
  },
  {
    name: "catch-up: 100 watchers, 100,000 revisions, 200 puts/s beside",
    group: CATCH_UP,
    bars: [
      { figure: "perSecond", times: 6 },
      { figure: "cpuMicros", times: 0.2 },
      { figure: "putP99Ms", times: 1 },
    ],
    prepare: prepareCatchUp,
  },
  memoryRow("memory: 100,000 watchers of one range, 100 streams", {
    interest: "all",
    watchers: 100_000,
    streams: 100,
  }),
  memoryRow("memory: 100,000 watchers of one range, 1,000 streams", {
    interest: "all",
    watchers: 100_000,
    streams: 1_000,
  }),
  memoryRow("memory: 100,000 watchers of a key each, 100 streams", {
    interest: "key",
    watchers: 100_000,
    streams: 100,
  }),
  memoryRow("memory: 100,000 watchers of a key each, 1,000 streams", {
    interest: "key",
    watchers: 100_000,
    streams: 1_000,
  }),
  memoryRow("memory: 100,000 watchers of a prefix each, 100 streams", {
    interest: "prefix",
    watchers: 100_000,
    streams: 100,
  }),
  memoryRow("memory: 100,000 watchers of a prefix each, 1,000 streams", {
    interest: "prefix",
    watchers: 100_000,
    streams: 1_000,
  }),
  memoryRow("memory: 10,000 streams without a watcher", {
    interest: "all",
    watchers: 0,
    streams: 10_000,
  }),
];

function watchRow(name: string, load: WatchLoad, bars: readonly Bar[]): Row {
  return {
    name,
    group: EVENTS,
    bars,
    prepare: async (context) => () => runWatchLoad(load, context),
  };
}

function memoryRow(name: string, load: MemoryLoad): Row {
  return {
    name,
    group: MEMORY,
    isFresh: true,
    bars: [
      { figure: "residentBytes", times: 0.5 },
      { figure: "createMs", times: 1 },
    ],
    prepare: async (context) => () => runMemoryLoad(load, context),
  };
}

function callBars(times: number): readonly Bar[] {
  return [
    { figure: "perSecond", times },
    { figure: "cpuMicros", times: 0.5 },
    { figure: "callP99Ms", times: 1 },
  ];
}
