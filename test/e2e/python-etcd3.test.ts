import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TestServer } from "../support/servers.ts";

/** Debian's own Python, for which python3-etcd3 is installed. */
const PYTHON = "/usr/bin/python3";
const hasClient = spawnSync(PYTHON, ["-c", "import etcd3"]).status === 0;
const TIMEOUT_MS = 20_000;

test.skipIf(!hasClient)("python-etcd3 has leases, locks, txns and watches", async () => {
  const server = await TestServer.start("vedette");
  const script = join(import.meta.dirname, "python-etcd3.py");
  const said = await new Promise<string>((resolve, reject) => {
    const child = spawn(PYTHON, [script, String(server.port)], { timeout: TIMEOUT_MS });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
    }
    child.once("error", reject);
    child.once("close", () => resolve(text));
  });
  await server.dispose();
  expect(said).toBe("all well\n");
});
