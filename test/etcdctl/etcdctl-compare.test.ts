import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { etcdBinary, isAvailable, PEER_KINDS } from "../support/servers.ts";
import {
  type Comparison,
  compareEtcdctl,
  judgeAnswers,
  PeerIsLate,
  untilInTime,
} from "./etcdctl-compare.ts";
import { LEFT_OUT } from "./etcdctl-coverage.ts";
import { LISTED_DIFFERENCES, type ListedDifference } from "./etcdctl-differences.ts";
import { commandIn, commandsOf } from "./etcdctl-help.ts";
import { SET_UPS } from "./etcdctl-set-ups.ts";
import { STORIES } from "./etcdctl-stories.ts";

/** The set-ups that say most in least time; `npm run etcdctl` runs all. */
const QUICK = ["plain", "tls-auth", "alarms"] as const;
/** Every format and story takes as long as the others together: with one version only. */
const NEWEST = PEER_KINDS.findLast(isAvailable);

describe.each(PEER_KINDS)("etcdctl of %s", (kind) => {
  const binary = etcdBinary(kind, "etcdctl");
  const isHere = isAvailable(kind) && binary !== undefined;

  it.skipIf(!isHere).each(kind === NEWEST ? [...QUICK, "forms" as const] : QUICK)(
    "says what it says with its own etcd, but for the listed differences: %s",
    async (name) => {
      const { counts, faults } = await compareEtcdctl(kind, name);
      expect(faults).toEqual([]);
      const all = [...counts.values()];
      const asked = all.reduce((sum, { equal, listed }) => sum + equal + listed, 0);
      expect(asked).toBeGreaterThan(40);
    },
    TIMEOUT_MS,
  );

  it.skipIf(!isHere)("is asked for every command that its help names", () => {
    const commands = commandsOf(binary ?? "");
    const lines = Object.values(SET_UPS).flatMap(({ sections }) => {
      return sections.flatMap((section) => section.commands.map(([line]) => line));
    });
    const asked = [...lines, ...STORIES.map(({ title }) => title)].map((line) => {
      return commandIn(line.replace(",", " "), commands);
    });
    const missing = commands.filter((name) => !asked.includes(name));
    expect(missing.filter((name) => LEFT_OUT[name] === undefined)).toEqual([]);
  });
});

/** Several times what a set-up takes on a machine that does other things as well. */
const TIMEOUT_MS = 120_000;

describe("two answers", () => {
  const kind = "etcd-3.5";
  const label = "plain: endpoint status";
  const listed: ListedDifference = {
    commands: /endpoint status/,
    text: /3\.\d/g,
    ours: /3\.7/,
    about: "endpoint status",
    why: "a version",
  };
  const judge = (ours: string, theirs: string) => {
    return judgeAnswers({ kind, label, ours, theirs }, [listed]);
  };

  it("are equal when nothing is listed and nothing differs", () => {
    const answers = { kind, label: "plain: get a", ours: "exit 0", theirs: "exit 0" } as const;
    expect(judgeAnswers(answers, [listed])).toEqual({ state: "equal", listed: [] });
  });

  it("are at fault when they differ and nothing is listed for the command", () => {
    const answers = { kind, label: "plain: get a", ours: "3.7", theirs: "3.5" } as const;
    const verdict = judgeAnswers(answers, [listed]);
    expect(verdict.state).toBe("different");
    expect(verdict.fault).toContain("plain: get a");
  });

  it("may differ in what is listed, and in nothing else", () => {
    expect(judge("v 3.7, x", "v 3.5, x")).toEqual({ state: "listed", listed: [listed] });
    expect(judge("v 3.7, y", "v 3.5, x").state).toBe("different");
  });

  it("are at fault when a listed difference is not there any more", () => {
    expect(judge("v 3.7", "v 3.7").fault).toContain("not there any more: a version");
    expect(judge("v 3.6", "v 3.5").fault).toContain("not there any more: a version");
  });

  it("are not judged by what is listed for another version", () => {
    const other = { ...listed, kind: "etcd-3.4" } as const;
    const answers = { kind, label, ours: "v 3.7", theirs: "v 3.7" } as const;
    expect(judgeAnswers(answers, [other]).state).toBe("equal");
  });

  it("are not two answers when only the real etcd was too slow", () => {
    const late = "exit 1\ncontext deadline exceeded";
    expect(() => judge("v 3.7", late)).toThrow(PeerIsLate);
    expect(judge(late, "v 3.5").state).toBe("different");
  });

  it("are at fault when ours was not given to its end, even if neither was", () => {
    const broken = "failed: Error: timed out";
    expect(judge(broken, broken).state).toBe("different");
  });
});

describe("a set-up", () => {
  /** Runs that end one after the other as written; each finds the fault of its number. */
  const playing = (ends: readonly (Error | undefined)[]): (() => Promise<Comparison>) => {
    let begun = 0;
    const begin = () => {
      const end = ends[begun];
      const faults = [`fault ${begun++}`];
      const result: Comparison = { counts: new Map(), listed: new Map(), faults, typed: [] };
      return { result, play: () => (end === undefined ? Promise.resolve() : Promise.reject(end)) };
    };
    return () => untilInTime(begin);
  };
  const late = new PeerIsLate("late");

  it("is begun anew when the real etcd was late, and forgets no fault of ours", async () => {
    const { faults } = await playing([late, undefined])();
    expect(faults).toEqual(["fault 0", "fault 1"]);
  });

  it("is at fault when the real etcd never answers in time", async () => {
    const { faults } = await playing([late, late, late, undefined])();
    expect(faults).toEqual(["fault 0", "fault 1", "fault 2", "--- late"]);
  });

  it("is not begun anew for anything else", async () => {
    await expect(playing([new Error("ours ended"), undefined])()).rejects.toThrow("ours ended");
  });
});

it("the listed differences are those of docs/differences-from-etcd.md", () => {
  const text = readFileSync(
    join(import.meta.dirname, "../../docs/differences-from-etcd.md"),
    "utf8",
  );
  const table = text.slice(text.indexOf("## What etcdctl prints"));
  const rows = table.split("\n").flatMap((line) => {
    const [, about, versions, why] =
      /^\| (.*?) *\| (3\.\S*(?:, 3\.\S*)?) *\| (.*?) *\|$/.exec(line) ?? [];
    return why === undefined ? [] : [`${about} | ${versions} | ${why}`];
  });
  const wanted = new Map<string, string[]>();
  for (const { about, why, kind } of LISTED_DIFFERENCES) {
    const key = JSON.stringify([about, why]);
    const versions = kind === undefined ? ["3.4", "3.5"] : [kind.replace("etcd-", "")];
    wanted.set(key, [...(wanted.get(key) ?? []), ...versions]);
  }
  const lines = [...wanted].map(([key, versions]) => {
    const [about, why] = JSON.parse(key) as [string, string];
    return `${about} | ${versions.join(", ")} | ${why}`;
  });
  expect(rows).toEqual(lines);
});
