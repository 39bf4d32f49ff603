/** A named, typed collection of rows with an event time, as declared. */
import { BRAND, type Branded } from "./brand.ts";
import { type Column } from "./column.ts";

/** A length of time: `"500ms"`, `"30s"`, `"5m"`, `"1h 30m"`, `"2 days"`. */
export type Duration = string;

export type Columns = Readonly<Record<string, Column>>;

export type ColumnName<C extends Columns> = keyof C & string;

/** Names of the columns that can say when a row happened: timestamps that are never null. */
export type EventTimeName<C extends Columns> = {
  [N in ColumnName<C>]: C[N] extends Column<infer T>
    ? T extends { readonly kind: "timestamp"; readonly nullable: false }
      ? N
      : never
    : never;
}[ColumnName<C>];

/** Names of the columns that always have a value that can be compared. */
export type KeyName<C extends Columns> = {
  [N in ColumnName<C>]: C[N] extends Column<infer T>
    ? T extends { readonly kind: "json" } | { readonly nullable: true }
      ? never
      : N
    : never;
}[ColumnName<C>];

export interface DatasetSpec<C extends Columns> {
  readonly columns: C;
  /** The column that says when a row happened. */
  readonly eventTime: EventTimeName<C>;
  /** Rows equal in these columns replace each other: the last one that came in stays. */
  readonly key?: readonly KeyName<C>[];
  readonly watermark?: {
    /** How far rows may be out of order before windows close. Default `"0s"`. */
    readonly outOfOrderness?: Duration;
    /**
     * A producer that sends nothing for this long no longer holds windows back; null: it does for
     * ever. Default `"1m"`.
     */
    readonly idleTimeout?: Duration | null;
    /** A row further ahead of the time when it is received is a dead letter. Default `"10m"`. */
    readonly maxFutureSkew?: Duration;
  };
  /** Drops rows that came in before; without it every row counts. */
  readonly dedup?: {
    /** Rows equal in these columns are the same row. Default: all columns. */
    readonly by?: readonly KeyName<C>[];
    /** …where their event times are less than this apart. Default `"60m"`. */
    readonly within?: Duration;
  };
  /**
   * Which points of line protocol become rows, and how. Default: those of the measurement of the
   * dataset's name, each tag and field going to the column of its name. False: none.
   */
  readonly lineProtocol?: false | LineProtocolSpec<C>;
}

export interface LineProtocolSpec<C extends Columns> {
  readonly measurements?: readonly string[];
  /** Tags and fields whose columns have other names: `{ "usage-idle": "usage_idle" }`. */
  readonly rename?: Readonly<Record<string, ColumnName<C>>>;
  /** A text column that takes the measurement's name. */
  readonly measurementColumn?: ColumnName<C>;
  /** A json column that takes the tags and fields which have no column of their own. */
  readonly rest?: ColumnName<C>;
}

export interface DatasetDefinition<C extends Columns = Columns> extends Branded<"dataset"> {
  readonly columns: C;
  /** As written; `plan/resolve.ts` checks it. */
  readonly spec: unknown;
}

/** Declares a dataset. Its name is the one under which `defineProject` lists it. */
export function dataset<const C extends Columns>(spec: DatasetSpec<C>): DatasetDefinition<C> {
  return Object.freeze({ [BRAND]: "dataset" as const, columns: spec?.columns, spec });
}
