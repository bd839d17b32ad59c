import { createPrivateKey, X509Certificate } from "node:crypto";
import { expect, it } from "vitest";
import { makeSelfSigned } from "./self-signed.ts";

const BEGIN = Date.UTC(2026, 0, 2, 3, 4, 5);
const hosts = ["127.0.0.1", "::1", "2001:db8::a:b", "::ffff:10.0.0.1", "localhost", "a.example"];

it("a certificate of our own is one for Node, with the fields of an etcd's (T6)", () => {
  const notAfterMs = Date.UTC(2051, 0, 1);
  const pair = makeSelfSigned({ hosts, notBeforeMs: BEGIN, notAfterMs });
  const certificate = new X509Certificate(pair.certificate);
  expect(certificate.subject).toBe("O=etcd");
  expect(certificate.issuer).toBe("O=etcd");
  expect(certificate.ca).toBe(false);
  expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
  expect(new Date(certificate.validFrom).getTime()).toBe(BEGIN);
  expect(new Date(certificate.validTo).getTime()).toBe(notAfterMs);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.checkPrivateKey(createPrivateKey(pair.key))).toBe(true);
  expect(pair.key).toMatch(/^-----BEGIN EC PRIVATE KEY-----/);
});

it("is for the names and addresses that it was made for, and for no others", () => {
  const { certificate } = makeSelfSigned({ hosts, notBeforeMs: BEGIN, notAfterMs: BEGIN + 1000 });
  const parsed = new X509Certificate(certificate);
  for (const host of hosts) {
    const found = /[a-z]{3}/.test(host.replace("ffff", ""))
      ? parsed.checkHost(host)
      : parsed.checkIP(host);
    expect(found, host).toBeDefined();
  }
  expect(parsed.checkHost("b.example")).toBeUndefined();
  expect(parsed.checkIP("10.0.0.2")).toBeUndefined();
  expect(parsed.checkIP("2001:db8::a:c")).toBeUndefined();
});

it("one for nobody, of a server on a Unix socket only, has no names at all", () => {
  const { certificate } = makeSelfSigned({ hosts: [], notBeforeMs: BEGIN, notAfterMs: BEGIN });
  expect(new X509Certificate(certificate).subjectAltName).toBeUndefined();
});

it("every one has a key and a serial number of its own", () => {
  const make = (): X509Certificate =>
    new X509Certificate(makeSelfSigned({ hosts, notBeforeMs: 0, notAfterMs: 1 }).certificate);
  const [one, other] = [make(), make()];
  expect(one.serialNumber).not.toBe(other.serialNumber);
  expect(one.verify(other.publicKey)).toBe(false);
});
