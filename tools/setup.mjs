/**
 * Gets the programs that tests drive the server with: Debian's etcd, etcdctl, nghttp, h2load, curl
 * and Python client, and a newer etcd beside them in .peers/. What cannot be had is said in one line; tests that
 * need it skip themselves.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

/** Which Debian package brings which commands, or files. */
const PACKAGES = {
  "etcd-server": ["etcd"],
  "etcd-client": ["etcdctl"],
  "nghttp2-client": ["nghttp", "h2load"],
  curl: ["curl"],
  "python3-etcd3": ["/usr/lib/python3/dist-packages/etcd3"],
};
const PEERS = ["etcd", "etcdctl", "etcdutl"];
const PEERS_FOLDER = path.join(ROOT, ".peers");

/**
 * @returns {string[]} One line for each thing that is still missing.
 */
export function setup() {
  let wanted = missingPackages();
  if (wanted.length > 0 && mayInstall()) {
    console.log(`setup: installing ${wanted.join(", ")}`);
    run("apt-get", ["update", "-qq"]);
    // One by one, so that a package the machine's sources lack does not keep the others away.
    for (const name of wanted) {
      run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", name]);
    }
    wanted = missingPackages();
  }
  const lines = wanted.map(
    (name) => `setup: ${PACKAGES[name].join(", ")} missing (apt-get install ${name})`,
  );
  if (!hasPeers()) {
    const result = run("bash", [path.join(ROOT, "tools", "get-peers.sh"), PEERS_FOLDER]);
    if (!hasPeers()) {
      const reason = result.stderr.trim().split("\n").at(-1) ?? "";
      lines.push(`setup: no newer etcd in .peers (${reason || "tools/get-peers.sh failed"})`);
    }
  }
  return lines;
}

/** @returns {(keyof typeof PACKAGES)[]} */
function missingPackages() {
  const names = /** @type {(keyof typeof PACKAGES)[]} */ (Object.keys(PACKAGES));
  return names.filter((name) => !PACKAGES[name].every(isOnPath));
}

/** @returns {boolean} */
function hasPeers() {
  return PEERS.every((name) => existsSync(path.join(PEERS_FOLDER, "usr", "bin", name)));
}

/**
 * Root on Debian's kind of system. Where systemd runs, installing etcd-server starts a server of its
 * own on port 2379, which nobody asked for by `npm test`; on a CI machine that does no harm.
 * @returns {boolean}
 */
function mayInstall() {
  const startsServices = existsSync("/run/systemd/system") && process.env["CI"] !== "true";
  return process.getuid?.() === 0 && isOnPath("apt-get") && !startsServices;
}

/**
 * @param {string} command
 * @returns {boolean}
 */
function isOnPath(command) {
  if (path.isAbsolute(command)) return existsSync(command);
  const folders = (process.env["PATH"] ?? "").split(path.delimiter);
  return folders.some((folder) => folder !== "" && existsSync(path.join(folder, command)));
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {{ readonly status: number | null, readonly stderr: string }}
 */
function run(command, args) {
  return spawnSync(command, args, {
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 5 * 60 * 1000,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const missing = setup();
  for (const line of missing) console.error(line);
  if (missing.length === 0) console.log("setup: all there");
  process.exitCode = missing.length === 0 ? 0 : 1;
}
