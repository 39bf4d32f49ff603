import { dataset, defineProject, tumbling } from "kurobe";
import { BAR, TICKS } from "../ticks.ts";

const ticks = dataset({ ...TICKS, key: ["symbol", "ts"] });
const ohlc = tumbling({ from: ticks, size: "5m", ...BAR, allowedLateness: "1h" });

export default defineProject({ name: "ticks_keyed", datasets: { ticks }, windows: { ohlc } });
