/** Seconds of readings, and an alert on each that is too high; TO hears of it. */
import {
  alert,
  column,
  dataset,
  defineProject,
  max,
  secret,
  threshold,
  tumbling,
  webhook,
} from "kurobe";

const readings = dataset({
  columns: { at: column.timestamp(), sensor: column.text(), value: column.float64() },
  eventTime: "at",
});

const per_second = tumbling({
  from: readings,
  size: "1s",
  by: ["sensor"],
  measure: { highest: max("value") },
});

export default defineProject({
  name: "alerts",
  datasets: { readings },
  windows: { per_second },
  alerts: {
    hot: alert({
      on: per_second,
      when: threshold({ of: "highest", above: 90 }),
      staleAfter: "36500d",
    }),
  },
  sinks: { out: webhook({ from: "hot", url: secret("TO"), allowPrivateAddresses: true }) },
});
