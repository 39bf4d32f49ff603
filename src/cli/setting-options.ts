/** The settings as options of the commands that run an engine. */
import {
  defaultText,
  flagOf,
  SETTING_NAMES,
  SETTINGS,
  type SettingSpec,
} from "../platform/setting-table.ts";
import { type FlagValues, readSettings, type Settings } from "../platform/settings.ts";
import { type OptionSpec, type OptionSpecs } from "./command.ts";

const VALUE_NAMES = {
  text: "text",
  secret: "text",
  file: "path",
  list: "list",
  choice: "word",
  count: "n",
  size: "size",
  duration: "time",
} as const;

/** One option a setting, by its flag's name. */
export const SETTING_OPTIONS: OptionSpecs = Object.fromEntries(
  SETTING_NAMES.map((name): readonly [string, OptionSpec] => {
    const spec: SettingSpec = SETTINGS[name];
    if (spec.kind === "switch") return [flagOf(name), { kind: "switch", prose: spec.prose }];
    return [
      flagOf(name),
      {
        kind: "text",
        value: VALUE_NAMES[spec.kind],
        prose: spec.prose,
        defaultProse: defaultText(name),
      },
    ];
  }),
);

/** Flags win over variables, variables over defaults; all mistakes are thrown together. */
export function settingsFrom(
  options: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
): Settings {
  const flags: Record<string, string | boolean> = {};
  for (const name of SETTING_NAMES) {
    const value = options[flagOf(name)];
    // A switch that was not given says nothing: a variable may still turn it on.
    if (typeof value === "string" || value === true) flags[flagOf(name)] = value;
  }
  return readSettings({ flags: flags satisfies FlagValues, environment });
}
