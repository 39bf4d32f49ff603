/** Types of the operators on time. Units, parts, zones and durations must be plain constants. */
import { DURATION_EXAMPLES, parseDuration } from "../core/duration.ts";
import { castNode, callNode, operandOf, placeOf, type Call, type TypedNode } from "./operands.ts";
import { PLAIN_TYPES } from "./column-type.ts";
import { didYouMean, show } from "./problem.ts";
import { zoneProblem } from "./zone.ts";

const { date, int64, text, timestamp } = PLAIN_TYPES;

export const TIME_UNITS = [
  "second",
  "minute",
  "hour",
  "day",
  "week",
  "month",
  "quarter",
  "year",
] as const;

export const TIME_PARTS = [
  "year",
  "quarter",
  "month",
  "week",
  "day",
  "dayOfWeek",
  "dayOfYear",
  "hour",
  "minute",
  "second",
  "microsecond",
] as const;

const TIMED = 'convert it, as in .cast("timestamp")';

/** Operands: what, unit, zone. */
export function truncateRule(call: Call): TypedNode | undefined {
  const node = operandOf(call, 0, ["timestamp", "date"], "a timestamp or a date", TIMED);
  const unit = oneOf(call, 1, TIME_UNITS);
  const zone = zoneOf(call, 2, node);
  if (node === undefined || unit === undefined || zone === undefined) return undefined;
  const isClock = unit === "second" || unit === "minute" || unit === "hour";
  if (isClock && node.type.kind === "date") {
    return placeOf(call, 1).add(show(unit), "a unit of the calendar for a date", '"month"');
  }
  return callNode("truncate", [node, textNode(unit), textNode(zone)], node.type);
}

/** Operands: what, part, zone. */
export function extractRule(call: Call): TypedNode | undefined {
  const node = operandOf(call, 0, ["timestamp", "date"], "a timestamp or a date", TIMED);
  const part = oneOf(call, 1, TIME_PARTS);
  const zone = zoneOf(call, 2, node);
  if (node === undefined || part === undefined || zone === undefined) return undefined;
  const whole = node.type.kind === "date" ? castNode(node, timestamp) : node;
  return callNode("extract", [whole, textNode(part), textNode(zone)], int64);
}

/** Operands: what, duration. The plan carries microseconds. */
export function addDurationRule(call: Call): TypedNode | undefined {
  const node = operandOf(call, 0, ["timestamp"], "a timestamp", TIMED);
  const operand = call.operands[1];
  const written = operand?.kind === "constant" ? operand.value : undefined;
  const us = typeof written === "string" ? signedDuration(written) : undefined;
  if (us === undefined) {
    placeOf(call, 1).add(show(written), "a duration of fixed length", DURATION_EXAMPLES);
    return undefined;
  }
  const amount: TypedNode = { kind: "constant", value: String(us), type: int64 };
  return node && callNode("addDuration", [node, amount], timestamp);
}

function signedDuration(written: string): number | undefined {
  const isBack = written.trim().startsWith("-");
  const us = parseDuration(isBack ? written.trim().slice(1) : written);
  return us === undefined ? undefined : isBack ? -us : us;
}

export function differenceRule(call: Call): TypedNode | undefined {
  const nodes = [0, 1].map((index) => {
    const operand = call.operands[index];
    if (operand?.kind === "constant" && typeof operand.value === "string") {
      const constant = castNode({ kind: "constant", value: operand.value, type: text }, timestamp);
      if (constant.kind === "constant") return constant;
    }
    return operandOf(call, index, ["timestamp"], "a timestamp", TIMED);
  });
  if (!nodes.every((node) => node !== undefined)) return undefined;
  return callNode("differenceUs", nodes, int64);
}

function oneOf<T extends string>(call: Call, index: number, known: readonly T[]): T | undefined {
  const operand = call.operands[index];
  const value = operand?.kind === "constant" ? operand.value : undefined;
  const found = known.find((one) => one === value);
  if (found !== undefined) return found;
  const hint = typeof value === "string" ? didYouMean(value, known) : JSON.stringify(known[0]);
  return placeOf(call, index).add(show(value), `one of ${known.join(", ")}`, hint);
}

function zoneOf(call: Call, index: number, node: TypedNode | undefined): string | undefined {
  const operand = call.operands[index];
  const value = operand?.kind === "constant" ? operand.value : undefined;
  const problem = zoneProblem(value);
  if (problem !== undefined) {
    return placeOf(call, index).add(show(value), "the name of a time zone", problem);
  }
  if (node?.type.kind === date.kind && value !== "UTC") {
    return placeOf(call, index).add(show(value), "no zone: a date has none", "leave the zone out");
  }
  return value as string;
}

function textNode(value: string): TypedNode {
  return { kind: "constant", value, type: text };
}
