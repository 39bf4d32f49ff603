import {
  avg,
  col,
  column,
  count,
  countDistinct,
  dataset,
  defineProject,
  max,
  sum,
  tumbling,
} from "kurobe";

/** One row a flight, sent when its departure (or its delay) became known. */
const flights = dataset({
  columns: {
    // The source has wall-clock times without a zone. They are read as UTC.
    scheduled: column.timestamp({ zone: "UTC" }),
    delay: column.int32(),
    distance: column.int32(),
    origin: column.text(),
    destination: column.text(),
  },
  eventTime: "scheduled",
  // A window waits an hour for delayed flights before it closes.
  watermark: { outOfOrderness: "1h" },
});

/**
 * Departures per airport and hour. A flight that is up to 12 hours late still corrects its hour.
 */
const departures = tumbling({
  from: flights,
  size: "1h",
  by: ["origin"],
  measure: {
    flights: count(),
    delayed: count().where(col("delay").gt(15)),
    mean_delay: avg("delay"),
    worst_delay: max("delay"),
    destinations: countDistinct("destination"),
  },
  allowedLateness: "12h",
});

/** How punctual each airport was, per calendar day: 1 April 2001 has 23 hours in Chicago. */
const punctuality = tumbling({
  from: flights,
  size: "1 day",
  timezone: "America/Chicago",
  by: ["origin"],
  measure: {
    flights: count(),
    on_time: count().where(col("delay").le(15)),
    on_time_share: count().where(col("delay").le(15)).dividedBy(count()),
    miles: sum("distance"),
  },
  allowedLateness: "1 day",
});

/** Only flights more than an hour late, over the whole country. */
const long_delays = tumbling({
  from: flights,
  size: "1h",
  where: col("delay").gt(60),
  measure: { flights: count(), lost_minutes: sum("delay"), airports: countDistinct("origin") },
  allowedLateness: "12h",
});

export default defineProject({
  name: "flights",
  datasets: { flights },
  windows: { departures, punctuality, long_delays },
});
