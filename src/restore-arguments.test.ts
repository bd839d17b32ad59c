import { describe, expect, it } from "vitest";
import { parseRestoreArguments, restoredText } from "./restore-arguments.ts";

describe("restore's arguments", () => {
  it("have etcdutl's names and defaults, and stand before or behind the file", () => {
    expect(parseRestoreArguments(["snap.db"])).toEqual({
      file: "snap.db",
      dataDir: "default.vedette",
      name: "default",
      peerUrls: ["http://localhost:2380"],
      clusterToken: "etcd-cluster",
      skipHashCheck: false,
    });
    const args =
      "--name m1 --data-dir=d snap.db --skip-hash-check --initial-cluster-token tok".split(" ");
    const urls = ["-initial-advertise-peer-urls", "http://a:1,http://b:2"];
    const cluster = ["--initial-cluster", "m1=http://a:1,m1=http://b:2"];
    expect(parseRestoreArguments([...args, ...urls, ...cluster])).toEqual({
      file: "snap.db",
      dataDir: "d",
      name: "m1",
      peerUrls: ["http://a:1", "http://b:2"],
      clusterToken: "tok",
      skipHashCheck: true,
    });
    expect(parseRestoreArguments(["snap.db", "--name", "m1"])?.dataDir).toBe("m1.vedette");
    expect(parseRestoreArguments(["snap.db", "--skip-hash-check=false"])?.skipHashCheck).toBe(
      false,
    );
    expect(parseRestoreArguments(["snap.db", "--help"])).toBeUndefined();
  });

  it.each([
    [[], "takes one file"],
    [["a", "b"], "takes one file"],
    [["a", "--wal-dir", "w"], "no such flag: --wal-dir"],
    [["a", "--name"], "--name needs a value"],
    [["a", "--skip-hash-check=maybe"], "is true or false"],
    [["a", "--initial-cluster", "x=http://a:1"], "must name default and no other"],
    [["a", "--initial-cluster", "default=http://a:1,x=http://b:1"], "and no other member"],
    [["a", "--initial-advertise-peer-urls", "nonsense"], "is not a URL"],
  ])("%j are refused", (args, message) => {
    expect(() => parseRestoreArguments(args)).toThrow(message);
  });
});

it("says in one line what was restored", () => {
  const options = parseRestoreArguments(["s.db", "--data-dir", "d"]);
  if (options === undefined) throw new Error("no help was asked for");
  const figures = { revision: 9, compacted: -1, keys: 2, versions: 5, leases: 1, alarms: 0 };
  expect(restoredText(options, { ...figures, hasAuth: true, memberId: 10n, clusterId: 11n })).toBe(
    "restored s.db into d: revision 9, never compacted, 2 keys, 5 versions, 1 leases, 0 alarms, " +
      "auth enabled; member a of cluster b\n",
  );
});
