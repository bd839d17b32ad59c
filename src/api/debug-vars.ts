import { idText } from "./member-ids.ts";
import type { MetricsSources } from "./metrics.ts";

/**
 * The page of /debug/vars (G23): variables by the names that etcd gives them. Memory has the names
 * of Go's runtime for what Node knows of it.
 */
export function debugVars(sources: MetricsSources): string {
  const { commandLine, openFilesMax, residentBytes, heap } = sources.process();
  const { appliedIndex } = sources.replica.status();
  const id = idText(sources.memberId);
  return JSON.stringify({
    cmdline: commandLine ?? [],
    file_descriptor_limit: openFilesMax,
    memstats: {
      Sys: residentBytes,
      Alloc: heap?.usedBytes ?? 0,
      HeapAlloc: heap?.usedBytes ?? 0,
      HeapSys: heap?.totalBytes ?? 0,
    },
    "raft.status": {
      id,
      commit: appliedIndex,
      applied: appliedIndex,
      lead: id,
      raftState: "StateLeader",
    },
  });
}
