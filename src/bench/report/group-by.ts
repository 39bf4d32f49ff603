/** Sorts values into lists by key, in the order in which they came. Node 20 has no Map.groupBy. */
export function groupBy<T>(
  values: readonly T[],
  keyOf: (value: T) => string,
): readonly (readonly T[])[] {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return [...groups.values()];
}
