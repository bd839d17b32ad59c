import {
  ALARM_COMMANDS,
  CHECK_COMMANDS,
  type Command,
  GENERAL_COMMANDS,
  OTHER_COMMANDS,
  SHORT_COMMANDS,
  USER_COMMANDS,
  USER_FORMATS,
} from "./etcdctl-commands.ts";

export type SetUpName = "plain" | "forms" | "tls" | "auth" | "tls-auth" | "alarms" | "checks";

/** One who asks, and what is asked. */
export interface Section {
  /** Flags that stand before every command. */
  readonly who: readonly string[];
  readonly commands: readonly Command[];
  readonly hasStories: boolean;
}

/** How two servers are started, and what they are asked one after the other. */
export interface SetUp {
  readonly isTls: boolean;
  readonly isAuth: boolean;
  /** Flags of both servers, beside those for TLS. */
  readonly flags?: readonly string[];
  readonly sections: readonly Section[];
}

const EVERYTHING: readonly Command[] = [...GENERAL_COMMANDS, ...OTHER_COMMANDS];
const LIFE_OF_USERS = USER_COMMANDS.map((command): Command => [command]);

export const SET_UPS: Readonly<Record<SetUpName, SetUp>> = {
  plain: {
    isTls: false,
    isAuth: false,
    sections: [{ who: [], commands: [...GENERAL_COMMANDS, ...LIFE_OF_USERS], hasStories: false }],
  },
  forms: {
    isTls: false,
    isAuth: false,
    sections: [{ who: [], commands: [...OTHER_COMMANDS, ...USER_FORMATS], hasStories: true }],
  },
  tls: {
    isTls: true,
    isAuth: false,
    sections: [
      { who: [], commands: EVERYTHING, hasStories: true },
      { who: [], commands: [...LIFE_OF_USERS, ...USER_FORMATS], hasStories: false },
    ],
  },
  auth: {
    isTls: false,
    isAuth: true,
    sections: [
      {
        who: ["--user=root", "--password=rp"],
        commands: [...EVERYTHING, ...USER_FORMATS],
        hasStories: true,
      },
      { who: ["--user=ann:ap"], commands: [...EVERYTHING, ...USER_FORMATS], hasStories: false },
      { who: [], commands: SHORT_COMMANDS, hasStories: false },
      { who: ["--user=ann:wrong"], commands: SHORT_COMMANDS.slice(0, 1), hasStories: false },
    ],
  },
  /** Without --user, the certificate's common name is the user: ann. */
  "tls-auth": {
    isTls: true,
    isAuth: true,
    sections: [
      { who: ["--user=root:rp"], commands: SHORT_COMMANDS, hasStories: false },
      { who: [], commands: SHORT_COMMANDS, hasStories: false },
    ],
  },
  alarms: {
    isTls: false,
    isAuth: false,
    flags: ["--quota-backend-bytes=900000"],
    sections: [{ who: [], commands: ALARM_COMMANDS, hasStories: false }],
  },
  checks: {
    isTls: false,
    isAuth: false,
    sections: [{ who: [], commands: CHECK_COMMANDS, hasStories: false }],
  },
};

export const SET_UP_NAMES: readonly SetUpName[] = [
  "plain",
  "forms",
  "tls",
  "auth",
  "tls-auth",
  "alarms",
  "checks",
];
