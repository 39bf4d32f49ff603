/** Streams as the machine runs them. */
import { type Expression } from "./expression.ts";
import { type ColumnType, type DatasetPlan, type NamedExpression, type Plan } from "./plan.ts";

/**
 * Rows that follow from the rows of `from`, stored and read as a dataset's. Where rows of `from`
 * are replaced, its key is theirs, and a row that is no longer wanted is taken back.
 */
export interface StreamPlan extends DatasetPlan {
  /** A dataset or a stream. */
  readonly from: string;
  readonly joins: readonly JoinPlan[];
  readonly where: Expression | null;
  /** One for each column, in order. */
  readonly select: readonly NamedExpression[];
}

/** A column of the other relation, and its name beside a row's own. */
export interface JoinColumn {
  readonly name: string;
  readonly column: string;
  readonly type: ColumnType;
}

/** What all joins have in common. */
export interface JoinBase {
  /** The other relation: a dataset or a stream. */
  readonly with: string;
  /** Columns that have to be equal. */
  readonly on: readonly { readonly own: string; readonly other: string }[];
  readonly select: readonly JoinColumn[];
}

export interface LookupPlan extends JoinBase {
  readonly kind: "lookup";
  readonly keeps: "left" | "inner";
  readonly at: "latest" | "event_time";
  /** Null: rows are corrected however old they are. */
  readonly allowedLatenessUs: number | null;
}

/** Each pair of rows, where the other's event time is that far from the row's: both included. */
export interface WithinPlan extends JoinBase {
  readonly kind: "within";
  /** Negative: before the row. */
  readonly fromUs: number;
  readonly toUs: number;
}

export type JoinPlan = LookupPlan | WithinPlan;

/** A stream of pairs has this join alone. */
export function pairingOf(stream: StreamPlan): WithinPlan | undefined {
  const [join] = stream.joins;
  return join?.kind === "within" ? join : undefined;
}

export function lookupsOf(stream: StreamPlan): readonly LookupPlan[] {
  return stream.joins.flatMap((join) => (join.kind === "lookup" ? [join] : []));
}

/** Which of the source's rows a row follows, where it may be corrected and has no key. */
export const ROW_COLUMN = "_origin";

/** The datasets whose rows a dataset or a stream follows from. */
export function rootsOf(plan: Pick<Plan, "streams">, name: string): ReadonlySet<string> {
  const stream = plan.streams.find((one) => one.name === name);
  if (stream === undefined) return new Set([name]);
  const read = [stream.from, ...stream.joins.map((join) => join.with)];
  return new Set(read.flatMap((one) => [...rootsOf(plan, one)]));
}

/**
 * Which datasets have to be applied in the order of the log, because a stream brings their rows
 * together: a name for each such set. Others are not in the map.
 */
export function orderedTogether(plan: Pick<Plan, "streams">): ReadonlyMap<string, string> {
  const sets = new Map<string, string>();
  for (const stream of plan.streams) {
    const roots = [...rootsOf(plan, stream.name)];
    if (roots.length < 2) continue;
    const known = new Set(roots.map((root) => sets.get(root)));
    for (const [root, set] of sets) if (known.has(set)) sets.set(root, stream.name);
    for (const root of roots) sets.set(root, stream.name);
  }
  return sets;
}

/** Each after those that it reads. */
export function streamsInOrder(streams: readonly StreamPlan[]): readonly StreamPlan[] {
  const depths = new Map<string, number>();
  const depthOf = (name: string): number => {
    const known = depths.get(name);
    if (known !== undefined) return known;
    const stream = streams.find((one) => one.name === name);
    const read = stream === undefined ? [] : [stream.from, ...stream.joins.map((one) => one.with)];
    const depth = read.length === 0 ? 0 : 1 + Math.max(...read.map(depthOf));
    depths.set(name, depth);
    return depth;
  };
  return streams.toSorted((a, b) => depthOf(a.name) - depthOf(b.name));
}
