/**
 * Property tests draw the same cases at each run, so that a change is judged by what it changed.
 * `KUROBE_SEED=random` (or a number) explores others; a failure prints its seed.
 */
import fc from "fast-check";

const given = process.env["KUROBE_SEED"];
if (given !== "random")
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(given ?? 1) });
