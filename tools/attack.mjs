/**
 * Attacks a server of ours over loopback, one way after another, while a healthy client is measured:
 *
 *     npm run attack                             # all, about two minutes
 *     npm run attack -- --rows 1,3b,11 --seconds 1 --keys 20000
 *
 * Prints one line for each attack; exit code 1 when the server did not do what it has to, or died.
 */
import { importCompiled } from "../bench/compiled.mjs";

const { attackMain } = await importCompiled("test/attack/attack-cli.ts");
process.exitCode = await attackMain(process.argv.slice(2));
