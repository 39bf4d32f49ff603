/** Q13's table that stands still. It lacks every seventh key, so that some bids have no partner. */
const KEYS = 10_000;

/** As NDJSON, for the dataset `side_input`. */
export function sideInput(): string {
  const keys = Array.from({ length: KEYS }, (_, key) => key).filter((key) => key % 7 > 0);
  return keys
    .map(
      (key) =>
        `${JSON.stringify({ key, value: `value ${key}`, loaded: "2015-07-14T00:00:00Z" })}\n`,
    )
    .join("");
}

/** The same rows as a table of DuckDB. */
export const SIDE_INPUT_SQL = `CREATE TABLE side_input AS
  SELECT range AS key, 'value ' || range AS value FROM range(${KEYS}) WHERE range % 7 > 0`;
