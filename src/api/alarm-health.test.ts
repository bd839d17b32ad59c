import { expect, test } from "vitest";
import type { Alarm } from "../machine/alarm-command.ts";
import { alarmHealth } from "./alarm-health.ts";

const FULL: Alarm = { memberId: 1n, alarm: "nospace" };
const CORRUPT: Alarm = { memberId: 1n, alarm: "corrupt" };

test.each<[readonly Alarm[], readonly string[], string | undefined]>([
  [[], [], undefined],
  [[FULL], [], "ALARM NOSPACE"],
  [[CORRUPT], [], "ALARM CORRUPT"],
  [[FULL], ["NOSPACE"], undefined],
  [[FULL, CORRUPT], ["NOSPACE"], "ALARM CORRUPT"],
  [[FULL], ["CORRUPT", "nospace"], "ALARM NOSPACE"],
])("alarms case %#: told by the first that is not excluded (G20)", (alarms, excluded, reason) => {
  expect(alarmHealth(alarms, new Set(excluded))).toBe(reason);
});
