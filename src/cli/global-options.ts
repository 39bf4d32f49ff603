/** Options that every command takes; the dispatcher looks at them before a command runs. */
import { type OptionSpecs } from "./command.ts";

export const GLOBAL_OPTIONS = {
  json: { kind: "switch", prose: "Write the result as JSON; errors go to stderr as JSON too." },
  help: { kind: "switch", short: "h", prose: "Show this help." },
} as const satisfies OptionSpecs;
