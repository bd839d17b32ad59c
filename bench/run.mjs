/**
 * Measures our server beside the etcds that are installed: see bench/README.md.
 *
 *     npm run bench
 *     npm run bench -- --rounds 1 --scale 0.2 --servers vedette,etcd-3.5 --only fan-out
 */
import { importCompiled } from "./compiled.mjs";

const { benchMain } = await importCompiled("bench/bench.ts");
process.exitCode = await benchMain(process.argv.slice(2));
