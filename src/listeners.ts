import { lstatSync, unlinkSync } from "node:fs";
import { getHeapStatistics } from "node:v8";
import type { HttpFront, HttpHandler, MethodTable } from "./api/call.ts";
import { REQUEST_OVERHEAD_BYTES } from "./base/limits.ts";
import type { DeliveryLatency } from "./delivery-latency.ts";
import type { ListenUrl } from "./listen-url.ts";
import { realClock, realTimers } from "./outside.ts";
import type { ServerOptions } from "./server-options.ts";
import { WAITING_SHARE_OF_HEAP } from "./transport/http2/limits.ts";
import { Listener } from "./transport/listener.ts";
import type { TlsAcceptor } from "./transport/tls/tls-acceptor.ts";

/** Listeners that have started, and where they are reached. */
export interface Front {
  readonly listeners: Listener[];
  readonly urls: string[];
}

/** What listeners serve. */
export interface Served {
  readonly options: ServerOptions;
  readonly methods: MethodTable;
  readonly http: HttpHandler;
  /** The JSON gateway; absent where there is none. */
  readonly front?: HttpFront | undefined;
  readonly delivery: DeliveryLatency;
  /** For the URLs that ask for it. */
  readonly tls: TlsAcceptor | undefined;
}

/** Where gRPC has its addresses to itself (--listen-client-http-urls), this is all HTTP gets. */
export const NO_HTTP: Pick<Served, "http" | "front"> = {
  http: (_, respond) => {
    const headers = { "content-type": "text/plain; charset=utf-8" };
    respond({ status: 404, headers, body: "404 page not found\n" });
  },
  front: undefined,
};

/**
 * Listens at all URLs: one listener an address, added as it starts, so that a failure leaves those
 * to close. A URL with TLS and one without may share an address, as with etcd.
 * @throws the system's Error when an address cannot be had
 */
export async function listenAt(
  urls: readonly ListenUrl[],
  front: Front,
  served: Served,
): Promise<void> {
  for (const group of byAddress(urls)) {
    const listener = newListener(group, served);
    const port = await listen(listener, group);
    for (const { url } of group) {
      front.urls.push(port === undefined ? url : url.replace(/\d+$/, String(port)));
    }
    front.listeners.push(listener);
  }
}

function byAddress(urls: readonly ListenUrl[]): ListenUrl[][] {
  const groups = new Map<string, ListenUrl[]>();
  urls.forEach((listenUrl, index) => {
    const { address } = listenUrl;
    // Port 0 is another one each time.
    const key = JSON.stringify("port" in address && address.port === 0 ? index : address);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [listenUrl]);
    else if (!group.some(({ url }) => url === listenUrl.url)) group.push(listenUrl);
  });
  return [...groups.values()];
}

function newListener(group: readonly ListenUrl[], served: Served): Listener {
  const { options, methods, http, front, delivery, tls } = served;
  return new Listener({
    deliveryTimes: delivery,
    methods,
    http,
    front,
    maxMessageBytes: options.maxRequestBytes + REQUEST_OVERHEAD_BYTES,
    maxConcurrentStreams: options.maxConcurrentStreams,
    waitingBytesMax: getHeapStatistics().heap_size_limit * WAITING_SHARE_OF_HEAP,
    keepaliveMinTimeMs: options.keepaliveMinTimeMs,
    keepaliveIntervalMs: options.keepaliveIntervalMs,
    keepaliveTimeoutMs: options.keepaliveTimeoutMs,
    clock: realClock,
    timers: realTimers,
    tls: group.some(({ isSecure }) => isSecure) ? tls : undefined,
    isPlainAllowed: group.some(({ isSecure }) => !isSecure),
  });
}

/** Listens where the URLs say; the port that it really is, or undefined for a Unix socket. */
async function listen(
  listener: Listener,
  group: readonly ListenUrl[],
): Promise<number | undefined> {
  const address = group[0]?.address;
  if (address === undefined) return undefined;
  if ("path" in address) {
    // What a server that was killed left behind. The socket of a live one goes as well, as with
    // etcd: the lock of the data folder is what keeps two servers apart.
    if (lstatSync(address.path, { throwIfNoEntry: false })?.isSocket()) unlinkSync(address.path);
    await listener.listen(address);
    return undefined;
  }
  return (await listener.listen(address)).port;
}
