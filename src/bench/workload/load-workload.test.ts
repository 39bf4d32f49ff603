/** Workload files: what they become, and every mistake with its place. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../../test/source-files.ts";
import { isKurobeError } from "../../core/errors.ts";
import { loadWorkload } from "./load-workload.ts";
import { EXPECTATIONS, missesOf } from "./operation-table.ts";
import { splitCommand } from "./split-command.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kurobe-workload-"));
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

async function put(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

async function refusal(path: string): Promise<string> {
  const error: unknown = await loadWorkload(path, "p:").then(
    () => new Error("it was taken"),
    (reason: unknown) => reason,
  );
  if (!isKurobeError(error)) throw error;
  return `${error.code} ${error.message}`.replaceAll(folder, "");
}

describe("a workload file", () => {
  it("in YAML becomes a workload, with its defaults", async () => {
    const path = await put(
      "small.yaml",
      [
        "keyspaces:",
        "  user: { keys: 2k, distribution: 'zipfian:0.8', hitRatio: 90%, fill: 'SET {key} {value}' }",
        "operations:",
        "  read:",
        "    weight: 3",
        "    command: GET {lookup}",
        "    expect: value",
        "    lookup: true",
        "    then: write",
        "  write: { weight: 0, command: [SET, '{samekey}', 'a b {rand:5-9}'], structure: string, size: 1k }",
        `setup: [[SCRIPT, LOAD, "local t = {key} return 1"]]`,
      ].join("\n"),
    );
    const { workload, labels } = await loadWorkload(path, "p:");
    expect(workload).toEqual({
      name: "small",
      prefix: "p:",
      keyspaces: [
        {
          name: "user",
          keyCount: 2000,
          distribution: { kind: "zipfian", theta: 0.8 },
          value: { kind: "fixed", bytes: 64 },
          memberCount: 1,
          memberDistribution: { kind: "uniform" },
          hitRatio: 0.9,
          fill: [["SET", "{key}", "{value}"]],
        },
      ],
      operations: [
        {
          name: "read",
          keyspace: "user",
          weight: 3,
          steps: [["GET", "{lookup}"]],
          expect: EXPECTATIONS.value,
          missOn: missesOf("value"),
          then: "write",
        },
        {
          name: "write",
          keyspace: "user",
          weight: 0,
          steps: [["SET", "{samekey}", "a b {rand:5-9}"]],
          expect: EXPECTATIONS.any,
          missOn: 0,
        },
      ],
      setup: [["SCRIPT", "LOAD", "local t = {key} return 1"]],
    });
    expect(labels).toEqual({ write: { structure: "string", size: 1000 } });
  });

  it.each(["shop.yaml", "queue.ts"])("of the examples is taken: %s", async (name) => {
    const { workload } = await loadWorkload(join(ROOT, "examples", "workloads", name), "p:");
    expect(workload.operations.length).toBeGreaterThan(3);
  });

  it("reports every mistake of a field with line and column", async () => {
    const path = await put(
      "bad.yaml",
      [
        "keyspaces:",
        "  user: { keys: many, value: 9-1, fill: PING }",
        "  other: { keys: 10, distribution: zipf }",
        "operations:",
        "  read: { keyspace: usr, command: GET x, expect: valu }",
        "  list:",
        "    keyspace: user",
        "    commands:",
        "      - GET {kei}",
        "      - SET {key} 'open",
        "    then: reed",
        "  none: { keyspace: user }",
        "  lost: { command: PING }",
      ].join("\n"),
    );
    const message = await refusal(path);
    expect(message).toContain("KRB_BENCH_WORKLOAD The workload has 11 mistakes");
    for (const line of [
      "/bad.yaml:2:11: keyspaces.user.keys: many is no whole number from 1",
      "/bad.yaml:2:23: keyspaces.user.value: 9-1 ends before it begins",
      "/bad.yaml:2:35: keyspaces.user.fill: has to make a key",
      "/bad.yaml:3:22: keyspaces.other.distribution: zipf is no distribution",
      '/bad.yaml:5:11: operations.read.keyspace: usr is no keyspace: did you mean "user"?',
      '/bad.yaml:5:42: operations.read.expect: valu is no kind of reply: did you mean "value"?',
      '/bad.yaml:9:9: operations.list.commands.0: {kei} is no placeholder: did you mean "key"?',
      "/bad.yaml:10:9: operations.list.commands.1: has a quote that is not closed",
      '/bad.yaml:11:5: operations.list.then: reed is no operation: did you mean "read"?',
      "/bad.yaml:12:3: operations.none: takes either command or commands",
      "/bad.yaml:13:3: operations.lost: has to name its keyspace: one of user, other",
    ]) {
      expect(message).toContain(line);
    }
  });

  it.each([
    ["keyspaces: {}\noperations: {}", ["keyspaces: has none", "operations: has no operation"]],
    ["operations: {}", ["1:1: keyspaces: is missing"]],
    [
      "keyspaces: { a: { keys: 1 } }\noperations: { x: { comand: PING, weight: -1 } }",
      [
        '2:20: operations.x.comand: is unknown here: did you mean "command"?',
        "operations.x.weight",
      ],
    ],
    ["keyspaces: { 'a{b}': { keys: 1 } }\noperations: {}", ["has to be letters, digits"]],
    ["just text", ["1:1: the workload: has to be of type object"]],
    ["keyspaces: 3\noperations: {}", ["1:1: keyspaces: has to be a map of names"]],
    ["", ["has to be of type object"]],
    ["a: [1", ["is no YAML", "1:6"]],
    ["a: 1\na: 2", ["is no YAML", "2:1", "unique"]],
  ])("is refused: %j", async (text, expected) => {
    const message = await refusal(await put("refused.yaml", text));
    for (const part of expected) expect(message).toContain(part);
  });

  it("in TypeScript is checked the same way", async () => {
    const good = `import { defineWorkload } from "kurobe";
      export default defineWorkload({
        keyspaces: { a: { keys: 5 } }, operations: { x: { command: "GET {kee}" } } });`;
    expect(await refusal(await put("typed.ts", good))).toMatch(
      /typed\.ts: operations\.x\.command: \{kee\} is no placeholder/,
    );
    expect(await refusal(await put("broken.ts", "export default {"))).toMatch(
      /KRB_PROJECT_SYNTAX .*broken\.ts cannot be read/,
    );
    expect(await refusal(join(folder, "absent.yaml"))).toMatch(/KRB_BENCH_WORKLOAD_FILE/);
    expect(await refusal(join(folder, "absent.toml"))).toMatch(/is no workload file/);
  });
});

describe("a command as text", () => {
  it.each([
    ["SET {key}  value", ["SET", "{key}", "value"]],
    [`SET a "two words"`, ["SET", "a", "two words"]],
    [String.raw`SET a "q\"\n\x41"`, ["SET", "a", 'q"\nA']],
    [`EVAL 'return "x"' 0`, ["EVAL", 'return "x"', "0"]],
    [`SET a ""`, ["SET", "a", ""]],
    [`SET a '{"n":{rand:9}}'`, ["SET", "a", '{"n":{rand:9}}']],
    [`SET a "open`, undefined],
    [`SET a "closed"x`, undefined],
  ])("%j", (text, expected) => {
    expect(splitCommand(text)).toEqual(expected);
  });
});
