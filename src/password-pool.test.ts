import { describe, expect, test } from "vitest";
import { PasswordPool } from "./password-pool.ts";

/** A worker that needs no bcrypt: the pool is what is tested here. */
const WORKER = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from "node:worker_threads";
    parentPort.on("message", (task) => {
      if (task.password === "die") process.exit(1);
      if (task.password === "throw") throw new Error("thrown");
      if (task.password === "fail") parentPort.postMessage({ kind: "failure", reason: "failed" });
      else if (task.kind === "hash") {
        parentPort.postMessage({ kind: "hash", hash: task.cost + ":" + task.password });
      } else {
        const isMatch = task.hash === "any" || task.hash === "4:" + task.password;
        parentPort.postMessage({ kind: "match", isMatch });
      }
    });
  `)}`,
);

function poolOf(threads: number): PasswordPool {
  return new PasswordPool({ worker: WORKER, threads, cost: 4 });
}

const hashed = (pool: PasswordPool, password: string): Promise<unknown> =>
  new Promise((resolve) => void pool.hash(password, resolve));
const matches = (pool: PasswordPool, password: string, hash?: string): Promise<boolean> =>
  new Promise((resolve) => void pool.matches(password, hash, resolve));

describe("hashing in threads", () => {
  test("what one makes, one recognises", async () => {
    await using pool = disposable(poolOf(2));
    expect(await hashed(pool, "p")).toEqual({ hash: "4:p" });
    expect(await matches(pool, "p", "4:p")).toBe(true);
    expect(await matches(pool, "q", "4:p")).toBe(false);
  });

  test("without a hash the work is done, and nothing matches", async () => {
    await using pool = disposable(poolOf(1));
    expect(await matches(pool, "p")).toBe(false);
  });

  test("each is answered with its own, in the order in which they came to one thread", async () => {
    await using pool = disposable(poolOf(1));
    const order: string[] = [];
    await Promise.all(
      ["a", "b", "c", "d"].map(async (name) => {
        order.push(JSON.stringify(await hashed(pool, name)));
      }),
    );
    expect(order).toEqual(["a", "b", "c", "d"].map((name) => `{"hash":"4:${name}"}`));
  });

  test("a thread that ends fails what it was doing, and no more", async () => {
    await using pool = disposable(poolOf(1));
    const answers = await Promise.all(
      ["fail", "throw", "a", "die", "b"].map((p) => hashed(pool, p)),
    );
    expect(answers).toEqual([
      { refusal: "failed" },
      { refusal: "thrown" },
      { hash: "4:a" },
      { refusal: "bcrypt: the thread has ended" },
      { hash: "4:b" },
    ]);
  });

  test("too many are refused", async () => {
    const pool = poolOf(1);
    let taken = 0;
    while (taken < 1000 && pool.hash("p", () => {})) taken++;
    expect(taken).toBeGreaterThan(100);
    expect(taken).toBeLessThan(200);
    await pool.close();
    expect(pool.hash("p", () => {})).toBe(false);
  });
});

function disposable(pool: PasswordPool): PasswordPool & AsyncDisposable {
  return Object.assign(pool, { [Symbol.asyncDispose]: () => pool.close() });
}
