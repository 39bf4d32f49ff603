/**
 * Our load beside `valkey-benchmark --threads 1`, round by round, on the same server: operations a
 * second and processor time an operation, as medians of the ratios within a round. Servers run on
 * processor 0, both clients on processor 1 (start it with `taskset -c 1`). Each line of the table
 * is a process of its own, as a run of `kurobe bench` is one: code that has seen other workloads is
 * slower.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Load } from "../../src/bench/load/load.ts";
import { fillKeys } from "../../src/bench/load/fill.ts";
import { allLatencies } from "../../src/bench/load/outcome.ts";
import { readMachineTime, stealBetween } from "../../src/bench/run/environment.ts";
import { median } from "../../src/bench/statistics/order.ts";
import { startLocalServer } from "../../src/bench/target/local-server.ts";
import { startNullServer } from "../../src/bench/target/null-server.ts";
import { type Target } from "../../src/bench/target/target.ts";
import { EXPECTATIONS } from "../../src/bench/workload/operation-table.ts";
import { type KvOptions, kvWorkload } from "../../src/bench/workload/kv.ts";
import { structureWorkload } from "../../src/bench/workload/structures.ts";
import { type Workload } from "../../src/bench/workload/workload.ts";
import { startDelayedServer } from "./delayed-server.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string" },
    seconds: { type: "string" },
    engine: { type: "string" },
    cell: { type: "string" },
  },
});
const rounds = Number(values.rounds ?? 11);
const seconds = Number(values.seconds ?? 1.5);
const engine = values.engine ?? "valkey";

interface Run {
  readonly perSecond: number;
  readonly cpuUs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** Share of the machine's processor time that its host gave to others meanwhile. */
  readonly stolen: number;
}

const CONNECTIONS = 50;
/** Until all of our code is compiled; theirs is when it is shipped. */
const WARM_UP_MS = 6000;
const KV_BYTES = 64;
const KV: KvOptions = {
  mix: { get: 1 },
  keyCount: 100_000,
  distribution: { kind: "uniform" },
  value: { kind: "fixed", bytes: KV_BYTES },
  hitRatio: 1,
  ttlSeconds: 0,
  batch: 1,
  prefix: "key:",
};

async function ours(
  target: Target,
  workload: Workload,
  depth: number,
  connections = CONNECTIONS,
): Promise<Run> {
  await using load = await Load.open({
    target,
    workload,
    connections,
    depth,
    seed: 1,
    timeoutMs: 5000,
  });
  const before = readMachineTime();
  const outcome = await load.run({
    pace: { kind: "closed" },
    durationMs: seconds * 1000,
    requests: Number.POSITIVE_INFINITY,
    intervalMs: 1000,
  });
  const latencies = allLatencies(outcome);
  return {
    perSecond: (latencies.count / outcome.elapsedMs) * 1000,
    cpuUs: (outcome.client.cpuMs * 1000) / latencies.count,
    p50Ms: latencies.quantileMs(0.5),
    p95Ms: latencies.quantileMs(0.95),
    p99Ms: latencies.quantileMs(0.99),
    stolen: stealBetween(before, readMachineTime()) ?? Number.NaN,
  };
}

/**
 * Most of a millisecond in the server, so that little of a latency is the client's. No comma in it:
 * the other tool puts it into a line of CSV.
 */
const SCRIPT = "local i = 0 while i < 40000 do i = i + 1 end return i";

function workloadOf(command: string): Workload {
  if (command !== "eval") return kvWorkload({ ...KV, mix: { [command]: 1 } });
  const plain = kvWorkload({ ...KV, mix: { get: 1 } });
  const operations = plain.operations.map((get) => ({
    ...get,
    name: "EVAL",
    steps: [["EVAL", SCRIPT, "0"]],
    expect: EXPECTATIONS.integer,
    missOn: 0,
  }));
  return { ...plain, operations };
}

interface Cell {
  readonly command: string;
  readonly depth: number;
  readonly connections: number;
}

function theirs(port: number, { command, depth, connections }: Cell, requests: number): Run {
  const what = command === "eval" ? `EVAL '${SCRIPT}' 0` : `-t ${command}`;
  const line =
    `time valkey-benchmark -p ${port} -c ${connections} -P ${depth} -n ${requests} -r 100000 ` +
    `-d ${KV_BYTES} --threads 1 --csv ${what}`;
  const before = readMachineTime();
  const { stdout, stderr } = spawnSync("bash", ["-c", `TIMEFORMAT="CPU %U %S"; ${line}`], {
    encoding: "utf8",
  });
  const cells = (stdout.trim().split("\n").at(-1) ?? "").replaceAll('"', "").split(",").map(Number);
  const [, user = 0, system = 0] = /CPU ([\d.]+) ([\d.]+)/.exec(stderr)?.map(Number) ?? [];
  const [, perSecond = 0, , , p50Ms = 0, p95Ms = 0, p99Ms = 0] = cells;
  const cpuUs = ((user + system) * 1e6) / requests;
  return {
    perSecond,
    cpuUs,
    p50Ms,
    p95Ms,
    p99Ms,
    stolen: stealBetween(before, readMachineTime()) ?? Number.NaN,
  };
}

function show(name: string, pairs: readonly (readonly [Run, Run])[]): void {
  const ratio = (read: (run: Run) => number): readonly number[] =>
    pairs.map(([our, their]) => read(our) / read(their));
  const speed = ratio(({ perSecond }) => perSecond);
  const cell = (read: (run: Run) => number, side: 0 | 1, digits: number): string =>
    median(pairs.map((pair) => read(pair[side]))).toFixed(digits);
  const both = (percentile: string, read: (run: Run) => number): string =>
    `${percentile} ${cell(read, 0, 3)}/${cell(read, 1, 3)} ms = ${median(ratio(read)).toFixed(2)}`;
  console.log(
    `${name.padEnd(20)} ${cell(({ perSecond }) => perSecond, 0, 0).padStart(9)} ops/s, ` +
      `C ${cell(({ perSecond }) => perSecond, 1, 0).padStart(9)}, ` +
      `ratio ${median(speed).toFixed(2)} [${Math.min(...speed).toFixed(2)}-${Math.max(...speed).toFixed(2)}], ` +
      `CPU/op ${cell(({ cpuUs }) => cpuUs, 0, 2)}/${cell(({ cpuUs }) => cpuUs, 1, 2)} us ` +
      `= ${median(ratio(({ cpuUs }) => cpuUs)).toFixed(2)}, ` +
      `${both("p50", ({ p50Ms }) => p50Ms)}, ${both("p95", ({ p95Ms }) => p95Ms)}, ` +
      `${both("p99", ({ p99Ms }) => p99Ms)}, ` +
      `stolen ${(median(pairs.flat().map(({ stolen }) => stolen)) * 100).toFixed(1)} %`,
  );
}

async function compare(name: string, { target, port }: Server, cell: Cell): Promise<void> {
  const { command, depth, connections } = cell;
  const workload = workloadOf(command);
  const our = (): Promise<Run> => ours(target, workload, depth, connections);
  // The last one tells how many requests fill the time.
  let perSecond = 0;
  for (let warmMs = 0; warmMs < WARM_UP_MS; warmMs += seconds * 1000) {
    ({ perSecond } = await our());
  }
  const requests = Math.max(1000, Math.round(perSecond * seconds));
  const pairs: (readonly [Run, Run])[] = [];
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) {
      const first = await our();
      pairs.push([first, theirs(port, cell, requests)]);
    } else {
      const first = theirs(port, cell, requests);
      pairs.push([await our(), first]);
    }
  }
  const many = connections === CONNECTIONS ? "" : ` c=${connections}`;
  show(`${name} ${command.toUpperCase()} P=${depth}${many}`, pairs);
}

/** Mixed structures with checked replies beside plain GETs, both ours: what checking costs. */
async function compareStructures(target: Target): Promise<void> {
  const shared = { keyCount: 1000, distribution: { kind: "zipfian", theta: 0.99 } } as const;
  const workload = structureWorkload({
    ...shared,
    structure: "zset",
    size: 100,
    value: KV.value,
    prefix: "key:",
    only: ["ZADD", "ZINCRBY", "ZSCORE", "ZRANK", "ZCARD"],
  });
  await using load = await Load.open({
    target,
    workload,
    connections: CONNECTIONS,
    depth: 16,
    seed: 1,
    timeoutMs: 5000,
  });
  await fillKeys(load, workload);
  const pairs: (readonly [Run, Run])[] = [];
  for (let round = 0; round < rounds; round++) {
    pairs.push([await ours(target, workload, 16), await ours(target, kvWorkload(KV), 16)]);
  }
  show("zset mix / own GET", pairs);
}

interface Server extends AsyncDisposable {
  readonly target: Target;
  readonly port: number;
}

async function startEngine(): Promise<Server> {
  const server = await startLocalServer({ engine, core: 0 });
  execFileSync("valkey-benchmark", [
    ...[
      "-p",
      String(server.port),
      "-n",
      "2000000",
      "-r",
      "100000",
      "-d",
      String(KV_BYTES),
      "-P",
      "64",
    ],
    ...["-t", "set", "-q"],
  ]);
  return server;
}

/** Not where the clients are, or not at all. */
const ON_FIRST = ["taskset", "-c", "0"];

async function startServer(name: string): Promise<Server> {
  if (name === "null") return await startNullServer(KV_BYTES, ON_FIRST);
  return await (name === "delayed" ? startDelayedServer(KV_BYTES, ON_FIRST) : startEngine());
}

async function runCell(cell: string): Promise<void> {
  const [name = "", command = "", depth = "1", connections = CONNECTIONS] = cell.split(" ");
  await using server = await startServer(name);
  if (command === "zset") await compareStructures(server.target);
  else {
    const numbers = { depth: Number(depth), connections: Number(connections) };
    await compare(name, server, { command, ...numbers });
  }
}

function allCells(): readonly string[] {
  const kv = (name: string): readonly string[] =>
    [1, 16, 100].flatMap((depth) => ["get", "set"].map((each) => `${name} ${each} ${depth}`));
  // The last three of the engine are about percentiles: where the server takes the time they agree.
  const latencies = ["get 1 1", "eval 1 1", "eval 1 50"].map((each) => `${engine} ${each}`);
  return [...kv(engine), `${engine} zset`, ...latencies, "delayed get 1", ...kv("null")];
}

if (values.cell === undefined) {
  console.log(
    `${rounds} rounds of ${seconds} s, ${engine}, ${CONNECTIONS} connections, 100,000 keys, ${KV_BYTES} bytes`,
  );
  for (const cell of allCells()) {
    const words = [...process.execArgv, fileURLToPath(import.meta.url)];
    spawnSync(process.execPath, [...words, ...process.argv.slice(2), "--cell", cell], {
      stdio: "inherit",
    });
  }
} else {
  await runCell(values.cell);
}
