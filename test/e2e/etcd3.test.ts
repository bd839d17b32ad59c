import { Etcd3 } from "etcd3";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { TestServer } from "../support/servers.ts";

/** npm etcd3, a client that people use: the whole way from its API to our disk and back. */
let server: TestServer;
let client: Etcd3;

beforeAll(async () => {
  server = await TestServer.start("vedette", { audit: true });
});

afterAll(async () => {
  await server.dispose();
  expect(server.audit?.report().responses).toBeGreaterThanOrEqual(5);
});

beforeEach(() => {
  client = new Etcd3({ hosts: `http://${server.endpoint}` });
});

afterEach(() => {
  client.close();
});

describe("keys and values", () => {
  it("puts, gets in every form, lists and deletes", async () => {
    await client.put("kv/a").value("1");
    await client.put("kv/b").value(JSON.stringify({ x: [1, 2] }));
    await client.put("kv/c").value(Buffer.from([0, 255, 128]));
    expect(await client.get("kv/a").string()).toBe("1");
    expect(await client.get("kv/a").number()).toBe(1);
    expect(await client.get("kv/b").json()).toEqual({ x: [1, 2] });
    expect(await client.get("kv/c").buffer()).toEqual(Buffer.from([0, 255, 128]));
    expect(await client.get("kv/none").string()).toBeNull();
    expect(await client.getAll().prefix("kv/").keys()).toEqual(["kv/a", "kv/b", "kv/c"]);
    expect(await client.getAll().prefix("kv/").sort("Key", "Descend").limit(1).keys()).toEqual([
      "kv/c",
    ]);
    const { deleted } = await client.delete().prefix("kv/");
    expect(deleted).toBe("3");
    expect(await client.getAll().prefix("kv/").count()).toBe(0);
  });

  it("a namespace sees only its own keys", async () => {
    const space = client.namespace("space/");
    await space.put("a").value("in");
    await client.put("a").value("out");
    expect(await space.get("a").string()).toBe("in");
    expect(await client.get("space/a").string()).toBe("in");
    expect(await space.getAll().strings()).toEqual({ a: "in" });
  });

  it("reads an old revision, and is told when it is compacted", async () => {
    const first = await client.put("old").value("1");
    await client.put("old").value("2");
    const { revision } = first.header;
    expect(await client.get("old").revision(revision).string()).toBe("1");
    await client.kv.compact({ revision: String(Number(revision) + 1), physical: true });
    await expect(client.get("old").revision(revision).string()).rejects.toThrow(
      "required revision has been compacted",
    );
  });
});

describe("transactions", () => {
  it("run one branch or the other", async () => {
    const once = () =>
      client
        .if("txn/a", "Create", "==", 0)
        .then(client.put("txn/a").value("first"))
        .else(client.get("txn/a"))
        .commit();
    expect((await once()).succeeded).toBe(true);
    const second = await once();
    expect(second.succeeded).toBe(false);
    expect(second.responses[0]?.response_range?.kvs[0]?.value.toString()).toBe("first");
  });

  it("of many that race, one wins each round", async () => {
    const increment = async (): Promise<void> => {
      for (;;) {
        const { kvs } = await client.get("txn/counter").exec();
        const held = kvs[0];
        const result = await client
          .if("txn/counter", "Mod", "==", held?.mod_revision ?? 0)
          .then(client.put("txn/counter").value(Number(held?.value.toString() ?? 0) + 1))
          .commit();
        if (result.succeeded) return;
      }
    };
    await Promise.all(Array.from({ length: 20 }, increment));
    expect(await client.get("txn/counter").number()).toBe(20);
  });
});

describe("watch", () => {
  it("tells of puts and deletes, with the value before", async () => {
    const watcher = await client.watch().prefix("w/").withPreviousKV().create();
    const seen: string[] = [];
    const done = new Promise<void>((resolve) => {
      watcher.on("put", (kv, previous) => {
        seen.push(`put ${kv.key}=${kv.value} was ${previous?.value ?? "absent"}`);
      });
      watcher.on("delete", (kv, previous) => {
        seen.push(`delete ${kv.key} was ${previous?.value}`);
        resolve();
      });
    });
    await client.put("w/a").value("1");
    await client.put("w/a").value("2");
    await client.put("elsewhere").value("x");
    await client.delete().key("w/a");
    await done;
    await watcher.cancel();
    expect(seen).toEqual(["put w/a=1 was absent", "put w/a=2 was 1", "delete w/a was 2"]);
  });

  it("goes on over restarts of the server, with no event lost or told twice", async () => {
    let own = await TestServer.start("vedette", { audit: true });
    const follower = new Etcd3({ hosts: `http://${own.endpoint}` });
    try {
      const watcher = await follower.watch().prefix("r/").create();
      const seen: string[] = [];
      let arrived = (): void => {};
      watcher.on("put", (kv) => {
        seen.push(kv.key.toString());
        arrived();
      });
      const until = (count: number): Promise<void> =>
        new Promise((resolve) => {
          arrived = () => {
            if (seen.length >= count) resolve();
          };
          arrived();
        });
      const expected: string[] = [];
      for (let round = 0; round < 3; round++) {
        const writer = new Etcd3({ hosts: `http://${own.endpoint}` });
        for (let i = 0; i < 20; i++) {
          const key = `r/${round}/${i}`;
          await writer.put(key).value("x");
          expected.push(key);
        }
        writer.close();
        await until(expected.length);
        const { dataDir, port, audit } = own;
        await own.kill();
        own = await TestServer.start("vedette", { dataDir, port, audit });
      }
      await follower.put("r/last").value("x");
      await until(expected.length + 1);
      expect(seen).toEqual([...expected, "r/last"]);
      await watcher.cancel();
      await own.stop();
      expect(own.audit?.report().streams).toBeGreaterThanOrEqual(4);
    } finally {
      follower.close();
      await own.dispose();
    }
  }, 30_000);
});
