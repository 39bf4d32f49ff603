/** `kurobe bench agent`: carries load for a coordinator on another machine. */
import { randomBytes } from "node:crypto";
import { KurobeError } from "../../core/errors.ts";
import { isLoopback } from "../../serve/serve-settings.ts";
import { TOKEN_VARIABLE } from "../bench/load-options.ts";
import { defineCommand } from "../command.ts";
import { showCount, showMany } from "../figures.ts";
import { type Output } from "../output.ts";
import { type AgentEvent } from "../../bench/crew/agent.ts";

export const benchAgent = defineCommand({
  name: "bench agent",
  summary: "Carry load for a benchmark that another machine coordinates",
  description: [
    "One machine may be too slow to load a server, or a cluster, to its limit. Start an agent on each of " +
      "several, and name them to any benchmark: --agents host:port,host:port. They start at the same moment, and " +
      "their histograms are added.",
    "Whoever has the token may send any load to any server from here. It comes from KUROBE_BENCH_TOKEN; on " +
      "loopback one is made where there is none. The connection is encrypted with it.",
  ],
  options: {
    listen: {
      kind: "text",
      value: "host:port",
      prose: "Address. Others than loopback need KUROBE_BENCH_TOKEN.",
      defaultProse: "127.0.0.1:7475",
    },
  },
  examples: [
    {
      prose: "On two machines, with the same token",
      line: "KUROBE_BENCH_TOKEN=… kurobe bench agent --listen 10.0.0.7:7475",
    },
    {
      prose: "On a third one",
      line: "KUROBE_BENCH_TOKEN=… kurobe bench kv redis://10.0.0.9 --agents 10.0.0.7,10.0.0.8 -c 200",
    },
  ],
  run: async ({ options, terminal, output }) => {
    const { openAgent } = await import("../../bench/crew/agent.ts");
    const { readAgentAddress, showAgentAddress } = await import("../../bench/crew/agent-wire.ts");
    const { ownIdentity } = await import("../../bench/run/agent-identity.ts");
    const address = readAgentAddress(options.listen ?? "127.0.0.1");
    const given = terminal.environment[TOKEN_VARIABLE] ?? "";
    if (given === "" && !isLoopback(address.host)) {
      throw new KurobeError(
        "KRB_BENCH_AGENT_TOKEN",
        `An agent on ${address.host} needs a token: others can reach it`,
      );
    }
    const token = given === "" ? randomBytes(16).toString("hex") : given;
    const shown = new EventLines(output);
    await using agent = await openAgent({
      address,
      token,
      identity: ownIdentity(),
      now: () => Date.now(),
      onEvent: (event) => shown.show(event),
    });
    const place = showAgentAddress(agent.address);
    output.json({ address: place, token: given === "" ? token : null });
    output.line(`Listening on ${place}. Ctrl-C ends it.`);
    if (given === "") output.line(`The coordinator needs ${TOKEN_VARIABLE}=${token}`);
    await new Promise<void>((resolve) => {
      if (terminal.signal.aborted) resolve();
      terminal.signal.addEventListener("abort", () => resolve());
    });
  },
});

/** A line for each event; slices of a comparison, of which there are hundreds, share one. */
class EventLines {
  readonly #output: Output;
  #slices = 0;
  #operations = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  show(event: AgentEvent): void {
    switch (event.kind) {
      case "coordinator":
        this.#showSlices();
        this.#output.line(`${event.from} ${event.isThere ? "has come" : "has gone"}`);
        return;
      case "refused":
        this.#output.line(`${event.from} was refused: ${event.why}`);
        return;
      case "report":
        this.#showReport(event);
    }
  }

  #showReport({ report, isSlice }: Extract<AgentEvent, { readonly kind: "report" }>): void {
    if (report.kind === "failed") this.#output.line(`${report.code} ${report.message}`);
    if (report.kind === "closed") this.#showSlices();
    if (report.kind !== "finished") return;
    const { operations, elapsedMs, endedBy } = report.result.outcome;
    const done = operations.reduce((sum, { succeeded }) => sum + succeeded, 0);
    if (isSlice) {
      this.#slices += 1;
      this.#operations += done;
      return;
    }
    const seconds = (elapsedMs / 1000).toFixed(1);
    this.#output.line(`${showCount(done)} operations in ${seconds} s, ended by ${endedBy}`);
  }

  #showSlices(): void {
    if (this.#slices === 0) return;
    const slices = showMany(this.#slices, "slice");
    this.#output.line(`${showCount(this.#operations)} operations in ${slices} of a comparison`);
    this.#slices = 0;
    this.#operations = 0;
  }
}
