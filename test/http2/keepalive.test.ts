import { afterEach, describe, expect, it } from "vitest";
import { DummyServer } from "./dummy-server.ts";
import { Flag, FrameType, pingFrame } from "./frames.ts";
import { type Frame, RawClient } from "./raw-client.ts";

/** T3: what the server does to find out that a client is gone. */
const HOUR_MS = 60 * 60 * 1000;

let server: DummyServer;

afterEach(async () => await server.stop());

function isPing({ type, flags }: Frame): boolean {
  return type === FrameType.ping && (flags & Flag.ack) === 0;
}

/** Whether the server answers, with all that came before its answer behind us. */
async function answers(client: RawClient): Promise<void> {
  client.send(pingFrame(Buffer.from("question")));
  await client.next("PING ACK", ({ type, flags }) => {
    return type === FrameType.ping && (flags & Flag.ack) !== 0;
  });
}

describe("pings of the server (T3)", () => {
  it("come after 2 h of silence, and a client that answers stays", async () => {
    server = await DummyServer.start();
    const client = await RawClient.open(server.address);
    for (let i = 0; i < 3; i++) {
      server.time.advance(2 * HOUR_MS - (i === 0 ? 0 : 20_001));
      const { payload } = await client.next("PING", isPing);
      client.send(pingFrame(payload, true));
      await answers(client);
      server.time.advance(20_001);
    }
    expect(client.isClosed).toBe(false);
    client.destroy();
  });

  it("a client that does not answer within 20 s is given up", async () => {
    server = await DummyServer.start();
    const client = await RawClient.open(server.address);
    server.time.advance(2 * HOUR_MS);
    await client.next("PING", isPing);
    server.time.advance(19_999);
    expect(server.listener.counters.connectionsOpen).toBe(1);
    server.time.advance(2);
    await client.closed();
  });

  it("both times are flags", async () => {
    server = await DummyServer.start({ keepaliveIntervalMs: 1000, keepaliveTimeoutMs: 500 });
    const client = await RawClient.open(server.address);
    server.time.advance(1000);
    await client.next("PING", isPing);
    server.time.advance(501);
    await client.closed();
  });

  it.each([{ keepaliveIntervalMs: 0 }, { keepaliveTimeoutMs: 0 }, { keepaliveIntervalMs: -1 }])(
    "with %j nobody is pinged or given up",
    async (options) => {
      server = await DummyServer.start(options);
      const client = await RawClient.open(server.address);
      server.time.advance(100 * HOUR_MS);
      client.send(pingFrame());
      // A ping of the server's own would come first.
      const { flags } = await client.next("PING", ({ type }) => type === FrameType.ping);
      expect(flags).toBe(Flag.ack);
      client.destroy();
    },
  );
});
