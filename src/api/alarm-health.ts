import type { Alarm } from "../machine/alarm-command.ts";

/**
 * Why a server with these alarms is not healthy, in the words of etcd's /health; undefined when it
 * is. Alarms that are excluded by name (`NOSPACE`, `CORRUPT`) do not count (G20).
 */
export function alarmHealth(
  alarms: readonly Alarm[],
  excluded: ReadonlySet<string>,
): string | undefined {
  for (const { alarm } of alarms) {
    const name = alarm.toUpperCase();
    if (!excluded.has(name)) return `ALARM ${name}`;
  }
  return undefined;
}
