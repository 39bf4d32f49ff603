/** Marks our plain values, so that two copies of the package in one process know each other's. */

export const BRAND: unique symbol = Symbol.for("kurobe.kind") as never;

export type Kind =
  | "project"
  | "dataset"
  | "window"
  | "column"
  | "expression"
  | "secret"
  | "source"
  | "sink"
  | "alert"
  | "stream"
  | "join"
  | "condition";

export interface Branded<K extends Kind> {
  readonly [BRAND]: K;
}

export function isBranded<K extends Kind>(value: unknown, kind: K): value is Branded<K> {
  if (typeof value !== "object" || value === null) return false;
  return (value as { readonly [BRAND]?: unknown })[BRAND] === kind;
}
