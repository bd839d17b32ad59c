import { spawn } from "node:child_process";
import type { Logger } from "./logger.ts";

/**
 * Tells systemd that the server is ready, as an etcd does (`Type=notify`). Node cannot write to the
 * datagram socket that it waits at, so its own program does; a unit has to allow that by
 * `NotifyAccess=all`, since the word then comes from another process. Without a socket there is
 * nobody to tell.
 */
export function notifyInit(socket: string | undefined, log: Logger): void {
  if (socket === undefined || socket === "") return;
  log.info("notifying init daemon");
  const failed = (error: string): void => {
    log.warn("failed to notify systemd for readiness", { error });
  };
  const child = spawn("systemd-notify", ["--ready", `--pid=${process.pid}`], { stdio: "ignore" });
  child.on("error", (error) => failed(error.message));
  child.on("exit", (code, signal) => {
    if (code === 0) log.info("successfully notified init daemon");
    else failed(`systemd-notify ended with ${code ?? signal}`);
  });
}
