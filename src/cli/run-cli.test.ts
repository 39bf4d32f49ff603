import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runInMemory } from "../../test/support/memory-terminal.ts";
import { COMMAND_LIST, loadAll } from "./command-list.ts";
import { widthOf } from "./text-width.ts";

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kurobe-cli-"));
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe("kurobe", () => {
  it("lists every command without arguments and with --help", async () => {
    const bare = await runInMemory([]);
    const asked = await runInMemory(["--help"]);
    expect(bare).toEqual(asked);
    expect(bare.code).toBe(0);
    for (const name of Object.keys(COMMAND_LIST)) expect(bare.stdout).toContain(`  ${name} `);
  });

  it("prints its version", async () => {
    const { version } = JSON.parse(await readFile("package.json", "utf8")) as { version: string };
    expect((await runInMemory(["--version"])).stdout).toBe(`${version}\n`);
  });

  it("explains a group of verbs, and one verb of it", async () => {
    const group = await runInMemory(["dlq", "--help"]);
    expect(group.stdout).toContain("dlq retry");
    expect(group.stdout).not.toContain("checkpoint");
    const verb = await runInMemory(["dlq", "retry", "--help"]);
    expect(verb.stdout).toContain("Usage: kurobe dlq retry <dataset> [options]");
  });

  it.each([
    [["stats"], 'did you mean "status"?'],
    [["checkpoint"], "needs one of ls, now"],
    [["checkpoint", "nwo"], 'did you mean "checkpoint now"?'],
    [["help", "ingst"], 'did you mean "ingest"?'],
  ])("answers %j with a suggestion and exit code 1", async (args, suggestion) => {
    const run = await runInMemory(args);
    expect(run.code).toBe(1);
    expect(run.stdout).toBe("");
    expect(run.stderr).toContain(suggestion);
  });

  it("reports all mistakes in a command line together", async () => {
    const { code, stderr } = await runInMemory(["ingest", "--formt", "csv", "--parallel"]);
    expect(code).toBe(1);
    expect(stderr).toContain("did you mean --format?");
    expect(stderr).toContain("--parallel needs a value: <n>");
    expect(stderr).toContain("<file> is missing");
  });

  it("gives errors as JSON on stderr with --json", async () => {
    const { code, stdout, stderr } = await runInMemory(["check", "--json"], {
      workingDirectory: tmpdir(),
    });
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: "KRB_PROJECT_NOT_FOUND", hint: expect.stringContaining("kurobe init") },
    });
  });

  it("exits with 2 where no server answers", async () => {
    const run = await runInMemory(["status", "--url", "http://127.0.0.1:9"]);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain("kurobe start");
  });
});

describe("every command", async () => {
  const commands = await loadAll();

  it.each(commands.map((command) => [command.name, command] as const))(
    "%s is listed under its own name, and its examples call it",
    (name, { examples, summary, description }) => {
      expect(Object.keys(COMMAND_LIST)).toContain(name);
      expect(examples.some(({ line }) => line.includes(`kurobe ${name}`))).toBe(true);
      expect(summary).toMatch(/^[A-Z].*[^.]$/);
      expect(description.length).toBeGreaterThan(0);
    },
  );

  it.each(commands.map(({ name }) => [name] as const))(
    "%s has help that fits a narrow screen",
    async (name) => {
      const { code, stdout } = await runInMemory([...name.split(" "), "--help"], { columns: 60 });
      expect(code).toBe(0);
      const [body = ""] = stdout.split("Examples:");
      const wide = body
        .split("\n")
        .filter((line) => widthOf(line) > 60 && !line.startsWith("Usage"));
      expect(wide.filter((line) => line.trim().length > 60)).toEqual([]);
    },
  );
});

describe("init", () => {
  it("writes a project that check accepts and plan explains", async () => {
    const made = await runInMemory(["init", "Heat-Pumps 2", "--json"], {
      workingDirectory: directory,
    });
    expect(made).toMatchObject({ code: 0, stderr: "" });
    const { name, directory: target } = JSON.parse(made.stdout) as Record<string, string>;
    expect(name).toBe("heat_pumps_2");
    const checked = await runInMemory(["check", "--json"], { workingDirectory: target ?? "" });
    expect(JSON.parse(checked.stdout)).toMatchObject({
      ok: true,
      name: "heat_pumps_2",
      datasets: ["readings"],
      windows: ["hourly"],
    });
    const planned = await runInMemory(["plan", "--explain"], { workingDirectory: target ?? "" });
    expect(planned.stdout).toContain("window hourly over readings");
    expect(planned.stdout).toContain("everything is new");
  });

  it("overwrites nothing: it names the files that are there, and writes none", async () => {
    const target = join(directory, "taken");
    await runInMemory(["init", target]);
    await writeFile(join(target, "kurobe.config.ts"), "// mine\n");
    await rm(join(target, "package.json"));
    const again = await runInMemory(["init", target]);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain("kurobe.config.ts");
    expect(await readFile(join(target, "kurobe.config.ts"), "utf8")).toBe("// mine\n");
    await expect(readFile(join(target, "package.json"))).rejects.toThrow("ENOENT");
  });

  it("refuses a name that no project can have", async () => {
    const run = await runInMemory(["init", join(directory, "x"), "--name", "Über"]);
    expect(run).toMatchObject({ code: 1 });
  });
});

describe("check", () => {
  it("reports every mistake of a project with its path, and exits with 1", async () => {
    const target = join(directory, "wrong");
    await runInMemory(["init", target]);
    const path = join(target, "kurobe.config.ts");
    const text = await readFile(path, "utf8");
    await writeFile(path, text.replace('size: "1h"', 'size: "1x"').replace('"1 day"', '"-1"'));
    const run = await runInMemory(["check", "--json"], { workingDirectory: target });
    expect(run.code).toBe(1);
    const { error } = JSON.parse(run.stderr) as {
      error: { code: string; details: { problems: readonly { path: string }[] } };
    };
    expect(error.code).toBe("KRB_PROJECT_INVALID");
    expect(error.details.problems.map(({ path: place }) => place)).toEqual([
      "windows.hourly.size",
      "windows.hourly.allowedLateness",
    ]);
  });
});
