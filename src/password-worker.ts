import { parentPort } from "node:worker_threads";
import { compareSync, hashSync } from "bcryptjs";
import type { PasswordAnswer, PasswordTask } from "./password-pool.ts";

// In JavaScript: a native bcrypt was measured to be faster by a fifteenth only.
parentPort?.on("message", (task: PasswordTask) => parentPort?.postMessage(answer(task)));

function answer(task: PasswordTask): PasswordAnswer {
  try {
    if (task.kind === "hash") return { kind: "hash", hash: hashSync(task.password, task.cost) };
    return { kind: "match", isMatch: compareSync(task.password, task.hash) };
  } catch (error) {
    return { kind: "failure", reason: error instanceof Error ? error.message : String(error) };
  }
}
