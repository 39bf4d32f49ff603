import { dataset, defineProject, hopping } from "kurobe";
import { BAR, TICKS } from "../ticks.ts";

const ticks = dataset(TICKS);
const ohlc = hopping({ from: ticks, size: "60s", every: "5s", ...BAR });

export default defineProject({ name: "ticks", datasets: { ticks }, windows: { ohlc } });
