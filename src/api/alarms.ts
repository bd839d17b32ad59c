import type { Alarm, AlarmCommand } from "../machine/alarm-command.ts";
import type { Draft } from "./proto/codec.ts";
import {
  AlarmAction,
  type AlarmMember,
  type AlarmRequest,
  AlarmType,
} from "./proto/messages-cluster.ts";

/** The command that an Alarm request asks for (M10); an unknown action or type asks for nothing. */
export function alarmCommand({ action, memberID, alarm }: AlarmRequest): AlarmCommand {
  const kind = "alarm";
  const type = typeOf(alarm);
  switch (action) {
    case AlarmAction.GET:
      return { kind, action: "get", memberId: memberID, alarm: type };
    case AlarmAction.ACTIVATE:
      return { kind, action: "activate", memberId: memberID, alarm: type };
    case AlarmAction.DEACTIVATE:
      return { kind, action: "deactivate", memberId: memberID, alarm: type };
    default:
      return { kind, action: "get", memberId: memberID, alarm: "unknown" };
  }
}

export function alarmMessage({ memberId, alarm }: Alarm): Draft<AlarmMember> {
  const type = alarm === "nospace" ? AlarmType.NOSPACE : AlarmType.CORRUPT;
  return { memberID: memberId, alarm: type };
}

/** An alarm as Status lists it among its errors: protobuf's text form, as Go prints it (M1). */
export function alarmText({ memberId, alarm }: Alarm): string {
  return `memberID:${memberId} alarm:${alarm.toUpperCase()} `;
}

function typeOf(type: number): AlarmCommand["alarm"] {
  switch (type) {
    case AlarmType.NONE:
      return "none";
    case AlarmType.NOSPACE:
      return "nospace";
    case AlarmType.CORRUPT:
      return "corrupt";
    default:
      return "unknown";
  }
}
