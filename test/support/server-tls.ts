import { cipherList } from "../../src/transport/tls/cipher-suites.ts";
import { TlsAcceptor } from "../../src/transport/tls/tls-acceptor.ts";
import { TlsFiles } from "../../src/transport/tls/tls-files.ts";
import type { CertificateFiles } from "./test-certificates.ts";

/** TLS with this certificate, for any client. */
export function serverTls(own: CertificateFiles): TlsAcceptor {
  const files = new TlsFiles({
    keyPair: { kind: "files", ...own },
    trustedCaFile: undefined,
    crlFile: undefined,
    minVersion: "TLSv1.2",
    maxVersion: "TLSv1.3",
    ciphers: cipherList([]),
  });
  return new TlsAcceptor({
    files,
    policy: {
      requireCertificate: false,
      commonNameIsUser: false,
      allowedCommonNames: [],
      allowedHostnames: [],
    },
    rejected: () => undefined,
    filesFailed: (error) => {
      throw error;
    },
  });
}
