/** What a column may hold, as the user declares it. */
import { BRAND, type Branded } from "./brand.ts";

export type TimestampUnit = "s" | "ms" | "us" | "ns";

/** Any value that JSON can carry. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** As written, unchecked: `plan/resolve.ts` says what is wrong with it. */
export interface ColumnSpec {
  readonly type: string;
  readonly precision?: unknown;
  readonly scale?: unknown;
  readonly zone?: unknown;
  readonly unit?: unknown;
  /** Present where Kurobe's clock fills it in. */
  readonly received?: true;
  readonly nullable: boolean;
  /** Present where `.default()` was called. */
  readonly default?: { readonly value: unknown };
  /** Present where the type got an option that it does not have. */
  readonly options?: unknown;
}

/** The value of a column in each direction, and which of them may be left out. */
export interface ColumnTypes {
  readonly kind: string;
  /** As answers carry it. */
  readonly read: unknown;
  /** As rows bring it in. */
  readonly write: unknown;
  readonly nullable: boolean;
  readonly optional: boolean;
}

interface Nullable<T extends ColumnTypes> {
  readonly kind: T["kind"];
  readonly read: T["read"];
  readonly write: T["write"];
  readonly nullable: true;
  readonly optional: true;
}

interface Optional<T extends ColumnTypes> {
  readonly kind: T["kind"];
  readonly read: T["read"];
  readonly write: T["write"];
  readonly nullable: T["nullable"];
  readonly optional: true;
}

/** One column of a dataset. Immutable: `nullable` and `default` return a new one. */
export class Column<T extends ColumnTypes = ColumnTypes> implements Branded<"column"> {
  declare readonly [BRAND]: "column";
  /** For the compiler only. */
  declare readonly types?: T;
  readonly spec: ColumnSpec;

  constructor(spec: ColumnSpec) {
    this.spec = Object.freeze(spec);
    Object.defineProperty(this, BRAND, { value: "column" });
    Object.freeze(this);
  }

  /** A row may leave it out or carry null. */
  nullable(): Column<Nullable<T>> {
    return new Column({ ...this.spec, nullable: true });
  }

  /** Stands in where a row leaves the column out or carries null. */
  default(value: T["write"]): Column<Optional<T>> {
    return new Column({ ...this.spec, default: { value } });
  }
}

interface Plain<K extends string, R, W = R> {
  readonly kind: K;
  readonly read: R;
  readonly write: W;
  readonly nullable: false;
  readonly optional: false;
}

export interface TimestampOptions {
  /** The IANA zone of text without an offset. Without it such text is a dead letter. */
  readonly zone?: string;
  /** The unit of plain numbers. Without it numbers are dead letters. */
  readonly unit?: TimestampUnit;
}

type Decimal = Plain<"decimal", string, string | number>;
type Timestamp = Plain<"timestamp", string, string | number | Date>;

/**
 * The column types. In rows that go in, 64-bit integers and decimals beyond what a JavaScript
 * number holds exactly are written as text; in answers they come as text too.
 */
export const column = Object.freeze({
  boolean: () => plain<Plain<"boolean", boolean>>("boolean"),
  /** Whole numbers from -2^31 to 2^31 - 1. */
  int32: () => plain<Plain<"int32", number>>("int32"),
  /** Whole numbers from -2^63 to 2^63 - 1. */
  int64: () => plain<Plain<"int64", number | string, number | bigint | string>>("int64"),
  /** IEEE 754 double; NaN and the infinities are not values here. */
  float64: () => plain<Plain<"float64", number>>("float64"),
  /** Exact: up to 38 digits in all, `scale` of them after the point. */
  decimal: (precision: number, scale = 0) =>
    new Column<Decimal>({ type: "decimal", precision, scale, nullable: false }),
  text: () => plain<Plain<"text", string>>("text"),
  /** Microseconds, kept in UTC. */
  timestamp: (options: TimestampOptions = {}) => {
    const { zone, unit, ...others } = options;
    return new Column<Timestamp>({
      type: "timestamp",
      nullable: false,
      ...(zone === undefined ? {} : { zone }),
      ...(unit === undefined ? {} : { unit }),
      ...(Object.keys(others).length === 0 ? {} : { options: others }),
    });
  },
  /**
   * A timestamp for rows that do not know when they happened: where a row leaves it out, the time
   * when it was received. As the event time it makes windows of processing time.
   */
  receivedTime: () =>
    new Column<Optional<Timestamp>>({ type: "timestamp", received: true, nullable: false }),
  /** A day of the calendar, `2026-01-31`. */
  date: () => plain<Plain<"date", string>>("date"),
  json: () => plain<Plain<"json", JsonValue>>("json"),
});

function plain<T extends ColumnTypes>(type: T["kind"]): Column<T> {
  return new Column<T>({ type, nullable: false });
}
