import type { Method, MethodTable } from "../api/call.ts";
import type { MethodCounters } from "./counters.ts";

/** A method as the transport serves it. */
export interface ServedMethod {
  readonly method: Method;
  readonly counters: MethodCounters;
}

/** All methods by path, and the words for those that are not there. */
export class ServedMethods {
  readonly #byPath: Map<string, ServedMethod> = new Map();
  readonly #services: Set<string> = new Set();
  readonly counters: Map<string, MethodCounters> = new Map();

  constructor(methods: MethodTable) {
    for (const [path, method] of methods) {
      const slash = path.lastIndexOf("/");
      const counters: MethodCounters = {
        service: path.slice(1, slash),
        method: path.slice(slash + 1),
        kind: method.kind,
        started: 0,
        messagesReceived: 0,
        messagesSent: 0,
        handled: new Array<number>(17).fill(0),
      };
      this.#services.add(counters.service);
      this.counters.set(path, counters);
      this.#byPath.set(path, { method, counters });
    }
  }

  get(path: string): ServedMethod | undefined {
    return this.#byPath.get(path);
  }

  /** Why there is no such method (E81). */
  unknownText(path: string): string {
    const start = path.startsWith("/") ? 1 : 0;
    const slash = path.lastIndexOf("/");
    if (slash < start) return `malformed method name: ${JSON.stringify(path)}`;
    const service = path.slice(start, slash);
    if (!this.#services.has(service)) return `unknown service ${service}`;
    return `unknown method ${path.slice(slash + 1)} for service ${service}`;
  }
}
