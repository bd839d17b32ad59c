import { expect, test } from "vitest";
import { SimpleTokens } from "./simple-tokens.ts";

class TestClock {
  nowMs = 0;

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return this.nowMs;
  }
}

function tokensAt(clock: TestClock, numbers: Iterator<number>): SimpleTokens {
  return new SimpleTokens({
    clock,
    random: { u32: () => numbers.next().value as number },
    ttlMs: 1000,
    logIndex: () => 39,
  });
}

function* counting(step = 1_000_003): Generator<number, never> {
  for (let number = 5; ; number = (number + step) % 2 ** 32) yield number;
}

test("a token is 16 letters, a dot and the log index (A16)", () => {
  const tokens = tokensAt(new TestClock(), counting());
  const token = tokens.assign("ann");
  expect(token).toMatch(/^[a-zA-Z]{16}\.39$/);
  expect(tokens.assign("ann")).not.toBe(token);
  expect(tokens.identify(token, 7)).toEqual({ user: "ann", authRevision: 7 });
  expect(tokens.identify("nonsense", 7)).toBeUndefined();
  expect(tokens.identify("", 7)).toBeUndefined();
});

test("numbers that would favour some letters are passed over", () => {
  function* high(): Generator<number, never> {
    yield 2 ** 32 - 1;
    for (;;) yield 0;
  }
  expect(tokensAt(new TestClock(), high()).assign("ann")).toBe("aaaaaaaaaaaaaaaa.39");
});

test("each use renews a token, and it expires without (A16)", () => {
  const clock = new TestClock();
  const tokens = tokensAt(clock, counting());
  const token = tokens.assign("ann");
  for (const atMs of [900, 1800, 2700]) {
    clock.nowMs = atMs;
    expect(tokens.identify(token, 1)).toBeDefined();
  }
  clock.nowMs = 3700;
  expect(tokens.identify(token, 1)).toBeUndefined();
  clock.nowMs = 0;
  expect(tokens.identify(token, 1)).toBeUndefined();
});

test("those of one user, or all, can be taken back (A3, A6, A7)", () => {
  const tokens = tokensAt(new TestClock(), counting());
  const [ann, bob] = [tokens.assign("ann"), tokens.assign("bob")];
  tokens.dropUser("ann");
  expect(tokens.identify(ann, 1)).toBeUndefined();
  expect(tokens.identify(bob, 1)).toBeDefined();
  tokens.dropAll();
  expect(tokens.identify(bob, 1)).toBeUndefined();
});

test("outdated tokens are forgotten as new ones come, and renewed ones are not", () => {
  const clock = new TestClock();
  const tokens = tokensAt(clock, counting());
  const kept = tokens.assign("ann");
  for (let i = 0; i < 100; i++) tokens.assign("bob");
  for (clock.nowMs = 0; clock.nowMs < 5000; clock.nowMs += 50) {
    expect(tokens.identify(kept, 1)).toBeDefined();
    tokens.assign("bob");
  }
  // One each 50 ms, for a second each.
  expect(tokens.size).toBeLessThan(40);
});
