import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EtcdctlStation } from "./etcdctl-station.ts";

/** Commands that go on, or that hang together: what they say. */
export interface Story {
  /** The command that the story is about, with whatever tells it from other stories. */
  readonly title: string;
  readonly play: (station: EtcdctlStation) => Promise<readonly string[]>;
  /** Whether it can be played here; absent = always. */
  readonly isFor?: (station: EtcdctlStation) => boolean;
}

/** What `watch -- command` runs; one line an event. */
const TELL = 'echo "$ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_KEY $ETCD_WATCH_VALUE"';

const WATCHES: readonly Story[] = [
  {
    title: "watch with --prefix and --prev-kv",
    play: async (station) => {
      const rev = await station.fromNow();
      return station.during(["watch", "w/", "--prefix", "--prev-kv", rev], async (watch) => {
        await station.run(["put", "w/1", "one"]);
        await station.run(["put", "w/1", "two"]);
        await station.run(["del", "w/1"]);
        return [await watch.output(3 + 5 + 4)];
      });
    },
  },
  {
    title: "watch in formats",
    play: async (station) => {
      const rev = await station.fromNow();
      await station.run(["put", "f", "formatted"]);
      const said: string[] = [];
      for (const [format, end] of [
        ["json", /\n/],
        ["fields", /"Lease" : \d+\n/],
      ] as const) {
        const command = ["watch", "f", rev, "-w", format];
        said.push(
          ...(await station.during(command, async (watch) => [await watch.outputWith(end)])),
        );
      }
      return said;
    },
  },
  {
    title: "watch by standard input, with -i",
    play: async (station) => {
      const rev = await station.fromNow();
      return station.during(["watch", "-i"], async (watch) => {
        await station.run(["put", "i", "one"]);
        await station.run(["put", "i2", "two"]);
        watch.type(`watch i ${rev}`);
        const first = await watch.output(3);
        watch.type(`watch i2 ${rev} -- sh -c true`);
        const second = await watch.output(6);
        if (station.place.version === "etcd-3.4") return [first, second];
        // Each of the two watches says it.
        watch.type("progress");
        return [first, second, await watch.outputWith(/(?:progress notify: \d+\n){2}/)];
      });
    },
  },
  {
    title: "watch with a command that is run",
    play: async (station) => {
      const rev = await station.fromNow();
      const command = ["watch", "x", rev, "--", "sh", "-c", TELL];
      return station.during(command, async (watch) => {
        await station.run(["put", "x", "one"]);
        return [await watch.output(4)];
      });
    },
  },
  {
    title: "watch of a range",
    play: async (station) => {
      const rev = await station.fromNow();
      const range = ["watch", "r1", "r3", rev];
      if (station.place.version !== "etcd-3.4") range.push("--progress-notify");
      return station.during(range, async (watch) => {
        await station.run(["put", "r1", "one"]);
        await station.run(["put", "r3", "unseen"]);
        await station.run(["put", "r2", "two"]);
        return [await watch.output(6)];
      });
    },
  },
];

const HOLDERS: readonly Story[] = [
  {
    title: "lock for which two wait",
    play: (station) =>
      station.during(["lock", "story", "--ttl=30"], async (lock) => {
        const held = await lock.output(2);
        const seen = await station.run(["get", "story/", "--prefix", "--print-value-only"]);
        const next = await station.during(["lock", "story"], async (waiting) => {
          await station.until(["get", "story/", "--prefix", "-w", "json"], /"count":2/);
          await lock.stop("SIGINT");
          const heldThen = await waiting.output(2);
          await waiting.stop("SIGINT");
          return [heldThen];
        });
        const after = await station.run(["get", "story/", "--prefix"]);
        return [held, seen, ...next, after].map(withoutIds);
      }),
  },
  {
    title: "elect with two candidates and a listener",
    play: (station) =>
      station.during(["elect", "chair", "one"], async (first) => {
        const elected = await first.output(2);
        const heard = await station.during(["elect", "--listen", "chair"], async (listener) => {
          const told = await listener.output(2);
          const after = await station.during(["elect", "chair", "two"], async (second) => {
            await first.stop("SIGINT");
            const then = await second.output(2);
            const both = await listener.output(4);
            await second.stop("SIGINT");
            return [then, both];
          });
          return [told, ...after];
        });
        const left = await station.run(["get", "chair/", "--prefix"]);
        return [elected, ...heard, left].map(withoutIds);
      }),
  },
  {
    title: "lease keep-alive until it is revoked",
    play: async (station) => {
      const granted = await station.run(["lease", "grant", "3"]);
      const put = await station.run(["put", "kept", "v", "--lease=$lease"]);
      const kept = await station.during(["lease", "keep-alive", "$lease"], async (keeping) => {
        await keeping.output(1);
        const revoked = await station.run(["lease", "revoke", "$lease"]);
        const said = await keeping.outputWith(/expired or revoked/);
        // One line for each renewal: how many there are is a matter of time.
        return [revoked, ...new Set(said.split("\n"))];
      });
      return [granted, put, ...kept, await station.run(["get", "kept"])];
    },
  },
];

const PLACES: readonly Story[] = [
  {
    title: "make-mirror of a prefix, to another and to none",
    // etcdctl 3.4 cannot name a user to the mirror.
    isFor: ({ place: { who, version } }) => who.length === 0 || version !== "etcd-3.4",
    play: async (station) => {
      const { flags } = station.place.target;
      const url = flags.find((flag) => flag.startsWith("--endpoints="))?.slice(12) ?? "";
      const reached = [...flags.filter((flag) => /^--(?:cacert|cert|key)=/.test(flag))];
      const dest = [...reached, ...station.place.who].map((flag) => flag.replace("--", "--dest-"));
      if (url.startsWith("https:")) dest.push("--dest-insecure-transport=false");
      await station.run(["put", "source/old", "one"]);
      const said: string[] = [];
      for (const [to, at] of [
        ["--dest-prefix=mirrored/", "mirrored/"],
        ["--no-dest-prefix", ""],
      ] as const) {
        // A key of its own: whether it comes before the mirror has begun makes no difference then.
        const key = `${said.length}`;
        const command = ["make-mirror", url, "--prefix=source/", to, ...dest];
        await station.during(command, async () => {
          await station.run(["put", `source/${key}`, "new"]);
          await station.until(["get", `${at}${key}`], /new/);
          said.push(await station.run(["get", `${at}`, `${at}p`]));
          return [];
        });
      }
      return said;
    },
  },
  {
    title: "snapshot save, then status and restore",
    play: async (station) => {
      const folder = mkdtempSync(join(tmpdir(), "vedette-ctl-"));
      const file = join(folder, "x.db");
      try {
        const saved = await station.run(["snapshot", "save", file]);
        if (!existsSync(file)) return [saved];
        const status = ["snapshot", "status", file];
        const said = [await station.run(status)];
        for (const format of ["fields", "json", "table"]) {
          said.push(await station.run([...status, "-w", format]));
        }
        const restored = await station.run([
          "snapshot",
          "restore",
          file,
          ...restoring(station, folder),
        ]);
        const end = restored.split("\n")[0] ?? "";
        const whole = existsSync(join(folder, "restored/member/snap/db"));
        return [saved, ...said.map(withoutFileFacts), end, `${whole}`];
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  },
  {
    title: "member add, then promote, update and remove of a learner",
    play: async (station) => {
      const add = ["member", "add", "x", "--learner", "--peer-urls=http://127.0.0.1:1"];
      const added = await station.run(add);
      const list = await station.raw(["member", "list"]);
      const learner = /^([0-9a-f]+), unstarted, , \S+, , true$/m.exec(list)?.[1] ?? "1234";
      return [
        // Members are told by id, which has the time in it.
        added.replace(/(?<=ETCD_INITIAL_CLUSTER=")[^"]*/, (all) => {
          return all.split(",").toSorted().join(",");
        }),
        (await station.run(["member", "list"])).split("\n").toSorted().join("\n"),
        await station.run(["member", "promote", learner]),
        await station.run(["member", "update", learner, "--peer-urls=http://127.0.0.1:3"]),
        await station.run(["member", "remove", learner]),
        await station.run(["member", "remove", learner]),
      ];
    },
  },
];

export const STORIES: readonly Story[] = [...WATCHES, ...HOLDERS, ...PLACES];

function restoring(station: EtcdctlStation, folder: string): readonly string[] {
  const flags = [
    `--data-dir=${join(folder, "restored")}`,
    `--wal-dir=${join(folder, "wal")}`,
    "--name=other",
    "--initial-cluster=other=http://127.0.0.1:1",
    "--initial-advertise-peer-urls=http://127.0.0.1:1",
    "--initial-cluster-token=another",
    "--skip-hash-check=false",
  ];
  if (station.place.version === "etcd-3.4") return flags;
  return [...flags, "--bump-revision=1000", "--mark-compacted", "--initial-memory-map-size=99999"];
}

/** Keys of locks and elections end in the id of their lease. */
function withoutIds(text: string): string {
  return text.replaceAll(/[0-9a-f]{12,}/g, "ID");
}

/** The hash and size of a database, and how many keys there are in all its buckets. */
function withoutFileFacts(text: string): string {
  return text
    .replaceAll(/("(?:hash|totalKey|totalSize|Hash|Keys|Size)" ?: ?)\d+/g, "$1N")
    .replaceAll(/^[0-9a-f]{1,8}(?=, \d+, \d+, SIZE)/gm, "HASH")
    .replaceAll(/(?<=^\| )[0-9a-f]{1,8}(?= \| \d+ \| \d+ \| SIZE)/gm, "HASH")
    .replaceAll(/(?<=\d+(?:,| \|) )\d+(?=(?:,| \|) SIZE)/g, "N");
}
