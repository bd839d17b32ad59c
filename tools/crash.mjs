/**
 * Kills our server again and again under load and judges what is left:
 *
 *     npm run crash -- --kills 50 --writers 64 --watchers 100 --seed 7
 *     npm run crash -- --kills 0 --puts 100000          # no kills: the plain load
 *     npm run crash -- --server etcd-3.5                # the judge itself, on a real etcd
 *
 * Prints one JSON line; exit code 1 when anything was lost, repeated or invented.
 */
import { importCompiled } from "../bench/compiled.mjs";

const { crashMain } = await importCompiled("test/crash/crash-cli.ts");
process.exitCode = await crashMain(process.argv.slice(2));
