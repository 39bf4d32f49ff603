/** Streams as the machine runs them. */
import { type Expression } from "./expression.ts";
import { type DatasetPlan, type NamedExpression } from "./plan.ts";

/**
 * Rows that follow from the rows of `from`, stored and read as a dataset's. Where rows of `from`
 * are replaced, its key is theirs, and a row that is no longer wanted is taken back.
 */
export interface StreamPlan extends DatasetPlan {
  /** A dataset or a stream. */
  readonly from: string;
  readonly where: Expression | null;
  /** One for each column, in order. */
  readonly select: readonly NamedExpression[];
}

/** Each after those that it reads. */
export function streamsInOrder(streams: readonly StreamPlan[]): readonly StreamPlan[] {
  const depths = new Map<string, number>();
  const depthOf = (name: string): number => {
    const known = depths.get(name);
    if (known !== undefined) return known;
    const stream = streams.find((one) => one.name === name);
    const depth = stream === undefined ? 0 : 1 + depthOf(stream.from);
    depths.set(name, depth);
    return depth;
  };
  return streams.toSorted((a, b) => depthOf(a.name) - depthOf(b.name));
}
