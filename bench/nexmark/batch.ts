/** All queries as statements over all events at once. */
import { JOINS } from "./batch-joins.ts";
import { type BatchQuery } from "./batch-query.ts";

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
  q0: {
    columns: ["auction", "bidder", "price", "date_time", "extra"],
    only: "auction >= 0",
    sql: `SELECT auction, bidder, price, date_time, extra FROM bid`,
  },
  q1: {
    columns: ["auction", "bidder", "price", "date_time", "extra"],
    only: "auction >= 0",
    sql: `SELECT auction, bidder, 0.908 * price AS price, date_time, extra FROM bid`,
  },
  q2: {
    columns: ["auction", "price"],
    sql: `SELECT auction, price FROM bid WHERE auction % 123 = 0`,
  },
  q5: {
    columns: ["auction", "num", "window_start", "window_end"],
    kurobe: `
      SELECT CAST(one->>'auction' AS BIGINT) AS auction, CAST(one->>'value' AS BIGINT) AS num,
        window_start, window_start + INTERVAL 10 SECONDS AS window_end
      FROM (SELECT window_start, auctions, unnest(CAST(auctions AS JSON[])) AS one FROM q5)
      WHERE (one->>'value') = (auctions->0->>'value')`,
    sql: `
      SELECT auction, count(*) AS num, window_start,
        window_start + INTERVAL 10 SECONDS AS window_end
      FROM (
        SELECT auction, unnest(generate_series(
          time_bucket(INTERVAL 2 SECONDS, date_time) - INTERVAL 8 SECONDS,
          time_bucket(INTERVAL 2 SECONDS, date_time), INTERVAL 2 SECONDS)) AS window_start
        FROM bid
      )
      GROUP BY auction, window_start
      QUALIFY count(*) = max(count(*)) OVER (PARTITION BY window_start)`,
  },
  q7: {
    columns: ["auction", "bidder", "price", "date_time", "extra"],
    kurobe: `
      SELECT CAST(one->>'auction' AS BIGINT) AS auction, CAST(one->>'bidder' AS BIGINT) AS bidder,
        CAST(one->>'value' AS BIGINT) AS price, CAST(one->>'date_time' AS TIMESTAMP) AS date_time,
        one->>'extra' AS extra
      FROM (SELECT highest->0 AS one FROM q7)`,
    sql: `
      SELECT auction, bidder, price, date_time, extra
      FROM bid
      QUALIFY row_number() OVER (PARTITION BY time_bucket(INTERVAL 10 SECONDS, date_time)
        ORDER BY price DESC, date_time, place) = 1`,
  },
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
  q12: {
    columns: ["window_start", "window_end", "bidder", "bid_count"],
    sum: {
      columns: ["bidder", "bids"],
      kurobe: `SELECT bidder, sum(bid_count) AS bids FROM q12 WHERE bidder >= 0 GROUP BY bidder`,
      sql: `SELECT bidder, CAST(count(*) AS HUGEINT) AS bids FROM bid GROUP BY bidder`,
    },
    sql: `
      SELECT time_bucket(INTERVAL 10 SECONDS, p_time) AS window_start,
        time_bucket(INTERVAL 10 SECONDS, p_time) + INTERVAL 10 SECONDS AS window_end,
        bidder, count(*) AS bid_count
      FROM bid GROUP BY ALL`,
  },
  q14: {
    columns: [...["auction", "bidder", "price", "bid_time_type", "date_time", "extra", "c_counts"]],
    sql: `
      SELECT auction, bidder, 0.908 * price AS price,
        CASE
          WHEN hour(date_time) BETWEEN 8 AND 18 THEN 'dayTime'
          WHEN hour(date_time) <= 6 OR hour(date_time) >= 20 THEN 'nightTime'
          ELSE 'otherTime'
        END AS bid_time_type,
        date_time, extra,
        len(list_filter(string_split(extra, ''), lambda letter: letter = 'c')) AS c_counts
      FROM bid
      WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000`,
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
  q19: {
    columns: ["auction", "bidder", "price", "channel", "url", "date_time", "extra", "rank_number"],
    byArrival: ["bidder", "channel", "url", "date_time", "extra"],
    kurobe: `
      SELECT auction, CAST(one->>'bidder' AS BIGINT) AS bidder,
        CAST(one->>'value' AS BIGINT) AS price, one->>'channel' AS channel, one->>'url' AS url,
        CAST(one->>'date_time' AS TIMESTAMP) AS date_time, one->>'extra' AS extra,
        CAST(one->>'rank' AS BIGINT) AS rank_number
      FROM (SELECT auction, unnest(CAST(bids AS JSON[])) AS one FROM q19)`,
    sql: `
      SELECT auction, bidder, price, channel, url, date_time, extra,
        row_number() OVER by_price AS rank_number
      FROM bid
      WINDOW by_price AS (PARTITION BY auction, ${DAY} ORDER BY price DESC, date_time, place)
      QUALIFY rank_number <= 10`,
  },
  ...JOINS,
} as const satisfies Readonly<Record<string, BatchQuery>>;

export type QueryName = keyof typeof BATCH;

/**
 * One row that two equal results have in common, in whatever order their rows are: how many there
 * are, and a sum over their hashes.
 */
export function digestSql(name: QueryName, where: "kurobe" | "duckdb"): string {
  const { columns, byArrival = [], only = "TRUE", kurobe = name } = measured(name);
  const certain = columns.filter((column) => !byArrival.includes(column));
  return `SELECT count(*) AS results, sum(hash(${certain.join(", ")}) % 1000000007) AS digest
    FROM ${where === "kurobe" && kurobe !== name ? `(${kurobe})` : name} WHERE ${only}`;
}

/** What the benchmark compares. */
export function measured(name: QueryName): BatchQuery {
  const query: BatchQuery = BATCH[name];
  return { ...query, ...query.sum };
}
