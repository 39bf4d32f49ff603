import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatDuration, parseDuration } from "./duration.ts";

describe("durations", () => {
  it("are read in short, long and joined forms", () => {
    expect(parseDuration("500ms")).toBe(500_000);
    expect(parseDuration("5m")).toBe(300_000_000);
    expect(parseDuration("1 day")).toBe(86_400_000_000);
    expect(parseDuration("2 weeks")).toBe(14 * 86_400_000_000);
    expect(parseDuration("1h 30m")).toBe(5_400_000_000);
    expect(parseDuration("1h30m")).toBe(5_400_000_000);
    expect(parseDuration("1.1s")).toBe(1_100_000);
    expect(parseDuration("0s")).toBe(0);
  });

  it("are refused where they mean nothing exact", () => {
    const refused = ["", "5", "m", "-5m", "5 parsecs", "1 month", "0.1us", "1e3s", "300000 days"];
    expect(refused.map((text) => parseDuration(text))).toEqual(refused.map(() => undefined));
    expect(parseDuration("5 constructor")).toBeUndefined();
  });

  it("are printed so that they can be read back", () => {
    expect(formatDuration(5_400_000_000)).toBe("1h 30m");
    expect(formatDuration(-1500)).toBe("-1ms 500us");
    fc.assert(
      fc.property(fc.maxSafeNat(), (us) => {
        expect(parseDuration(formatDuration(us))).toBe(us);
      }),
    );
  });
});
