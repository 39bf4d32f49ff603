/** Reads the fields of a declared object one by one: checked, defaulted, each mistake reported. */
import { isBranded } from "../project/brand.ts";
import { durationUs, isRecord } from "./resolve-dataset.ts";
import { type Problems, show } from "./problem.ts";
import { type SecretTextPlan } from "./sinks/sink-base.ts";

const SECRET_NAME = /^[A-Z][A-Z0-9_]{0,127}$/;

/** What was asked for is what the object may have: call `end` after the last field. */
export class Fields {
  readonly #spec: Readonly<Record<string, unknown>>;
  readonly #problems: Problems;
  readonly #known: string[] = [];

  constructor(spec: Readonly<Record<string, unknown>>, problems: Problems) {
    this.#spec = spec;
    this.#problems = problems;
  }

  raw(name: string): { readonly value: unknown; readonly problems: Problems } {
    this.#known.push(name);
    return { value: this.#spec[name], problems: this.#problems.at(name) };
  }

  /** Text that is not empty; `otherwise` where nothing is written. */
  text<D extends string | null>(name: string, write: string, otherwise?: D): string | D {
    const { value, problems } = this.raw(name);
    if (value === undefined && otherwise !== undefined) return otherwise;
    if (typeof value === "string" && value !== "") return value;
    problems.add(show(value), "text", write);
    return "";
  }

  secretText(name: string, write: string): SecretTextPlan {
    const { value, problems } = this.raw(name);
    return secretTextOf(value, write, problems);
  }

  secretTextOrNull(name: string, write: string): SecretTextPlan | null {
    const { value, problems } = this.raw(name);
    return value === undefined ? null : secretTextOf(value, write, problems);
  }

  /** An object of texts. */
  secretTexts(name: string): Readonly<Record<string, SecretTextPlan>> {
    const { value, problems } = this.raw(name);
    if (value === undefined) return {};
    if (!isRecord(value)) {
      problems.add(show(value), "an object of texts", '{ authorization: secret("HOOK_TOKEN") }');
      return {};
    }
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [
        key,
        secretTextOf(one, 'secret("HOOK_TOKEN")', problems.at(key)),
      ]),
    );
  }

  /** Microseconds, more than 0. */
  durationUs(name: string, otherwise: string): number {
    const { value, problems } = this.raw(name);
    return durationUs(value ?? otherwise, 1, problems) ?? 1;
  }

  count(name: string, otherwise: number, bounds: { from: number; to: number }): number {
    const { value, problems } = this.raw(name);
    if (value === undefined) return otherwise;
    return wholeNumber(value, bounds, problems) ?? otherwise;
  }

  countOrNull(name: string, bounds: { from: number; to: number }): number | null {
    const { value, problems } = this.raw(name);
    if (value === undefined || value === null) return null;
    return wholeNumber(value, bounds, problems) ?? null;
  }

  isTrue(name: string): boolean {
    const { value, problems } = this.raw(name);
    if (value !== undefined && typeof value !== "boolean")
      problems.add(show(value), "true or false", "true");
    return value === true;
  }

  choice<T extends string>(name: string, choices: readonly T[], otherwise: T): T {
    const { value, problems } = this.raw(name);
    if (value === undefined) return otherwise;
    const chosen = choices.find((one) => one === value);
    if (chosen !== undefined) return chosen;
    const words = choices.map((one) => JSON.stringify(one));
    problems.add(show(value), `one of ${words.join(", ")}`, `${name}: ${words[0] ?? ""}`);
    return otherwise;
  }

  /** A list of texts, or one text. */
  texts(name: string, write: string): readonly string[] {
    const { value, problems } = this.raw(name);
    const list = typeof value === "string" ? [value] : value;
    const isList = Array.isArray(list) && list.every((one) => typeof one === "string");
    if (isList && list.length > 0) return list;
    problems.add(show(value), "a list of texts", write);
    return [];
  }

  /** An object with fields of its own; an empty one where nothing is written. */
  section(name: string): Fields {
    const { value, problems } = this.raw(name);
    if (value === undefined || isRecord(value)) return new Fields(value ?? {}, problems);
    problems.add(show(value), "an object", `${name}: { … }`);
    return new Fields({}, problems);
  }

  end(): void {
    this.#problems.unknownKeys(this.#spec, this.#known);
  }
}

function secretTextOf(value: unknown, write: string, problems: Problems): SecretTextPlan {
  if (isBranded(value, "secret")) {
    const { name } = value as { readonly name?: unknown };
    if (typeof name === "string" && SECRET_NAME.test(name)) return { secret: name };
    problems.add(show(name), "capitals, digits and underscores", 'secret("ORDERS_HOOK")');
    return "";
  }
  if (typeof value === "string" && value !== "") return value;
  problems.add(show(value), "text or a secret", write);
  return "";
}

function wholeNumber(
  value: unknown,
  { from, to }: { readonly from: number; readonly to: number },
  problems: Problems,
): number | undefined {
  if (typeof value === "number" && Number.isInteger(value) && value >= from && value <= to)
    return value;
  return problems.add(show(value), `a whole number from ${from} to ${to}`, String(from));
}
