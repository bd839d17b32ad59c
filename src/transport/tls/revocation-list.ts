import { decodeDer, type DerValue, Tag } from "./der.ts";

const PEM = /-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]+)-----END X509 CRL-----/;

/**
 * The serial numbers that a certificate revocation list names (RFC 5280 §5.1), in the form of
 * `serialKey`. The file is DER or PEM. As in an etcd, who signed the list and until when it was
 * meant to last do not matter: whoever can write the file is trusted.
 * Source: etcd client/pkg/transport listener_tls.go checkCRL.
 * @throws Error when it is no such list
 */
export function parseRevocationList(file: Buffer): ReadonlySet<string> {
  const pem = PEM.exec(file.toString("latin1"));
  const bytes = pem === null ? file : Buffer.from(pem[1] ?? "", "base64");
  const [list] = decodeDer(bytes);
  const body = sequence(sequence(list)[0]);
  // version?, signature, issuer, thisUpdate, nextUpdate?, revokedCertificates?, extensions?
  const signatureAt = body[0]?.tag === Tag.integer ? 1 : 0;
  sequence(body[signatureAt]);
  sequence(body[signatureAt + 1]);
  const thisUpdate = body[signatureAt + 2];
  if (!isTime(thisUpdate)) throw new Error("malformed revocation list");
  const revokedAt = isTime(body[signatureAt + 3]) ? signatureAt + 4 : signatureAt + 3;
  const revoked = body[revokedAt];
  if (revoked === undefined || revoked.tag !== Tag.sequence) return new Set();
  return new Set(
    decodeDer(revoked.contents).map((entry) => {
      const serial = sequence(entry)[0];
      if (serial?.tag !== Tag.integer) throw new Error("malformed revocation list");
      return serialKey(Buffer.from(serial.contents).toString("hex"));
    }),
  );
}

/** A serial number in hexadecimal, in the one form in which they are compared. */
export function serialKey(hex: string): string {
  return hex.toLowerCase().replace(/^0+(?=.)/, "");
}

function sequence(value: DerValue | undefined): DerValue[] {
  if (value?.tag !== Tag.sequence) throw new Error("malformed revocation list");
  return decodeDer(value.contents);
}

function isTime(value: DerValue | undefined): boolean {
  return value?.tag === Tag.utcTime || value?.tag === Tag.generalizedTime;
}
