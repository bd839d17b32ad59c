import { parentPort } from "node:worker_threads";
import { FieldWalker, watchCreateRequest } from "../test/support/fast-messages.ts";
import { eventsOfAll, watchedRange } from "./keys.ts";
import { percentiles } from "./latencies.ts";
import { MessageCounter, type MessageListener } from "./message-counter.ts";
import { SinkConnection } from "./sink-connection.ts";
import type { SinkOrder, SinkPlan, SinkReport } from "./sink-plan.ts";
import { monotonicMs, readStamp } from "./stamp.ts";
import { WatcherLedger } from "./watcher-ledger.ts";

/** Small enough to stay in a core's cache between the kernel's copy and our reading. */
const READ_BYTES: number = 256 * 1024;
/** About one message in a hundred where many are sent, every one where they are few. */
const SAMPLE_EVERY_MANY = 97;
const SAMPLE_EVERY_FEW = 3;

/** Opens the watchers of a plan and counts what comes. */
class Sink {
  readonly #plan: SinkPlan;
  readonly #report: (report: SinkReport) => void;
  readonly #ledger: WatcherLedger;
  readonly #connections: SinkConnection[] = [];
  readonly #event = new FieldWalker();
  readonly #keyValue = new FieldWalker();
  #latenciesMs: number[] = [];
  #beganMs = 0;
  #eventsBefore = 0;
  /** When the newest event came. */
  #newestMs = 0;
  /** When the bytes came that are being read; 0 = not asked yet. */
  #readMs = 0;
  #isOpen = false;
  #isMarked = false;
  #hasFailed = false;
  /** Puts whose events are waited for; 0 = none. */
  #expected = 0;
  #limit: NodeJS.Timeout | undefined;

  constructor(plan: SinkPlan, report: (report: SinkReport) => void) {
    this.#plan = plan;
    this.#report = report;
    this.#ledger = new WatcherLedger(plan, plan);
  }

  async open(): Promise<void> {
    const { port, connections, streams, stalls, watchers, interest } = this.#plan;
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    const afterRead = (): void => this.#afterRead();
    const failed = (error: Error): void => this.#fail(error.message);
    for (let i = 0; i < connections; i++) {
      const options = { port, buffer, hasLargeWindows: !stalls, afterRead, failed };
      this.#connections.push(await SinkConnection.open(options));
    }
    const numbers = Array.from({ length: streams }, (_, i) => this.#openStream(i));
    for (let i = 0; i < watchers; i++) {
      const { key, rangeEnd } = watchedRange(interest, i);
      const request = watchCreateRequest(key, rangeEnd, this.#plan.startRevision);
      this.#connectionOf(i % streams).send(numbers[i % streams] ?? 0, request);
    }
    this.#beganMs = monotonicMs();
    for (const connection of this.#connections) connection.flush();
    if (watchers > 0) return;
    // Streams alone are not answered; pings are, when all that was sent before has been read.
    await Promise.all(this.#connections.map((connection) => connection.ping()));
    this.#opened();
  }

  /** Waits for all events of so many puts since the sink was opened, but not for ever. */
  expect(puts: number, limitMs: number): void {
    this.#expected = puts;
    this.#limit = setTimeout(() => this.#late(puts, limitMs), limitMs);
    try {
      this.#afterRead();
    } catch (error) {
      this.#fail(String(error));
    }
  }

  close(): void {
    clearTimeout(this.#limit);
    this.#hasFailed = true;
    for (const connection of this.#connections) connection.close();
  }

  #connectionOf(stream: number): SinkConnection {
    const connection = this.#connections[stream % this.#connections.length];
    if (connection === undefined) throw new Error("there is a connection");
    return connection;
  }

  /** The server gives ids from 0 on: watcher `id` of stream `i` is number `id * streams + i`. */
  #openStream(i: number): number {
    const { streams, interest } = this.#plan;
    const ledger = this.#ledger;
    const listener: MessageListener = {
      message: (counter) => ledger.message(counter.watchId * streams + i, counter),
      sample: (bytes, start, end) => this.#sample(bytes, start, end),
    };
    const sampleEvery = interest === "all" ? SAMPLE_EVERY_MANY : SAMPLE_EVERY_FEW;
    const counter = new MessageCounter(listener, { sampleEvery, offset: i });
    return this.#connectionOf(i).openStream(counter);
  }

  /** After each read, so that what costs something is not paid for each message. */
  #afterRead(): void {
    const ledger = this.#ledger;
    if (ledger.events !== this.#eventsBefore) {
      this.#eventsBefore = ledger.events;
      this.#newestMs = monotonicMs();
    }
    this.#readMs = 0;
    if (!this.#isOpen && this.#plan.watchers > 0 && ledger.areAllCreated) this.#opened();
    if (!this.#isMarked && ledger.areAllMarked) {
      this.#isMarked = true;
      this.#report({ kind: "marked", atMs: this.#newestMs });
    }
    if (this.#expected > 0 && ledger.hasAll(this.#expected)) this.#arrived();
  }

  #opened(): void {
    this.#isOpen = true;
    if (this.#plan.stalls) for (const connection of this.#connections) connection.stall();
    this.#report({ kind: "opened", beganMs: this.#beganMs, atMs: monotonicMs() });
  }

  #arrived(): void {
    clearTimeout(this.#limit);
    this.#expected = 0;
    const latency = percentiles(this.#latenciesMs);
    this.#latenciesMs = [];
    this.#report({ kind: "arrived", atMs: this.#newestMs, latency });
  }

  #late(puts: number, limitMs: number): void {
    const due = eventsOfAll(puts, this.#plan);
    this.#fail(`${this.#ledger.events} of ${due} events after ${limitMs} ms`);
  }

  /** The value (5) of the KeyValue (2) of an event begins with the time when it was sent. */
  #sample(bytes: Buffer, start: number, end: number): void {
    const event = this.#event.over(bytes, start, end);
    while (event.next()) {
      if (event.field !== 2) continue;
      const keyValue = this.#keyValue.over(bytes, event.start, event.end);
      while (keyValue.next()) if (keyValue.field === 5) this.#stamped(bytes, keyValue.start);
    }
  }

  #stamped(bytes: Buffer, start: number): void {
    if (this.#readMs === 0) this.#readMs = monotonicMs();
    this.#latenciesMs.push(this.#readMs - readStamp(bytes, start));
  }

  #fail(text: string): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#report({ kind: "failed", text });
  }
}

function serve(): void {
  const report = (given: SinkReport): void => parentPort?.postMessage(given);
  let sink: Sink | undefined;
  parentPort?.on("message", (order: SinkOrder) => {
    switch (order.kind) {
      case "open":
        sink = new Sink(order.plan, report);
        void sink.open();
        break;
      case "expect":
        sink?.expect(order.puts, order.limitMs);
        break;
      case "close":
        sink?.close();
        report({ kind: "closed" });
    }
  });
}

serve();
