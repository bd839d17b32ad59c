/**
 * Every command of etcdctl against our server and a real etcd of its version, without and with TLS
 * and auth; what they print and how they exit is compared:
 *
 *     npm run etcdctl                                       # all, about three minutes
 *     npm run etcdctl -- --only tls --version etcd-3.5      # one set-up, one version
 *
 * Exit code 1 when something differs that test/etcdctl/etcdctl-differences.ts does not list, when
 * something listed does not differ, or when a command or flag of etcdctl was not tried.
 */
import { importCompiled } from "../bench/compiled.mjs";

const { etcdctlMain } = await importCompiled("test/etcdctl/etcdctl-cli.ts");
process.exitCode = await etcdctlMain(process.argv.slice(2));
