import { dataset, defineProject } from "kurobe";
import { TICKS } from "../ticks.ts";

const ticks = dataset(TICKS);

export default defineProject({ name: "ticks_plain", datasets: { ticks } });
