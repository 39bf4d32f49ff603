/** What a person reads of a delivery, for every kind of message: no markup, nothing cut yet. */
import { formatDuration } from "../core/duration.ts";
import { type JsonCell } from "../engine/engine.ts";
import { type AlertCondition, type AlertPlan } from "../plan/alert-plan.ts";
import { type Delivery } from "./delivery.ts";

export interface Notice {
  readonly id: string;
  readonly tone: "firing" | "resolved" | "test" | "row" | "removed";
  /** The alert or relation, and what became of it: `spike is firing`. */
  readonly title: string;
  /** The group or key in one line, `page /home`; empty where there is none. */
  readonly about: string;
  /** What happened, as a sentence; empty for plain rows. */
  readonly sentence: string;
  readonly facts: readonly (readonly [label: string, value: string])[];
  readonly link: string | null;
  /** Equal for the messages of one alarm, from its firing to its end. */
  readonly thread: string;
}

/** Turns deliveries of one relation into notices; `link` may name its columns: `{page}`. */
export function noticesOf(
  alert: AlertPlan | null,
  link: string | null,
): (delivery: Delivery) => Notice {
  return (delivery) => {
    const linked = { id: delivery.id, link: link === null ? null : filled(link, delivery) };
    return alert === null
      ? { ...linked, ...rowNotice(delivery) }
      : { ...linked, ...alertNotice(alert, delivery) };
  };
}

type Told = Omit<Notice, "id" | "link">;

const STATES = {
  firing: "is firing",
  resolved: "has ended",
  test: "is being tested",
} as const;

function alertNotice(alert: AlertPlan, { row }: Delivery): Told {
  const state = row["state"];
  const tone = state === "firing" || state === "resolved" ? state : "test";
  const about = pairs(alert.by.map(({ name }) => [name, row[name] ?? null] as const));
  const group = alert.by.map(({ name }) => row[name] ?? null);
  return {
    tone,
    title: `${alert.name} ${STATES[tone]}`,
    about: tone === "test" ? "" : about,
    sentence: tone === "test" ? TEST_SENTENCE : sentenceOf(alert, tone, row),
    facts: tone === "test" ? [] : alertFacts(alert, tone, row),
    thread: JSON.stringify([alert.name, group, row["since"]]),
  };
}

const TEST_SENTENCE = "Somebody asked for this message to see that it arrives. Nothing is wrong.";

function alertFacts(
  alert: AlertPlan,
  tone: "firing" | "resolved",
  row: Delivery["row"],
): Notice["facts"] {
  const at = tone === "firing" ? "Fired" : "Ended";
  return [
    ["Window", `${alert.on} from ${shown(row["window_start"])}`],
    ["Since", shown(row["since"])],
    [at, shown(row["changed_at"])],
  ];
}

function sentenceOf(
  { condition, forUs }: AlertPlan,
  tone: "firing" | "resolved",
  row: Delivery["row"],
): string {
  if (condition.kind === "absent") {
    return tone === "firing"
      ? `Nothing has come for ${formatDuration(condition.forUs)}.`
      : "Something has come again.";
  }
  const name = condition.of.kind === "column" ? condition.of.name : "The value";
  const score = typeof row["score"] === "number" ? row["score"] : null;
  const held = tone === "firing" && forUs > 0 ? `, for ${formatDuration(forUs)}` : "";
  if (tone === "resolved" && (score === null || isBeyond(score, condition)))
    return `There is no newer result; the last one had ${name} = ${shown(row["value"])}.`;
  return `${name} is ${shown(row["value"])}${comparison(condition, score)}${held}.`;
}

/** A result beyond the bounds ends no alarm: what ended it is that none came after it. */
function isBeyond(score: number, { bounds }: Exclude<AlertCondition, { kind: "absent" }>): boolean {
  const { above, below } = bounds;
  return (above !== null && score > above) || (below !== null && score < below);
}

const AGAINST = {
  previous: "the window before",
  day: "the same window a day before",
  week: "the same window a week before",
} as const;

function comparison(
  condition: Exclude<AlertCondition, { kind: "absent" }>,
  score: number | null,
): string {
  const bound = boundsText(condition);
  if (score === null) return ` (${bound})`;
  switch (condition.kind) {
    case "threshold":
      return ` (${bound})`;
    case "change": {
      const side = score < 0 ? "less" : "more";
      return `, ${figure(Math.abs(score))} % ${side} than in ${AGAINST[condition.against]} (${bound})`;
    }
    case "zscore":
    case "mad": {
      const isZ = condition.kind === "zscore";
      const unit = isZ ? "standard deviations" : "median deviations";
      const center = isZ ? "mean" : "median";
      const side = score < 0 ? "below" : "above";
      const over = formatDuration(condition.overUs);
      return `, ${figure(Math.abs(score))} ${unit} ${side} the ${center} of the last ${over} (${bound})`;
    }
  }
}

function boundsText({ kind, bounds }: Exclude<AlertCondition, { kind: "absent" }>): string {
  const unit = kind === "change" ? " %" : "";
  const parts: string[] = [];
  if (bounds.above !== null) parts.push(`above ${figure(bounds.above)}${unit}`);
  if (bounds.below !== null) parts.push(`below ${figure(bounds.below)}${unit}`);
  const clear = bounds.clear === null ? "" : `, ends at ${figure(bounds.clear)}${unit}`;
  return `fires ${parts.join(" or ")}${clear}`;
}

function rowNotice({ relation, op, key, row }: Delivery): Told {
  const isRemoved = op === "delete";
  const own = Object.entries(row).filter(([name]) => !Object.hasOwn(key, name));
  return {
    tone: isRemoved ? "removed" : "row",
    title: isRemoved ? `${relation}: taken back` : relation,
    about: pairs(Object.entries(key)),
    sentence: "",
    facts: isRemoved ? [] : own.map(([name, value]) => [name, shown(value)] as const),
    thread: JSON.stringify([relation, key]),
  };
}

function pairs(cells: readonly (readonly [string, JsonCell])[]): string {
  return cells.map(([name, value]) => `${name} ${shown(value)}`).join(", ");
}

/** Placeholders that name no column stay as they are. */
function filled(link: string, { row, relation, sink }: Delivery): string {
  const known: Readonly<Record<string, JsonCell>> = { ...row, relation, sink };
  return link.replaceAll(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(known, name) ? encodeURIComponent(String(known[name] ?? "")) : whole,
  );
}

const TIME = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d(?:\.\d+)?)Z$/;

/** A cell for people: `2026-01-31 12:03 UTC`, `1234.5`, `none`. */
export function shown(value: JsonCell | undefined): string {
  if (value === null || value === undefined) return "none";
  if (typeof value === "number") return figure(value);
  if (typeof value === "boolean") return String(value);
  const time = TIME.exec(value);
  if (time === null) return value === "" ? '""' : value;
  const [, day = "", minute = "", rest = ""] = time;
  const seconds = rest.replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
  return `${day} ${minute}${seconds === ":00" ? "" : seconds} UTC`;
}

/** Six digits say enough; what is whole stays whole. */
function figure(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  return String(Number(value.toPrecision(6)));
}

/** `spike is firing (12), spike has ended (3)`. */
export function summary(notices: readonly Notice[]): string {
  const counts = new Map<string, number>();
  for (const { title } of notices) counts.set(title, (counts.get(title) ?? 0) + 1);
  return [...counts].map(([title, count]) => `${title} (${count})`).join(", ");
}

/** Characters of one value that a message shows. */
const MAX_VALUE = 300;

/** A value that a message has room for. */
export function cut(text: string): string {
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)} …` : text;
}
