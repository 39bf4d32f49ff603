/** Queries over several kinds of events as statements over all of them at once. */
import { type BatchQuery } from "./batch-query.ts";

const AUCTION = [
  "item_name",
  "description",
  "initial_bid",
  "reserve",
  "expires",
  "seller",
] as const;

export const JOINS = {
  q3: {
    columns: ["name", "city", "state", "id"],
    sql: `
      SELECT person.name, person.city, person.state, auction.id
      FROM auction JOIN person ON auction.seller = person.id
      WHERE auction.category = 10 AND person.state IN ('OR', 'ID', 'CA')`,
  },
  q4: {
    columns: ["window_start", "category", "average"],
    sql: `
      SELECT date_trunc('day', auction_time) AS window_start, category, avg(final) AS average
      FROM (${finals("category")}) GROUP BY ALL`,
  },
  q6: {
    columns: ["window_start", "seller", "average"],
    kurobe: `
      SELECT window_start, seller, avg(CAST(one->>'final' AS BIGINT)) AS average
      FROM (SELECT window_start, seller, unnest(CAST(auctions AS JSON[])) AS one FROM q6)
      GROUP BY ALL`,
    sql: `
      SELECT window_start, seller, avg(final) AS average
      FROM (
        SELECT date_trunc('day', auction_time) AS window_start, seller, final
        FROM (${finals("seller")})
        QUALIFY row_number() OVER (
          PARTITION BY window_start, seller ORDER BY auction_time DESC, id DESC) <= 10
      )
      GROUP BY ALL`,
  },
  q8: {
    columns: ["id", "name", "window_start"],
    sql: `
      SELECT P.id, P.name, P.window_start
      FROM (
        SELECT id, name, time_bucket(INTERVAL 10 SECONDS, date_time) AS window_start
        FROM person GROUP BY ALL
      ) AS P
      JOIN (
        SELECT seller, time_bucket(INTERVAL 10 SECONDS, date_time) AS window_start
        FROM auction GROUP BY ALL
      ) AS A ON P.id = A.seller AND P.window_start = A.window_start`,
  },
  q9: {
    columns: [
      ...["id", ...AUCTION, "category", "date_time", "extra"],
      ...["bidder", "price", "bid_time", "bid_extra"],
    ],
    byArrival: ["bidder", "bid_extra"],
    kurobe: `
      SELECT *, CAST(winner->0->>'bidder' AS BIGINT) AS bidder,
        CAST(winner->0->>'price' AS BIGINT) AS price,
        CAST(winner->0->>'bid_time' AS TIMESTAMP) AS bid_time,
        winner->0->>'bid_extra' AS bid_extra
      FROM q9`,
    sql: `
      SELECT A.*, B.bidder, B.price, B.date_time AS bid_time, B.extra AS bid_extra
      FROM auction AS A JOIN bid AS B ON A.id = B.auction
      WHERE B.date_time BETWEEN A.date_time AND A.expires
      QUALIFY row_number() OVER (
        PARTITION BY A.id ORDER BY B.price DESC, B.date_time, B.place) = 1`,
  },
  q13: {
    columns: ["auction", "bidder", "price", "date_time", "value"],
    sql: `
      SELECT auction, bidder, price, date_time, value
      FROM bid JOIN side_input ON auction % 10000 = key`,
  },
  q20: {
    columns: [
      ...["auction", "bidder", "price", "channel", "url", "date_time", "extra"],
      ...[...AUCTION, "auction_time", "category", "auction_extra"],
    ],
    sql: `
      SELECT B.auction, B.bidder, B.price, B.channel, B.url, B.date_time, B.extra,
        A.* RENAME (date_time AS auction_time, extra AS auction_extra)
      FROM bid AS B JOIN auction AS A ON B.auction = A.id
      WHERE A.category = 10`,
  },
} as const satisfies Readonly<Record<string, BatchQuery>>;

/** What each auction came to: its highest bid until it expired. */
function finals(column: "category" | "seller"): string {
  return `
    SELECT A.id, A.${column}, A.date_time AS auction_time, max(B.price) AS final
    FROM auction AS A JOIN bid AS B ON A.id = B.auction
    WHERE B.date_time BETWEEN A.date_time AND A.expires
    GROUP BY A.id, A.${column}, A.date_time`;
}
