/** Turns a workload as it is written into what is sent, and finds every mistake in it. */
import { z } from "zod";
import { KurobeError } from "../../core/errors.ts";
import { didYouMean } from "../../plan/problem.ts";
import { type OperationLabel } from "../run/run-plan.ts";
import { type Expectation, EXPECTATIONS, missesOf } from "./operation-table.ts";
import { readCommand, withPrefix } from "./placeholder.ts";
import { parseCount, parseDistribution, parseShare, parseValueSize } from "./read-words.ts";
import { splitCommand } from "./split-command.ts";
import { type Keyspace, type Operation, type Workload } from "./workload.ts";
import { type CommandSpec, type KeyspaceSpec, type OperationSpec } from "./workload-spec.ts";

/** Where something is written: `["operations", "read", "command"]`. */
export type SpecPath = readonly (string | number)[];

export interface Mistake {
  readonly path: SpecPath;
  /** What is wrong, and what could be there. */
  readonly text: string;
}

export interface ReadWorkload {
  readonly workload: Workload;
  readonly labels: Readonly<Record<string, OperationLabel>>;
}

type Read =
  | (ReadWorkload & { readonly mistakes: null })
  | { readonly mistakes: readonly Mistake[] };

const text = z.union([z.string().min(1), z.number()]);
const command = z.union([z.string().min(1), z.array(text).min(1)]);
const name = z.string().regex(/^[A-Za-z0-9][\w .+-]*$/, "has to be letters, digits and - _ . +");

const SPEC = z.strictObject({
  name: name.exactOptional(),
  keyspaces: z.record(
    name,
    z.strictObject({
      keys: text,
      distribution: z.string().exactOptional(),
      value: text.exactOptional(),
      members: text.exactOptional(),
      memberDistribution: z.string().exactOptional(),
      hitRatio: text.exactOptional(),
      fill: z.union([z.string().min(1), z.array(command).min(1)]).exactOptional(),
    }),
  ),
  operations: z.record(
    name,
    z.strictObject({
      keyspace: z.string().exactOptional(),
      weight: z.number().min(0).exactOptional(),
      command: command.exactOptional(),
      commands: z.array(command).min(1).exactOptional(),
      expect: z.string().exactOptional(),
      lookup: z.boolean().exactOptional(),
      then: z.string().exactOptional(),
      structure: z.string().exactOptional(),
      size: text.exactOptional(),
    }),
  ),
  setup: z.array(command).exactOptional(),
});

/** `otherwise` is the name of a workload that gives itself none. */
export function readWorkload(written: unknown, otherwise: string, prefix: string): Read {
  const parsed = SPEC.safeParse(written, { reportInput: true });
  if (!parsed.success) return { mistakes: parsed.error.issues.flatMap(mistakesOf) };
  const reader = new SpecReader();
  const { keyspaces, operations, setup } = parsed.data;
  const names = Object.keys(keyspaces);
  const workload = {
    name: parsed.data.name ?? otherwise,
    prefix,
    keyspaces: Object.entries(keyspaces).map(([each, spec]) => reader.keyspace(each, spec)),
    operations: Object.entries(operations).map(([each, spec]) =>
      reader.operation(each, spec, names, Object.keys(operations)),
    ),
    setup: (setup ?? []).map((each, index) => reader.plain(each, ["setup", index])),
  };
  if (names.length === 0) reader.add(["keyspaces"], "has none: name one with its number of keys");
  if (!workload.operations.some(({ weight }) => weight > 0)) {
    reader.add(["operations"], "has no operation with a weight above 0");
  }
  if (workload.operations.length > 250) reader.add(["operations"], "takes 250 of them at most");
  if (reader.mistakes.length > 0) return { mistakes: reader.mistakes };
  return { workload, labels: reader.labels, mistakes: null };
}

class SpecReader {
  readonly mistakes: Mistake[] = [];
  readonly labels: Record<string, OperationLabel> = {};

  add(path: SpecPath, what: string): void {
    this.mistakes.push({ path, text: what });
  }

  keyspace(keyspaceName: string, spec: KeyspaceSpec): Keyspace {
    const path = ["keyspaces", keyspaceName];
    const uniform = { kind: "uniform" } as const;
    const at = <T>(key: Exclude<keyof KeyspaceSpec, "fill">, otherwise: T, read: Reader<T>): T =>
      this.#word([...path, key], spec[key], otherwise, read);
    return {
      name: keyspaceName,
      keyCount: at("keys", 1, parseCount),
      distribution: at("distribution", uniform, parseDistribution),
      value: at("value", { kind: "fixed", bytes: 64 } as const, parseValueSize),
      memberCount: at("members", 1, parseCount),
      memberDistribution: at("memberDistribution", uniform, parseDistribution),
      hitRatio: at("hitRatio", 1, parseShare),
      fill: spec.fill === undefined ? [] : this.#fill(spec.fill, [...path, "fill"]),
    };
  }

  operation(
    operationName: string,
    spec: OperationSpec,
    keyspaces: readonly string[],
    operations: readonly string[],
  ): Operation {
    const path = ["operations", operationName];
    const { then, structure } = spec;
    if (then !== undefined && !operations.includes(then)) {
      this.add([...path, "then"], `${then} is no operation: ${didYouMean(then, operations)}`);
    }
    const expectation = this.#expect(spec.expect, [...path, "expect"]);
    const size = this.#word([...path, "size"], spec.size, 0, parseCount);
    if (structure !== undefined) this.labels[operationName] = { structure, size };
    return {
      name: operationName,
      keyspace: this.#keyspaceOf(spec, keyspaces, path),
      weight: spec.weight ?? 1,
      steps: this.#steps(spec, path),
      expect: EXPECTATIONS[expectation],
      missOn: spec.lookup === true ? missesOf(expectation) : 0,
      ...(then === undefined ? {} : { then }),
    };
  }

  /** Its arguments, as they are written: what is sent before the run has no placeholders. */
  plain(spec: CommandSpec, path: SpecPath): readonly string[] {
    const args = typeof spec === "string" ? splitCommand(spec) : spec.map(String);
    if (args === undefined) {
      this.add(path, "has a quote that is not closed, or something right behind one");
    }
    return args ?? [];
  }

  /** Its arguments; placeholders are looked at, and stay. */
  #command(spec: CommandSpec, path: SpecPath): readonly string[] {
    const args = this.plain(spec, path);
    try {
      readCommand(withPrefix(args, ""));
    } catch (error) {
      if (!(error instanceof KurobeError)) throw error;
      this.add(path, error.message);
    }
    return args;
  }

  #steps(spec: OperationSpec, path: SpecPath): readonly (readonly string[])[] {
    if ((spec.command === undefined) === (spec.commands === undefined)) {
      this.add(path, "takes either command or commands");
      return [];
    }
    if (spec.command !== undefined) return [this.#command(spec.command, [...path, "command"])];
    return (spec.commands ?? []).map((each, index) =>
      this.#command(each, [...path, "commands", index]),
    );
  }

  #fill(spec: string | readonly CommandSpec[], path: SpecPath): readonly (readonly string[])[] {
    const steps =
      typeof spec === "string"
        ? [this.#command(spec, path)]
        : spec.map((each, index) => this.#command(each, [...path, index]));
    if (!(steps[0] ?? []).some((arg) => arg.includes("{key}"))) {
      this.add(path, "has to make a key: its first command needs {key}");
    }
    return steps;
  }

  #keyspaceOf(spec: OperationSpec, known: readonly string[], path: SpecPath): string {
    const [only] = known;
    if (spec.keyspace !== undefined) {
      if (known.includes(spec.keyspace)) return spec.keyspace;
      const hint = didYouMean(spec.keyspace, known);
      this.add([...path, "keyspace"], `${spec.keyspace} is no keyspace: ${hint}`);
    } else if (known.length > 1) {
      this.add(path, `has to name its keyspace: one of ${known.join(", ")}`);
    }
    return only ?? "";
  }

  #expect(word: string | undefined, path: SpecPath): Expectation {
    const kinds = Object.keys(EXPECTATIONS) as readonly Expectation[];
    const kind = kinds.find((each) => each === (word ?? "any"));
    if (kind !== undefined) return kind;
    this.add(path, `${word} is no kind of reply: ${didYouMean(word ?? "", kinds)}`);
    return "any";
  }

  #word<T>(path: SpecPath, written: string | number | undefined, otherwise: T, read: Reader<T>): T {
    if (written === undefined) return otherwise;
    const word = String(written);
    try {
      return read(word, (problem, hint) => {
        const tail = hint === undefined ? "" : `. ${hint}`;
        return new KurobeError("KRB_BENCH_WORKLOAD", `${word} ${problem}${tail}`);
      });
    } catch (error) {
      if (!(error instanceof KurobeError)) throw error;
      this.add(path, error.message);
      return otherwise;
    }
  }
}

type Reader<T> = (word: string, refuse: (problem: string, hint?: string) => Error) => T;

function mistakesOf(issue: z.core.$ZodIssue): readonly Mistake[] {
  const path = issue.path.map((step) => (typeof step === "number" ? step : String(step)));
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(path);
    return issue.keys.map((key) => ({
      path: [...path, key],
      text: `is unknown here: ${didYouMean(key, known)}`,
    }));
  }
  if (issue.code === "invalid_key") {
    const [inner] = issue.issues;
    return [{ path, text: inner?.message ?? issue.message }];
  }
  if (issue.code === "invalid_union") {
    const expected = issue.errors
      .flat()
      .flatMap((each) => ("expected" in each ? each.expected : []));
    const words = [...new Set(expected.map(String))].join(" or ");
    return [{ path, text: `has to be ${words === "" ? "a text or a list of texts" : words}` }];
  }
  if (issue.code === "invalid_type") {
    const expected = issue.expected === "record" ? "a map of names" : `of type ${issue.expected}`;
    const text = issue.input === undefined ? "is missing" : `has to be ${expected}`;
    return [{ path, text }];
  }
  return [{ path, text: issue.message }];
}

/** The keys that may stand where a path leads to. */
function keysAt([top]: SpecPath): readonly string[] {
  if (top === "keyspaces") return Object.keys(SPEC.shape.keyspaces.valueType.shape);
  if (top === "operations") return Object.keys(SPEC.shape.operations.valueType.shape);
  return Object.keys(SPEC.shape);
}
