/** What a verb is: a name, what it takes, how it is explained, and what it does. */
import { type Terminal } from "./terminal.ts";
import { type Output } from "./output.ts";

interface DescribedOption {
  readonly prose: string;
  /** One letter. */
  readonly short?: string;
}

export interface TextOption extends DescribedOption {
  readonly kind: "text";
  /** What stands for the value in help: `file`, `n`. */
  readonly value: string;
  readonly choices?: readonly string[];
  /** Given several times; the value is then a list. */
  readonly isMultiple?: boolean;
  /** For help alone; the verb itself decides what holds without the option. */
  readonly defaultProse?: string;
}

export interface SwitchOption extends DescribedOption {
  readonly kind: "switch";
}

export type OptionSpec = TextOption | SwitchOption;
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

export interface PositionalSpec {
  readonly name: string;
  readonly prose: string;
  readonly isOptional?: boolean;
  /** Takes all that follow; only the last one may. */
  readonly isMany?: boolean;
}

export interface Example {
  readonly prose: string;
  readonly line: string;
}

type OptionValue<O extends OptionSpec> = O extends SwitchOption
  ? boolean
  : O extends { readonly isMultiple: true }
    ? readonly string[]
    : string | undefined;

export type OptionValues<O extends OptionSpecs> = { readonly [K in keyof O]: OptionValue<O[K]> };

export interface Invocation<O extends OptionSpecs> {
  readonly options: OptionValues<O>;
  /** In the order of the positional specs; an optional one may be missing. */
  readonly positionals: readonly string[];
  readonly terminal: Terminal;
  readonly output: Output;
}

export interface CommandSpec<O extends OptionSpecs> {
  /** One word, or two for a verb in a group: `checkpoint ls`. */
  readonly name: string;
  /** One line without a full stop. */
  readonly summary: string;
  /** Paragraphs; each is wrapped to the width of the terminal. */
  readonly description: readonly string[];
  readonly positionals?: readonly PositionalSpec[];
  readonly options: O;
  readonly examples: readonly Example[];
  /**
   * Resolves when the work is done; failures are KurobeErrors, whose code decides the exit code.
   */
  run(invocation: Invocation<O>): Promise<void>;
}

/** A command as the dispatcher sees it: its options' types are known to its own `run` only. */
export interface Command extends Omit<CommandSpec<OptionSpecs>, "run"> {
  run(invocation: Invocation<OptionSpecs>): Promise<void>;
}

/**
 * Ties the types of options to what `run` receives. Nothing heavy may be imported above a `run`.
 */
export function defineCommand<const O extends OptionSpecs>(spec: CommandSpec<O>): Command {
  return spec;
}
