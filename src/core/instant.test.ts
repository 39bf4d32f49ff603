import { expect, it } from "vitest";
import { parseInstant } from "./instant.ts";

it.each([
  ["1970-01-01", 0n],
  ["1970-01-01T00:00:01Z", 1_000_000n],
  ["1970-01-01 00:01Z", 60_000_000n],
  ["1970-01-01T01:00:00.000001+01:00", 1n],
  ["1970-01-01T00:00:00.5-0030", 1_800_500_000n],
  ["1969-12-31T23:59:59.999999Z", -1n],
  ["2024-02-29", 1_709_164_800_000_000n],
])("reads %s", (text, us) => expect(parseInstant(text)).toBe(us));

it.each([
  "",
  "today",
  "2026-02-30",
  "2026-13-01",
  "2026-01-01T00:00:00",
  "2026-01-01T25:00Z",
  "17",
])("refuses %j", (text) => expect(parseInstant(text)).toBeUndefined());
