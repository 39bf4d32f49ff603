/** A plan in words, defaults included: what `kurobe plan` shows. */
import { formatDuration } from "../core/duration.ts";
import { typeName } from "./column-type.ts";
import { type Aggregate, type Expression } from "./expression.ts";
import { type AlertCondition, type AlertPlan } from "./alert-plan.ts";
import {
  type ColumnPlan,
  type DatasetPlan,
  type JoinPlan,
  type Plan,
  type SourcePlan,
  type StreamPlan,
  type WindowPlan,
} from "./plan.ts";
import { type SinkPlan } from "./sink-plan.ts";
import { gridOf, sizeText } from "./window-size.ts";

/** Several lines without a last line break. */
export function explainPlan(plan: Plan): string {
  const lines = [`project ${plan.name} (${plan.fingerprint.slice(0, 12)})`];
  for (const dataset of plan.datasets) lines.push("", ...explainDataset(dataset));
  for (const stream of plan.streams) lines.push("", ...explainStream(stream));
  for (const window of plan.windows) lines.push("", ...explainWindow(window, plan));
  for (const alert of plan.alerts) lines.push("", ...explainAlert(alert));
  for (const sink of plan.sinks) lines.push("", ...explainSink(sink));
  for (const source of plan.sources ?? []) lines.push("", ...explainSource(source));
  return lines.join("\n");
}

function explainAlert(alert: AlertPlan): readonly string[] {
  const { condition, limit, by } = alert;
  const duration = formatDuration(alert.forUs);
  return [
    `alert ${alert.name} on ${alert.on}`,
    `  fires        ${conditionText(condition)}${alert.forUs === 0 ? "" : `, for ${duration}`}`,
    `  by           ${by.length === 0 ? "nothing: one state" : by.map((one) => one.name).join(", ")}`,
    ...(alert.where === null ? [] : [`  where        ${explainExpression(alert.where)}`]),
    `  no result    ${alert.missing === "resolve" ? "ends the alarm" : "changes nothing"}`,
    `  at most      ${
      limit === null
        ? "all notifications"
        : `${limit.notifications} notifications in ${formatDuration(limit.perUs)}`
    }`,
    `  stale after  ${formatDuration(alert.staleAfterUs)}`,
  ];
}

function conditionText(condition: AlertCondition): string {
  if (condition.kind === "absent") return `without a result for ${formatDuration(condition.forUs)}`;
  const { above, below } = condition.bounds;
  const bounds = [
    ...(above === null ? [] : [`above ${above}`]),
    ...(below === null ? [] : [`below ${below}`]),
  ].join(" or ");
  const of = explainExpression(condition.of);
  if (condition.kind === "threshold") return `${of} ${bounds}`;
  if (condition.kind === "change") {
    const against = condition.against === "previous" ? "result" : condition.against;
    return `${of} ${bounds} % against the previous ${against}`;
  }
  return `${of} ${bounds} ${condition.kind} over ${formatDuration(condition.overUs)}`;
}

function explainSink(sink: SinkPlan): readonly string[] {
  const { firstUs, maxUs } = sink.retry;
  const isAll = sink.start === "earliest";
  return [
    `sink ${sink.name} (${sink.kind}) from ${sink.from}`,
    `  begins       with ${isAll ? "all that is stored" : "what comes after it is declared"}`,
    `  retries      after ${formatDuration(firstUs)}, at most ${formatDuration(maxUs)} apart`,
    `  refused      ${sink.whenRejected === "block" ? "blocks the sink" : "is skipped"}`,
    `  may wait     ${sink.maxBacklog === null ? "all rows" : `${sink.maxBacklog} rows`}`,
  ];
}

function explainSource(source: SourcePlan): readonly string[] {
  return [
    `source ${source.name} (${source.kind}) into ${source.into}`,
    `  path         ${source.path}`,
    `  format       ${source.format ?? "by the file's ending"}`,
    `  looks        every ${formatDuration(source.everyUs)}${source.follow ? ", follows files that grow" : ""}`,
    `  afterwards   ${source.after === "keep" ? "files stay" : "files are deleted"}`,
  ];
}

function explainDataset(dataset: DatasetPlan): readonly string[] {
  const { watermark, dedup } = dataset;
  const idle = watermark.idleTimeoutUs;
  return [
    `dataset ${dataset.name}`,
    ...columnLines(dataset.columns),
    `  event time   ${dataset.eventTime}`,
    `  key          ${dataset.key.length === 0 ? "none: every row is kept" : dataset.key.join(", ")}`,
    `  watermark    ${formatDuration(watermark.outOfOrdernessUs)} behind the newest event time`,
    `  idle after   ${idle === null ? "never" : formatDuration(idle)}`,
    `  future skew  at most ${formatDuration(watermark.maxFutureSkewUs)}`,
    `  duplicates   ${
      dedup === null
        ? "kept"
        : `equal ${dedup.by.join(", ")} within ${formatDuration(dedup.withinUs)}`
    }`,
  ];
}

function explainStream(stream: StreamPlan): readonly string[] {
  const { name, from, where, select, eventTime, key } = stream;
  const computed = select.map((one) => explainNamed(one.name, explainExpression(one.expression)));
  return [
    `stream ${name} from ${from}`,
    ...stream.joins.map((join) => `  join         ${explainJoin(join)}`),
    ...(where === null ? [] : [`  where        ${explainExpression(where)}`]),
    `  select       ${computed.join(", ")}`,
    `  event time   ${eventTime}`,
    `  key          ${key.length === 0 ? "none: every row stays" : key.join(", ")}`,
  ];
}

function explainJoin(join: JoinPlan): string {
  const { with: other, on, select } = join;
  const keys = on.map((one) => explainNamed(one.own, `${other}.${one.other}`)).join(" and ");
  const brought = select.map((one) => explainNamed(one.name, one.column));
  const brings = brought.length === 0 ? "nothing" : brought.join(", ");
  if (join.kind === "within") {
    const [from, to] = [signed(join.fromUs), signed(join.toUs)];
    return `each row of ${other} from ${from} to ${to} apart where ${keys}: ${brings}`;
  }
  const { at, keeps, allowedLatenessUs } = join;
  const when = at === "latest" ? "the latest row of" : "as of the event time,";
  const limit =
    at === "latest" || allowedLatenessUs === null
      ? ""
      : `, corrected for ${formatDuration(allowedLatenessUs)}`;
  return `${keeps}, ${when} ${other} where ${keys}: ${brings}${limit}`;
}

function signed(us: number): string {
  return us < 0 ? `-${formatDuration(-us)}` : formatDuration(us);
}

function explainNamed(name: string, text: string): string {
  return text === name ? text : `${name} = ${text}`;
}

function columnLines(columns: readonly ColumnPlan[]): readonly string[] {
  const width = Math.max(...columns.map((column) => column.name.length));
  return columns.map((column) => {
    const parts = [
      typeName(column.type),
      column.nullable ? "nullable" : "",
      column.default === undefined ? "" : `default ${JSON.stringify(column.default)}`,
      column.received === true ? "default the time of receipt" : "",
      column.zone === undefined ? "" : `in ${column.zone}`,
      column.unit === undefined ? "" : `numbers in ${column.unit}`,
    ];
    return `  ${column.name.padEnd(width)}  ${parts.filter((part) => part !== "").join(", ")}`;
  });
}

function explainWindow(window: WindowPlan, plan: Plan): readonly string[] {
  const isOverWindow = plan.windows.some((one) => one.name === window.from);
  const measures = window.measures.map(
    (one) => `  ${one.name} = ${explainExpression(one.aggregate)}  (${typeName(one.type)})`,
  );
  const by = window.by.map((one) => explainNamed(one.name, explainExpression(one.expression)));
  return [
    `window ${window.name} over ${window.from}`,
    ...explainShape(window),
    `  by           ${by.length === 0 ? "nothing: one result a window" : by.join(", ")}`,
    ...(window.where === null ? [] : [`  where        ${explainExpression(window.where)}`]),
    ...measures,
    ...(window.throttleUs === undefined
      ? []
      : [`  early        every ${formatDuration(window.throttleUs)} at most, with revision 0`]),
    isOverWindow
      ? `  corrections  follow those of ${window.from}`
      : `  late rows    ${explainLateness(window)}`,
  ];
}

function explainShape(window: WindowPlan): readonly string[] {
  if (window.kind === "session") {
    return [`  session      until ${formatDuration(window.gapUs)} without a row`];
  }
  const grid = gridOf(window);
  const clock = grid.kind === "fixed" ? "" : ` by the clock of ${window.timezone}`;
  if (window.kind === "tumbling") return [`  size         ${sizeText(grid)}${clock}`];
  const size =
    grid.kind === "fixed"
      ? { kind: "fixed" as const, us: grid.us * window.panes }
      : { ...grid, count: grid.count * window.panes };
  return [`  size         ${sizeText(size)}, every ${sizeText(grid)}${clock}`];
}

function explainLateness(window: WindowPlan): string {
  if (window.late === "side") return "only go to late_rows";
  if (window.allowedLatenessUs === 0) return "go to late_rows once the window has closed";
  return `correct the result for ${formatDuration(window.allowedLatenessUs)}, then go to late_rows`;
}

const INFIX: Readonly<Record<string, string>> = {
  add: "+",
  subtract: "-",
  multiply: "*",
  divide: "/",
  modulo: "%",
  eq: "=",
  ne: "<>",
  lt: "<",
  le: "<=",
  gt: ">",
  ge: ">=",
  and: "and",
  or: "or",
  concat: "||",
};

/** For people: `max(price) - min(price)`. */
export function explainExpression(node: Expression | Aggregate): string {
  switch (node.kind) {
    case "column":
      return node.name;
    case "constant":
      return node.type.kind === "text" ? JSON.stringify(node.value) : String(node.value);
    case "aggregate": {
      const argument = node.argument === null ? "" : explainExpression(node.argument);
      const rest = [
        ...(node.probability === undefined ? [] : [String(node.probability)]),
        ...(node.top?.columns ?? []).map((one) => one.name),
      ];
      const told = [...(node.top === undefined ? [] : [String(node.top.n)]), argument, ...rest];
      const where = node.where === null ? "" : ` where ${explainExpression(node.where)}`;
      return `${node.function}(${told.join(", ")}${where})`;
    }
    case "call": {
      const parts = node.arguments.map((one) => explainExpression(one));
      const infix = INFIX[node.operator];
      if (infix !== undefined) return `(${parts.join(` ${infix} `)})`;
      if (node.operator === "cast") return `cast(${parts.join(", ")} as ${typeName(node.type)})`;
      return `${node.operator}(${parts.join(", ")})`;
    }
  }
}
