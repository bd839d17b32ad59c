import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Etcd3, EtcdAuthenticationFailedError } from "etcd3";
import { afterAll, describe, expect, it } from "vitest";
import { builtServer } from "../support/built-server.ts";
import { RpcClient } from "../support/rpc-client.ts";
import { PEER_KINDS, TestServer, httpGet, isAvailable } from "../support/servers.ts";

const SECRET = "canary-5b1e0c";

async function addRoot(client: RpcClient, password = SECRET): Promise<void> {
  for (const [method, request] of [
    ["UserAdd", { name: "root", password }],
    ["UserGrantRole", { user: "root", role: "root" }],
    ["AuthEnable", {}],
  ] as const) {
    expect((await client.call(method, request)).code, method).toBe(0);
  }
}

async function login(client: RpcClient, name: string, password: string): Promise<string> {
  client.token = undefined;
  const { message, text } = await client.call("Authenticate", { name, password });
  return String(message?.["token"] ?? text);
}

describe("a server with users", () => {
  it("has them again after a restart, and nobody's token (A1, A16)", async () => {
    const first = await TestServer.start("vedette", { flags: ["--bcrypt-cost", "4"] });
    const client = new RpcClient(first.endpoint);
    await addRoot(client);
    const token = await login(client, "root", SECRET);
    client.token = token;
    expect((await client.call("UserList", {})).message?.["users"]).toEqual(["root"]);
    client.close();
    await first.stop();
    const { dataDir, port } = first;
    const second = await TestServer.start("vedette", { dataDir, port });
    const again = new RpcClient(second.endpoint);
    expect((await again.call("UserList", {})).text).toBe("etcdserver: user name is empty");
    again.token = token;
    expect((await again.call("UserList", {})).text).toBe("etcdserver: invalid auth token");
    again.token = await login(again, "root", SECRET);
    expect((await again.call("UserList", {})).message?.["users"]).toEqual(["root"]);
    again.close();
    await second.dispose();
  });

  it("tells no password or token to anybody who reads its logs and pages", async () => {
    const server = await TestServer.start("vedette", { flags: ["--log-level", "debug"] });
    const client = new RpcClient(server.endpoint);
    await addRoot(client);
    const token = await login(client, "root", SECRET);
    expect(await login(client, "root", `${SECRET}x`)).toContain("authentication failed");
    client.token = token;
    await client.call("UserChangePassword", { name: "root", password: `${SECRET}y` });
    const pages = ["/metrics", "/health", "/version", "/vedette/watchers"];
    const bodies = await Promise.all(pages.map((page) => httpGet(server.port, page)));
    const all = `${server.log}${bodies.map(({ body }) => body).join()}`;
    expect(all).toContain("etcd_server_has_leader");
    expect(all).not.toContain("canary");
    expect(all).not.toContain(token.slice(0, 16));
    // Who watches what is root's business (/metrics and the others are open, as in etcd).
    expect(bodies.map(({ status }) => status)).toEqual([200, 200, 200, 401]);
    client.close();
    await server.dispose();
  });

  it("serves others while passwords are compared", async () => {
    const server = await TestServer.start("vedette");
    const client = new RpcClient(server.endpoint);
    await addRoot(client);
    client.token = await login(client, "root", SECRET);
    const key = Buffer.from("k");
    const order: string[] = [];
    const token = client.token;
    client.token = undefined;
    const logins = Array.from({ length: 4 }, async () => {
      await client.call("Authenticate", { name: "root", password: SECRET });
      order.push("login");
    });
    client.token = token;
    const puts = Array.from({ length: 4 }, async () => {
      expect((await client.call("Put", { key })).code).toBe(0);
      order.push("put");
    });
    await Promise.all([...logins, ...puts]);
    expect(order.slice(0, 4)).toEqual(["put", "put", "put", "put"]);
    client.close();
    await server.dispose();
  });
});

/** `vedette top --once` on this server, and how it ended. */
function top(server: TestServer, ...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    void builtServer().then((cli) => {
      const all = [cli, "top", "--once", "--endpoint", server.endpoint, ...args];
      execFile(process.execPath, all, { timeout: 20_000 }, (_, stdout, stderr) => {
        resolve(`${stdout}${stderr}`);
      });
    }, reject);
  });
}

describe("watchers, who are root's business", () => {
  it("are shown to root, with their users, and to nobody else", async () => {
    const server = await TestServer.start("vedette", { flags: ["--bcrypt-cost", "4"] });
    const client = new RpcClient(server.endpoint);
    await addRoot(client);
    client.token = await login(client, "root", SECRET);
    await client.call("UserAdd", { name: "ann", password: "a" });
    const stream = client.openWatch();
    stream.send({ create_request: { key: Buffer.from("k") } });
    await stream.next();
    const list = await client.call("WatcherList", {});
    expect(list.message?.["watchers"]).toMatchObject([{ user: "root" }]);
    const page = async (token?: string): Promise<readonly [number, string]> => {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const response = await fetch(`http://${server.endpoint}/vedette/watchers`, { headers });
      return [response.status, await response.text()];
    };
    expect(await page()).toEqual([401, '{"error":"etcdserver: user name is empty"}']);
    expect((await page("x.1"))[0]).toBe(401);
    const [status, body] = await page(client.token);
    expect([status, body]).toEqual([200, expect.stringContaining('"user":"root"')]);
    const ann = await login(client, "ann", "a");
    expect(await page(ann)).toEqual([403, '{"error":"etcdserver: permission denied"}']);
    client.token = ann;
    expect((await client.call("WatcherList", {})).code).toBe(7);
    expect(await top(server)).toContain("asks who you are: --user");
    expect(await top(server, "--user", "ann:a")).toContain("permission denied");
    expect(await top(server, "--user", "root:no")).toContain("invalid user ID or password");
    expect(await top(server, "--user", `root:${SECRET}`)).toContain("1 watcher");
    stream.cancel();
    client.close();
    await server.dispose();
  });
});

describe("the JSON gateway", () => {
  it.each(["vedette", ...PEER_KINDS.filter(isAvailable)] as const)(
    "of %s asks who calls as gRPC does (A15, G8, G9)",
    async (kind) => {
      const server = await TestServer.start(kind);
      const client = new RpcClient(server.endpoint);
      await addRoot(client);
      client.token = await login(client, "root", SECRET);
      await client.call("UserAdd", { name: "ann", password: "a" });
      const ask = async (path: string, body: object, token?: string): Promise<unknown> => {
        const response = await fetch(`http://${server.endpoint}/v3/${path}`, {
          method: "POST",
          body: JSON.stringify(body),
          headers: token === undefined ? {} : { authorization: token },
        });
        const answer = (await response.json()) as {
          code?: number;
          message?: string;
          token?: string;
        };
        if (answer.token !== undefined) return answer.token;
        return [response.status, answer.code ?? 0, answer.message ?? "ok"];
      };
      const key = { key: Buffer.from("k").toString("base64") };
      const token = String(await ask("auth/authenticate", { name: "ann", password: "a" }));
      const nobody = [400, 3, "etcdserver: user name is empty"];
      expect(await ask("kv/put", key)).toEqual(nobody);
      expect(await ask("kv/put", key, "x.1")).toEqual([401, 16, "etcdserver: invalid auth token"]);
      const denied = [403, 7, "etcdserver: permission denied"];
      expect(await ask("kv/put", key, token)).toEqual(denied);
      // Versions before 3.6 take the word for a part of the token.
      if (kind === "vedette") expect(await ask("kv/put", key, `Bearer ${token}`)).toEqual(denied);
      expect(await ask("auth/user/get", { name: "ann" }, token)).toEqual([200, 0, "ok"]);
      expect(await ask("kv/put", key, client.token)).toEqual([200, 0, "ok"]);
      const nested = { success: [{ request_txn: { success: [{ request_put: key }] } }] };
      if (kind !== "etcd-3.4") expect(await ask("kv/txn", nested, token)).toEqual(denied);
      client.close();
      await server.dispose();
    },
    30_000,
  );
});

describe("JWT (A17)", () => {
  const folder = mkdtempSync(join(tmpdir(), "vedette-auth-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(["vedette", ...PEER_KINDS.filter(isAvailable)] as const)(
    "%s gives out tokens that are outdated by every change of users",
    async (kind) => {
      const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
      const files = [join(folder, `${kind}.key`), join(folder, `${kind}.pub`)] as const;
      writeFileSync(files[0], privateKey.export({ type: "pkcs1", format: "pem" }));
      writeFileSync(files[1], publicKey.export({ type: "spki", format: "pem" }));
      const flag = `jwt,pub-key=${files[1]},priv-key=${files[0]},sign-method=RS256,ttl=10m`;
      const server = await TestServer.start(kind, { flags: ["--auth-token", flag] });
      const client = new RpcClient(server.endpoint);
      await addRoot(client);
      client.token = await login(client, "root", SECRET);
      expect(client.token.split(".")).toHaveLength(3);
      const key = Buffer.from("k");
      expect((await client.call("Put", { key })).code).toBe(0);
      expect((await client.call("RoleAdd", { name: "r" })).code).toBe(0);
      expect((await client.call("RoleAdd", { name: "s" })).code).toBe(0);
      const txn = await client.call("Txn", {});
      expect(txn.text).toBe("etcdserver: revision of auth store is old");
      const { code, text } = await client.call("Put", { key });
      expect([code, text]).toEqual([3, "etcdserver: revision of auth store is old"]);
      client.token = await login(client, "root", SECRET);
      expect((await client.call("Put", { key })).code).toBe(0);
      client.token = `${client.token.slice(0, -8)}AAAAAAAA`;
      expect((await client.call("Put", { key })).text).toBe("etcdserver: invalid auth token");
      client.close();
      await server.dispose();
    },
    30_000,
  );
});

describe("npm etcd3", () => {
  it("logs in, does what it may, and is told what it may not", async () => {
    const server = await TestServer.start("vedette", { flags: ["--bcrypt-cost", "4"] });
    const hosts = `http://${server.endpoint}`;
    const open = new Etcd3({ hosts });
    await open.user("root").create("rp");
    await open.user("root").addRole("root");
    const role = open.role("r");
    await role.create();
    await role.grant({ permission: "Readwrite", range: open.range({ prefix: "mine/" }) });
    const ann = await open.user("ann").create("ap");
    await ann.addRole("r");
    await open.auth.authEnable();
    open.close();
    const client = new Etcd3({ hosts, auth: { username: "ann", password: "ap" } });
    await client.put("mine/a").value("1");
    expect(await client.get("mine/a").string()).toBe("1");
    await expect(client.get("other").string()).rejects.toThrow("permission denied");
    const wrong = new Etcd3({ hosts, auth: { username: "ann", password: "no" } });
    await expect(wrong.get("mine/a").string()).rejects.toThrow(EtcdAuthenticationFailedError);
    const watcher = await client.watch().prefix("mine/").create();
    const seen = new Promise((resolve) => watcher.on("put", (kv) => resolve(String(kv.value))));
    await client.put("mine/b").value("2");
    expect(await seen).toBe("2");
    for (const one of [client, wrong]) one.close();
    await server.dispose();
  });
});
