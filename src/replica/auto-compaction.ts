import { EtcdError } from "../base/errors.ts";
import { every } from "../base/every.ts";
import type { Timers } from "../base/outside.ts";
import type { Replica } from "./replica.ts";

export type AutoCompactionOptions =
  | { readonly mode: "off" }
  /** Keep the history of this long. */
  | { readonly mode: "periodic"; readonly retentionMs: number }
  /** Keep this many revisions. */
  | { readonly mode: "revision"; readonly retention: number };

const HOUR_MS: number = 60 * 60 * 1000;
const REVISION_CHECK_MS: number = 5 * 60 * 1000;
const SAMPLES_PER_PERIOD = 10;

/** Compacts by itself, as etcd's --auto-compaction flags say (K66). The result stops it. */
export function startAutoCompaction(
  options: AutoCompactionOptions,
  replica: Pick<Replica, "view" | "propose">,
  timers: Timers,
): () => void {
  switch (options.mode) {
    case "off":
      return () => {};
    case "periodic":
      return every(timers, samplePeriodMs(options.retentionMs), periodic(options, replica));
    case "revision":
      return every(timers, REVISION_CHECK_MS, () =>
        compactTo(replica, replica.view.revision - options.retention),
      );
  }
}

function samplePeriodMs(retentionMs: number): number {
  return Math.min(retentionMs, HOUR_MS) / SAMPLES_PER_PERIOD;
}

/**
 * Takes a sample of the revision ten times a period. Once the samples reach back as far as the
 * retention, compacts to the oldest of them, at most once a period.
 */
function periodic(
  { retentionMs }: { readonly retentionMs: number },
  replica: Pick<Replica, "view" | "propose">,
): () => void {
  const kept = Math.round(retentionMs / samplePeriodMs(retentionMs));
  const samples: number[] = [replica.view.revision];
  let sinceCompaction = SAMPLES_PER_PERIOD;
  return () => {
    samples.push(replica.view.revision);
    sinceCompaction++;
    if (samples.length <= kept) return;
    const oldest = samples[samples.length - 1 - kept] as number;
    samples.splice(0, samples.length - kept);
    if (sinceCompaction < SAMPLES_PER_PERIOD) return;
    sinceCompaction = 0;
    compactTo(replica, oldest);
  };
}

function compactTo(replica: Pick<Replica, "view" | "propose">, revision: number): void {
  if (revision <= 0 || revision <= replica.view.compacted) return;
  replica.propose({ kind: "compact", revision, physical: false }, (outcome) => {
    // A client compacted further meanwhile: nothing is left to do.
    if (outcome instanceof EtcdError) return;
  });
}
