/**
 * What tests of sinks send to `ticksProject`, and what the only sink of a project says of itself.
 */
import { expect } from "vitest";
import { type SinkStatus } from "../../src/sinks/sinks.ts";
import { type Served } from "./served-platform.ts";

export interface TradesOptions {
  readonly symbols?: readonly string[];
  /** How much dearer each symbol is than the one before it. */
  readonly priceStep?: number;
}

/**
 * Trades of each symbol, five seconds apart from 12:00 on, at the price of their second; each
 * minute closes with the next.
 */
export function trades(
  fromMinute: number,
  minutes: number,
  { symbols = ["A", "B", "C"], priceStep = 0 }: TradesOptions = {},
): string {
  const lines: string[] = [];
  for (let second = fromMinute * 60; second < (fromMinute + minutes) * 60; second += 5) {
    const time = new Date(Date.UTC(2026, 0, 1, 12) + second * 1000).toISOString();
    for (const [index, symbol] of symbols.entries()) {
      const price = second + index * priceStep;
      lines.push(JSON.stringify({ time, symbol, price, quantity: 1 }));
    }
  }
  return `${lines.join("\n")}\n`;
}

/** Resolves when the rows are accepted. */
export async function send(served: Served, body: string, dataset = "ticks"): Promise<void> {
  const response = await served.post(`/v1/datasets/${dataset}/rows`, body);
  expect(response.status).toBe(200);
}

export async function sinkOf(served: Served): Promise<SinkStatus> {
  const { sinks } = (await (await served.fetch("/v1/sinks")).json()) as {
    readonly sinks: readonly SinkStatus[];
  };
  const [only] = sinks;
  if (only === undefined) throw new Error("the project has no sink");
  return only;
}

export const isIdle = { state: "idle", lagRows: 0 } as const;
