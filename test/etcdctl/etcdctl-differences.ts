import type { PeerKind } from "./etcdctl-station.ts";

/** A difference that is meant, or lies in the versions of two servers. */
export interface ListedDifference {
  /** Only with this etcdctl and its etcd; absent = with each. */
  readonly kind?: PeerKind;
  /** Which commands show it, all of them: `set-up: user's flags and command line`. */
  readonly commands: RegExp;
  /** What differs in them; all else is equal. Global. */
  readonly text: RegExp;
  /** What our answer has in it; absent = anything. */
  readonly ours?: RegExp;
  /** What etcd's answer has in it; absent = anything. */
  readonly theirs?: RegExp;
  /** The commands for readers, as docs/differences-from-etcd.md names them. */
  readonly about: string;
  readonly why: string;
}

/** An exit code and everything that was printed. */
const ALL = /^exit [\s\S]*$/g;
const REFUSED = /user name is empty|permission denied/;
const NOT_REFUSED = /^(?!.*(?:user name is empty|permission denied))/s;

const VERSION = {
  text: /\b3\.\d+\.\d+\b/g,
  ours: /3\.7\.\d+/,
  about: "endpoint status",
  why: "the version is that of the protocol, 3.7; bytes and raft's counters are our own",
};

const REFUSAL_CODE = {
  text: new RegExp(
    "(?:rpc error: )?(?:code = \\w+ desc = )?(?:auth|etcdserver): " +
      "(?=permission denied|user name is empty)",
    "g",
  ),
  ours: /etcdserver: (?:permission denied|user name is empty)/,
  theirs: /auth: permission denied|auth: user name is empty|code = Unknown/,
  about: "defrag, endpoint hashkv",
  why: "a refusal has its own code and text, where 3.4 and 3.5 answer Unknown",
};

export const LISTED_DIFFERENCES: readonly ListedDifference[] = [
  {
    ...VERSION,
    kind: "etcd-3.4",
    commands: new RegExp(
      "^(?!auth: endpoint).*endpoint status(?: -w (?:fields|json|table))?$" +
        "|^(?:forms|tls): endpoint status --cluster$",
    ),
  },
  {
    ...VERSION,
    kind: "etcd-3.5",
    commands: new RegExp(
      "^(?:(?:forms|tls|alarms):|(?:tls-)?auth: --user=root.*) " +
        "endpoint status(?: -w (?:fields|json|table)| --cluster)?$",
    ),
  },
  {
    kind: "etcd-3.4",
    commands: /alarm list -w (?:fields|json)$/,
    text: ALL,
    ours: /^exit 0/,
    theirs: /^exit 2\s+panic|^exit 0\n\{(?!"header")/,
    about: "alarm list -w fields, json",
    why: "3.4 answers without a header, which its etcdctl leaves out or dies of",
  },
  {
    kind: "etcd-3.4",
    commands: /^auth: (?:(?:--\S+ )+(?:endpoint \w+|defrag)|endpoint health) --cluster$/,
    text: ALL,
    ours: /failed to fetch endpoints from etcd cluster member list: .*user name is empty/,
    theirs: /^(?!.*failed to fetch endpoints)/s,
    about: "--cluster with auth",
    why: "etcdctl 3.4 asks for the members without a user, which etcd since 3.5 refuses",
  },
  {
    kind: "etcd-3.4",
    commands: new RegExp(
      "^auth: --user=ann:ap (?:compaction \\d|move-leader \\d|lease list)" +
        "|^(?:tls-)?auth: compaction \\d",
    ),
    text: ALL,
    ours: REFUSED,
    theirs: NOT_REFUSED,
    about: "compaction, move-leader, lease list",
    why: "3.4 lets anybody do what is for root",
  },
  {
    kind: "etcd-3.4",
    commands: new RegExp(
      "^auth: (?:lease (?:grant|timetolive|revoke)|(?:member|alarm) list|endpoint status)",
    ),
    text: ALL,
    ours: /user name is empty/,
    theirs: NOT_REFUSED,
    about: "lease grant, timetolive, revoke; member list, alarm list, endpoint status",
    why: "3.4 answers those without a user",
  },
  {
    ...REFUSAL_CODE,
    kind: "etcd-3.4",
    commands: new RegExp(
      "^auth: --user=ann:ap (?:defrag|endpoint hashkv)(?! --cluster)|^(?:tls-)?auth: defrag",
    ),
  },
  {
    ...REFUSAL_CODE,
    kind: "etcd-3.5",
    commands: /^auth: --user=ann:ap (?:defrag|endpoint hashkv)|^(?:tls-)?auth: defrag/,
  },
  {
    kind: "etcd-3.5",
    commands: /^(?:auth: --user=ann:ap|tls-auth:) (?:endpoint|auth) status/,
    text: ALL,
    ours: NOT_REFUSED,
    theirs: /permission denied/,
    about: "endpoint status, auth status",
    why: "3.5.30 tells them to root only; here any user may ask",
  },
];
