/** What operators see of alerts and can tell them: the clock is read here, above the log. */
import { type Clock } from "../core/clock.ts";
import { KurobeError } from "../core/errors.ts";
import { type Engine } from "../engine/engine.ts";
import { type Alerts, type AlertStatus } from "./alerts.ts";
import { type AlertCommand } from "./alerts.ts";

export interface Alarms {
  /** Groups in alarm are listed up to a bound; the counts are of all. */
  list(): readonly AlertStatus[];
  /** Nobody is notified of groups with these by-values for so long. */
  silence(
    name: string,
    options: { readonly forUs: number; readonly group: Readonly<Record<string, string>> },
  ): Promise<AlertStatus>;
  /** Ends all silences. */
  unsilence(name: string): Promise<AlertStatus>;
  /** Sends a notification through every sink of the alert, as if it had fired. */
  test(name: string): Promise<AlertStatus>;
}

export interface AlarmsDeps {
  readonly engine: Pick<Engine, "command" | "plan">;
  readonly alerts: Alerts;
  readonly clock: Clock;
}

/** Its calls throw KRB_ALERTS_UNKNOWN and KRB_ALERTS_GROUP. */
export function openAlarms({ engine, alerts, clock }: AlarmsDeps): Alarms {
  const statusOf = (name: string): AlertStatus => {
    const found = alerts.alerts().find((one) => one.name === name);
    if (found !== undefined) return found;
    throw new KurobeError("KRB_ALERTS_UNKNOWN", `the project has no alert ${JSON.stringify(name)}`);
  };
  const command = async (asked: AlertCommand): Promise<AlertStatus> => {
    statusOf(asked.alert);
    await engine.command("alerts", asked);
    return statusOf(asked.alert);
  };
  return {
    list: () => alerts.alerts(),
    silence: async (name, { forUs, group }) => {
      statusOf(name);
      const known = engine.plan.alerts.find((one) => one.name === name)?.by ?? [];
      const unknown = Object.keys(group).filter((key) => known.every((one) => one.name !== key));
      if (unknown.length > 0) {
        const names = known.map((one) => one.name).join(", ");
        throw new KurobeError(
          "KRB_ALERTS_GROUP",
          `${name} is not grouped by ${unknown.join(", ")}, but by ${names || "nothing"}`,
        );
      }
      const untilUs = Number(clock.nowUs()) + forUs;
      return await command({ kind: "silence", alert: name, silence: { untilUs, group } });
    },
    unsilence: (name) => command({ kind: "unsilence", alert: name }),
    test: (name) => command({ kind: "test", alert: name }),
  };
}
