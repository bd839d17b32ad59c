import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Clock } from "./base/outside.ts";
import type { ListenUrl } from "./listen-url.ts";
import type { Logger } from "./logger.ts";
import type { TlsFlags } from "./tls-options.ts";
import { makeSelfSigned } from "./transport/tls/self-signed.ts";
import { type Rejection, TlsAcceptor } from "./transport/tls/tls-acceptor.ts";
import { type KeyPairSource, TlsFiles } from "./transport/tls/tls-files.ts";

/** What TLS needs of the server around it. */
export interface SecureFrontOptions {
  readonly flags: TlsFlags;
  readonly clientUrls: readonly ListenUrl[];
  /** Those for metrics often go without TLS, which is worth no warning. */
  readonly metricsUrls: readonly ListenUrl[];
  /** Undefined = nothing is kept on disk. */
  readonly dataDir: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

const YEAR_MS: number = 365 * 24 * 60 * 60 * 1000;
/** The last moment that a certificate can name (RFC 5280 §4.1.2.5). */
const LAST_MOMENT_MS: number = Date.UTC(9999, 11, 31, 23, 59, 59);
/** Rejections logged in a second; the others are counted. */
const REJECTIONS_LOGGED_MAX = 10;
const SECOND_MS = 1000;

/**
 * TLS for the listeners of a server; undefined when no URL asks for it.
 * @throws Error with etcd's text when something is missing or does not fit together
 */
export function openSecureFront(options: SecureFrontOptions): TlsAcceptor | undefined {
  const { flags, clientUrls, metricsUrls, log } = options;
  warnOfPlainUrls(flags, clientUrls, log);
  const keyPair = keyPairOf(options);
  const first = [...clientUrls, ...metricsUrls].find((listenUrl) => listenUrl.isSecure);
  if (first === undefined) return undefined;
  if (keyPair === undefined) {
    throw new Error(
      `TLS key/cert (--cert-file, --key-file) must be provided for client url ${first.url} with ` +
        "HTTPS scheme",
    );
  }
  const { trustedCaFile, crlFile, minVersion, maxVersion, ciphers } = flags;
  const files = new TlsFiles({ keyPair, trustedCaFile, crlFile, minVersion, maxVersion, ciphers });
  log.info("starting with client TLS", {
    "cert-file": flags.certFile ?? "",
    "key-file": flags.keyFile ?? "",
    "trusted-ca-file": trustedCaFile ?? "",
    "client-cert-auth": flags.clientCertAuth,
    "crl-file": crlFile ?? "",
  });
  const { allowedHostnames, allowedCommonNames, clientCertAuth } = flags;
  return new TlsAcceptor({
    files,
    policy: {
      // As in etcd, whoever names an authority wants it asked.
      requireCertificate: clientCertAuth || trustedCaFile !== undefined,
      commonNameIsUser: clientCertAuth,
      allowedHostnames,
      allowedCommonNames,
    },
    rejected: rejectionLog(options.clock, log),
    filesFailed: (error) => {
      log.warn("failed to load changed TLS files; going on with those before", {
        error: error.message,
      });
    },
  });
}

function warnOfPlainUrls(flags: TlsFlags, urls: readonly ListenUrl[], log: Logger): void {
  for (const { url, isSecure } of urls) {
    if (isSecure) continue;
    const about = { "client-url": url };
    if (flags.certFile !== undefined || flags.keyFile !== undefined) {
      const text = "scheme is http or unix while key and cert files are present";
      log.warn(`${text}; ignoring key and cert files`, about);
    }
    if (flags.clientCertAuth) {
      const text = "scheme is http or unix while --client-cert-auth is enabled";
      log.warn(`${text}; ignoring client cert auth for this URL`, about);
    }
  }
}

/** The certificate that was given, or one that is made (--auto-tls); undefined = neither. */
function keyPairOf(options: SecureFrontOptions): KeyPairSource | undefined {
  const { certFile, keyFile, autoTls } = options.flags;
  if (certFile !== undefined || keyFile !== undefined) {
    if (certFile === undefined || keyFile === undefined) {
      const given = `[key: ${keyFile ?? ""}, cert: ${certFile ?? ""}]`;
      throw new Error(`KeyFile and CertFile must both be present${given}`);
    }
    if (autoTls) options.log.warn("ignoring client auto TLS since certs given");
    warnOfOpenKey(keyFile, options.log);
    return { kind: "files", certFile, keyFile };
  }
  return autoTls ? ownKeyPair(options) : undefined;
}

/** Containers mount secrets readable to all: no reason to refuse, but worth a line. */
function warnOfOpenKey(keyFile: string, log: Logger): void {
  const mode = statSync(keyFile, { throwIfNoEntry: false })?.mode ?? 0;
  if ((mode & 0o077) === 0) return;
  const permissions = (mode & 0o777).toString(8);
  log.warn("the key file can be read by others", { "key-file": keyFile, permissions });
}

/** Kept in the data folder where an etcd has it, and used again when it is there. */
function ownKeyPair(options: SecureFrontOptions): KeyPairSource {
  const { flags, clientUrls, metricsUrls, dataDir, clock, log } = options;
  const listenUrls = [...clientUrls, ...metricsUrls];
  const folder = path.resolve(dataDir ?? ".", "fixtures", "client");
  const certFile = path.join(folder, "cert.pem");
  const keyFile = path.join(folder, "key.pem");
  const isThere = existsSync(certFile) && existsSync(keyFile);
  if (dataDir !== undefined && isThere) return { kind: "files", certFile, keyFile };
  const notBeforeMs = clock.wallMs();
  const notAfterMs = Math.min(notBeforeMs + flags.selfSignedYears * YEAR_MS, LAST_MOMENT_MS);
  log.warn("automatically generate certificates", {
    "certificate-validity-bound-not-after": new Date(notAfterMs).toISOString(),
  });
  const hosts = listenUrls.flatMap(({ address }) => ("host" in address ? [address.host] : []));
  const unique = [...new Set(hosts.flatMap(namesOf))];
  const pair = makeSelfSigned({ hosts: unique, notBeforeMs, notAfterMs });
  if (dataDir === undefined) return { kind: "memory", pair };
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(certFile, pair.certificate);
  log.info("created cert file", { path: certFile });
  writeFileSync(keyFile, pair.key, { mode: 0o600 });
  chmodSync(keyFile, 0o600);
  log.info("created key file", { path: keyFile });
  return { kind: "files", certFile, keyFile };
}

/** This machine is also reached by its name. */
function namesOf(host: string): string[] {
  return host === "127.0.0.1" || host === "::1" ? [host, "localhost"] : [host];
}

/** Says who was not let in; of a storm it says how many. */
function rejectionLog(clock: Clock, log: Logger): (rejection: Rejection) => void {
  let second = 0;
  let logged = 0;
  let unsaid = 0;
  return ({ remoteAddress, serverName, reason }) => {
    const now = Math.floor(clock.monotonicMs() / SECOND_MS);
    if (now !== second) {
      if (unsaid > 0) log.warn("rejected more connections on client endpoint", { count: unsaid });
      second = now;
      logged = 0;
      unsaid = 0;
    }
    if (logged === REJECTIONS_LOGGED_MAX) {
      unsaid++;
      return;
    }
    logged++;
    log.warn("rejected connection on client endpoint", {
      "remote-addr": remoteAddress,
      "server-name": serverName,
      error: reason,
    });
  };
}
