import { describe, expect, it } from "vitest";
import { boundariesBetween, windowBounds } from "./calendar.ts";
import { type WindowSize } from "./plan.ts";

const day: WindowSize = { kind: "calendar", unit: "day", count: 1 };
const week: WindowSize = { kind: "calendar", unit: "week", count: 1 };
const month: WindowSize = { kind: "calendar", unit: "month", count: 1 };

const us = (text: string): bigint => BigInt(Date.parse(text)) * 1000n;
const text = (value: bigint): string =>
  new Date(Number(value / 1000n)).toISOString().replace(/:00\.000Z$/, "Z");
const bounds = (size: WindowSize, zone: string, at: string): string[] => {
  const { startUs, endUs } = windowBounds(size, zone, us(at));
  return [text(startUs), text(endUs)];
};

describe("fixed sizes", () => {
  it("count from the epoch, in both directions, half-open", () => {
    const size: WindowSize = { kind: "fixed", us: 7 };
    expect(windowBounds(size, "UTC", 0n)).toEqual({ startUs: 0n, endUs: 7n });
    expect(windowBounds(size, "UTC", 7n)).toEqual({ startUs: 7n, endUs: 14n });
    expect(windowBounds(size, "UTC", -1n)).toEqual({ startUs: -7n, endUs: 0n });
    expect(windowBounds(size, "UTC", -7n)).toEqual({ startUs: -7n, endUs: 0n });
    expect(windowBounds(size, "UTC", -8n)).toEqual({ startUs: -14n, endUs: -7n });
  });
});

describe("calendar sizes", () => {
  it("have days of 23 and 25 hours", () => {
    const zone = "America/New_York";
    expect(bounds(day, zone, "2024-03-10T12:00Z")).toEqual([
      "2024-03-10T05:00Z",
      "2024-03-11T04:00Z",
    ]);
    expect(bounds(day, zone, "2024-11-03T12:00Z")).toEqual([
      "2024-11-03T04:00Z",
      "2024-11-04T05:00Z",
    ]);
  });

  it("follow zones that are not whole hours from UTC", () => {
    expect(bounds(day, "Asia/Kolkata", "2024-01-01T18:29Z")).toEqual([
      "2023-12-31T18:30Z",
      "2024-01-01T18:30Z",
    ]);
    // +13:45 in summer, +12:45 from 2024-04-07 03:45 on.
    expect(bounds(day, "Pacific/Chatham", "2024-04-07T00:00Z")).toEqual([
      "2024-04-06T10:15Z",
      "2024-04-07T11:15Z",
    ]);
  });

  it("begin after the gap where the clock jumps over midnight", () => {
    expect(bounds(day, "America/Sao_Paulo", "2018-11-04T12:00Z")).toEqual([
      "2018-11-04T03:00Z",
      "2018-11-05T02:00Z",
    ]);
    expect(bounds(day, "Africa/Cairo", "2024-04-26T12:00Z")).toEqual([
      "2024-04-25T22:00Z",
      "2024-04-26T21:00Z",
    ]);
  });

  it("begin at the first of two midnights", () => {
    expect(bounds(day, "America/Havana", "2025-11-02T12:00Z")).toEqual([
      "2025-11-02T04:00Z",
      "2025-11-03T05:00Z",
    ]);
  });

  it("hold every instant where a clock goes back over midnight", () => {
    // At 00:01 on October 29 clocks went back to 23:01: the second 23:30 belongs to the 29th.
    const zone = "America/St_Johns";
    const first = windowBounds(day, zone, us("2006-10-29T02:30:30Z"));
    const second = windowBounds(day, zone, us("2006-10-29T03:00:00Z"));
    expect(second).toEqual(first);
    expect(first.startUs <= us("2006-10-29T02:30:30Z")).toBe(true);
    expect(second.endUs > us("2006-10-29T03:00:00Z")).toBe(true);
  });

  it("leave out the day that a zone left out", () => {
    const zone = "Pacific/Apia";
    const from = us("2011-12-29T12:00Z");
    const boundaries = boundariesBetween(day, zone, from, us("2011-12-31T12:00Z"));
    expect(boundaries.map(text)).toEqual([
      "2011-12-29T10:00Z",
      "2011-12-30T10:00Z",
      "2011-12-31T10:00Z",
      "2012-01-01T10:00Z",
    ]);
  });

  it("have weeks from Monday and months of their own length", () => {
    expect(bounds(week, "UTC", "2024-03-03T23:59Z")).toEqual([
      "2024-02-26T00:00Z",
      "2024-03-04T00:00Z",
    ]);
    expect(bounds(month, "UTC", "2024-02-29T23:59Z")).toEqual([
      "2024-02-01T00:00Z",
      "2024-03-01T00:00Z",
    ]);
    expect(bounds(month, "Asia/Tokyo", "1969-12-31T14:59Z")).toEqual([
      "1969-11-30T15:00Z",
      "1969-12-31T15:00Z",
    ]);
  });

  it("count several units from the epoch's own", () => {
    const quarter: WindowSize = { kind: "calendar", unit: "month", count: 3 };
    expect(bounds(quarter, "UTC", "2024-05-15T00:00Z")).toEqual([
      "2024-04-01T00:00Z",
      "2024-07-01T00:00Z",
    ]);
    const days: WindowSize = { kind: "calendar", unit: "day", count: 10 };
    expect(bounds(days, "UTC", "1969-12-31T00:00Z")).toEqual([
      "1969-12-22T00:00Z",
      "1970-01-01T00:00Z",
    ]);
    const weeks: WindowSize = { kind: "calendar", unit: "week", count: 2 };
    expect(bounds(weeks, "UTC", "1970-01-01T00:00Z")).toEqual([
      "1969-12-29T00:00Z",
      "1970-01-12T00:00Z",
    ]);
  });

  it("reach to the ends of the years that timestamps have", () => {
    expect(bounds(day, "Asia/Tokyo", "0001-01-02T00:00Z")[0]).toBe("0001-01-01T14:41:01.000Z");
    expect(bounds(month, "America/New_York", "9999-12-31T12:00Z")).toEqual([
      "9999-12-01T05:00Z",
      "+010000-01-01T05:00Z",
    ]);
  });
});
