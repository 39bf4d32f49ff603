/**
 * Sinks that alerts name in their `to`: the same as others, with the alert as what they deliver.
 */
import { isBranded } from "../project/brand.ts";
import { type Problems, show } from "./problem.ts";
import { isRecord } from "./resolve-dataset.ts";

export interface AlertSink {
  /** `spike_slack`, `spike_slack_2`: of the alert and the kind. */
  readonly name: string;
  readonly declared: unknown;
  readonly problems: Problems;
}

const EXAMPLE = '[slack({ url: secret("SLACK_URL") })]';

/** `taken` are the names of the project's other sinks. */
export function alertSinks(
  alerts: readonly (readonly [string, unknown])[],
  taken: ReadonlySet<string>,
  problems: Problems,
): readonly AlertSink[] {
  const names = new Set(taken);
  return alerts.flatMap(([alert, value]) => {
    const spec = isBranded(value, "alert") ? (value as { spec?: unknown }).spec : undefined;
    const to = isRecord(spec) ? spec["to"] : undefined;
    if (to === undefined) return [];
    const own = problems.at(alert).at("to");
    return (Array.isArray(to) ? to : [to]).flatMap((one: unknown, index): readonly AlertSink[] => {
      const at = Array.isArray(to) ? own.at(`[${index}]`) : own;
      const { kind, spec: sinkSpec } = isBranded(one, "sink")
        ? (one as { kind?: unknown; spec?: unknown })
        : {};
      if (!isRecord(sinkSpec)) {
        at.add(show(one), "a sink", EXAMPLE);
        return [];
      }
      if (sinkSpec["from"] !== undefined)
        at.at("from").add(show(sinkSpec["from"]), "nothing: it is the alert", "leave it out");
      const name = freeName(`${alert}_${String(kind)}`, names);
      const declared = { ...(one as object), spec: { ...sinkSpec, from: alert } };
      return [{ name, declared, problems: at }];
    });
  });
}

function freeName(wanted: string, names: Set<string>): string {
  let name = wanted;
  for (let number = 2; names.has(name); number++) name = `${wanted}_${number}`;
  names.add(name);
  return name;
}
