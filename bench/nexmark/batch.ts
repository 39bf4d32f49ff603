/**
 * Every query as one statement over all events at once: what Kurobe's results must equal, and what
 * DuckDB needs for them when nothing has to be kept up to date. Written from Nexmark's own text,
 * with `person`, `auction` and `bid` as tables that have a column `place`: the order in which the
 * rows came.
 */
export interface BatchQuery {
  /** Of the result, here and in Kurobe. */
  readonly columns: readonly string[];
  readonly sql: string;
  /**
   * Columns that depend on which of two rows with equal times came first. That is known in a test,
   * and not in a benchmark that sends over several connections.
   */
  readonly byArrival?: readonly string[];
}

const RANKS = ["price < 10000", "price >= 10000 AND price < 1000000", "price >= 1000000"] as const;

function ranked(aggregate: string, name: string): string {
  const filters = RANKS.map(
    (rank, index) => `${aggregate} FILTER (WHERE ${rank}) AS rank${index + 1}_${name}`,
  );
  return [`${aggregate} AS total_${name}`, ...filters].join(", ");
}

const rankNames = (name: string): readonly string[] => [
  `total_${name}`,
  ...RANKS.map((_, index) => `rank${index + 1}_${name}`),
];

const STATISTICS = [
  ranked("count(*)", "bids"),
  ranked("count(DISTINCT bidder)", "bidders"),
  ranked("count(DISTINCT auction)", "auctions"),
].join(", ");

const STATISTICS_NAMES = ["bids", "bidders", "auctions"].flatMap(rankNames);

const DAY = "date_trunc('day', date_time)";

export const BATCH = {
  q11: {
    columns: ["window_start", "window_end", "bidder", "bid_count"],
    sql: `
      SELECT min(date_time) AS window_start, max(date_time) + INTERVAL 10 SECONDS AS window_end,
        bidder, count(*) AS bid_count
      FROM (
        SELECT bidder, date_time, sum(begins) OVER by_time AS session
        FROM (
          SELECT bidder, date_time, place,
            CASE WHEN date_time - lag(date_time) OVER by_time < INTERVAL 10 SECONDS
              THEN 0 ELSE 1 END AS begins
          FROM bid
          WINDOW by_time AS (PARTITION BY bidder ORDER BY date_time, place)
        )
        WINDOW by_time AS (PARTITION BY bidder ORDER BY date_time, place ROWS UNBOUNDED PRECEDING)
      )
      GROUP BY bidder, session`,
  },
  q15: {
    columns: ["window_start", ...STATISTICS_NAMES],
    sql: `SELECT ${DAY} AS window_start, ${STATISTICS} FROM bid GROUP BY ALL`,
  },
  q16: {
    columns: ["window_start", "channel", "minute", ...STATISTICS_NAMES],
    sql: `
      SELECT ${DAY} AS window_start, channel, max(date_trunc('minute', date_time)) AS minute,
        ${STATISTICS}
      FROM bid GROUP BY ALL`,
  },
  q17: {
    columns: [
      ...["window_start", "auction", ...rankNames("bids")],
      ...["min_price", "max_price", "avg_price", "sum_price"],
    ],
    sql: `
      SELECT ${DAY} AS window_start, auction, ${ranked("count(*)", "bids")},
        min(price) AS min_price, max(price) AS max_price, avg(price) AS avg_price,
        sum(price) AS sum_price
      FROM bid GROUP BY ALL`,
  },
  q18: {
    columns: ["auction", "bidder", "price", "channel", "url", "date_time", "extra"],
    byArrival: ["price", "channel", "url", "extra"],
    sql: `
      SELECT auction, bidder, price, channel, url, date_time, extra
      FROM bid
      QUALIFY row_number() OVER (
        PARTITION BY bidder, auction, ${DAY} ORDER BY date_time DESC, place DESC) = 1`,
  },
} as const satisfies Readonly<Record<string, BatchQuery>>;

export type QueryName = keyof typeof BATCH;

/**
 * One row that two equal results have in common, in whatever order their rows are: how many there
 * are, and a sum over their hashes.
 */
export function digestSql(name: QueryName): string {
  const { columns, byArrival = [] }: BatchQuery = BATCH[name];
  const certain = columns.filter((column) => !byArrival.includes(column));
  return `SELECT count(*) AS results, sum(hash(${certain.join(", ")}) % 1000000007) AS digest FROM ${name}`;
}
