/** The rows of what was declared, as types. */
import { type Column } from "./column.ts";
import { type Columns, type DatasetDefinition } from "./dataset.ts";
import { type ReadOf } from "./result.ts";
import { type StreamDefinition } from "./stream.ts";
import { type WindowDefinition } from "./window.ts";

type Flat<T> = { [K in keyof T]: T[K] };

/**
 * A row of a dataset, a stream or a window as answers carry it: timestamps are ISO 8601 text in
 * UTC, dates `YYYY-MM-DD`, decimals text, and an int64 beyond 2^53 is text too.
 */
export type Row<T> =
  T extends DatasetDefinition<infer C>
    ? { readonly [K in keyof C]: ReadOf<C[K]> }
    : T extends StreamDefinition<infer C>
      ? { readonly [K in keyof C]: ReadOf<C[K]> }
      : T extends WindowDefinition<infer R>
        ? R
        : never;

type WriteOf<C> =
  C extends Column<infer T> ? (T["optional"] extends true ? T["write"] | null : T["write"]) : never;

type OptionalName<C extends Columns> = {
  [K in keyof C]: C[K] extends Column<infer T> ? (T["optional"] extends true ? K : never) : never;
}[keyof C];

/**
 * A row of a dataset on its way in: columns that are nullable or have a default may be left out.
 */
export type NewRow<T> =
  T extends DatasetDefinition<infer C>
    ? Flat<
        { readonly [K in Exclude<keyof C, OptionalName<C>>]: WriteOf<C[K]> } & {
          readonly [K in OptionalName<C>]?: WriteOf<C[K]>;
        }
      >
    : never;
