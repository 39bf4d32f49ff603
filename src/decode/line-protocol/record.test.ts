import fc from "fast-check";
import { describe, expect, it } from "vitest";
import "../../../test/support/seed.ts";
import { fromBytes, toBytes } from "./layout.ts";
import {
  LineRecord,
  MEMBER,
  parseRecord,
  recordEnd,
  unescapeName,
  unescapeString,
} from "./record.ts";

interface Point {
  readonly measurement: string;
  readonly tags: readonly (readonly [string, string])[];
  readonly fields: readonly (readonly [string, Value])[];
  readonly time: bigint | undefined;
}

type Value =
  | { readonly kind: "integer" | "unsigned"; readonly value: bigint }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "string"; readonly value: string };

function read(line: string): Point | string {
  const text = toBytes(line);
  const record = new LineRecord();
  const problem = parseRecord(text, 0, text.length, record);
  if (problem !== undefined) return problem;
  const slice = (start: number, end: number): string => text.slice(start, end);
  const members = record.members.slice(0, record.memberCount).map((member, index) => {
    const isTag = index < record.tagCount;
    const key = unescapeName(slice(member.keyStart, member.keyEnd), isTag ? "tag" : "field");
    const raw = slice(member.valueStart, member.valueEnd);
    return { key: fromBytes(key), raw, kind: member.kind };
  });
  const time = slice(record.timeStart, record.timeEnd);
  return {
    measurement: fromBytes(
      unescapeName(slice(record.measurementStart, record.measurementEnd), "measurement"),
    ),
    tags: members
      .slice(0, record.tagCount)
      .map(({ key, raw }) => [key, fromBytes(unescapeName(raw, "tag"))] as const),
    fields: members
      .slice(record.tagCount)
      .map(({ key, raw, kind }) => [key, valueOf(raw, kind)] as const),
    time: time === "" ? undefined : BigInt(time),
  };
}

function valueOf(raw: string, kind: number): Value {
  if (kind === MEMBER.string) return { kind: "string", value: fromBytes(unescapeString(raw)) };
  if (kind === MEMBER.integer) return { kind: "integer", value: BigInt(raw) };
  if (kind === MEMBER.unsigned) return { kind: "unsigned", value: BigInt(raw) };
  if (kind === MEMBER.float) return { kind: "float", value: Number(raw) };
  return { kind: "boolean", value: kind === MEMBER.true };
}

/** As the specification writes it. */
function print({ measurement, tags, fields, time }: Point): string {
  const key = (name: string): string => name.replace(/[,= ]/g, "\\$&");
  const head = [
    measurement.replace(/[, ]/g, "\\$&"),
    ...tags.map(([name, value]) => `${key(name)}=${key(value)}`),
  ].join(",");
  const body = fields.map(([name, value]) => `${key(name)}=${printValue(value)}`).join(",");
  return `${head} ${body}${time === undefined ? "" : ` ${time}`}`;
}

function printValue(value: Value): string {
  switch (value.kind) {
    case "integer":
      return `${value.value}i`;
    case "unsigned":
      return `${value.value}u`;
    case "float":
      return Object.is(value.value, -0) ? "-0" : String(value.value);
    case "boolean":
      return value.value ? "true" : "f";
    case "string":
      return `"${value.value.replace(/["\\]/g, "\\$&")}"`;
  }
}

describe("a record of line protocol", () => {
  it("is read as it was printed", () => {
    // A backslash before what may be escaped cannot be written in names, and none may end with one.
    const name = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 12 })
      .filter((text) => !/[\\\n\r\t\0"#]/.test(text));
    const value: fc.Arbitrary<Value> = fc.oneof(
      fc.record({
        kind: fc.constant("integer" as const),
        value: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
      }),
      fc.record({ kind: fc.constant("unsigned" as const), value: fc.bigInt(0n, 2n ** 64n - 1n) }),
      fc.record({
        kind: fc.constant("float" as const),
        value: fc.double({ noNaN: true, noDefaultInfinity: true }),
      }),
      fc.record({ kind: fc.constant("boolean" as const), value: fc.boolean() }),
      fc.record({
        kind: fc.constant("string" as const),
        value: fc.string({ unit: "grapheme" }),
      }),
    );
    const point: fc.Arbitrary<Point> = fc.record({
      measurement: name,
      tags: fc.array(fc.tuple(name, name), { maxLength: 4 }),
      fields: fc.array(fc.tuple(name, value), { minLength: 1, maxLength: 5 }),
      time: fc.option(fc.bigInt(-(2n ** 62n), 2n ** 62n), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(point, { minLength: 1, maxLength: 4 }), (points) => {
        const body = toBytes(points.map(print).join("\n"));
        let at = 0;
        for (const expected of points) {
          const end = recordEnd(body, at);
          expect(read(fromBytes(body.slice(at, end)))).toEqual(expected);
          at = end + 1;
        }
        expect(at).toBe(body.length + 1);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    [",a=b v=1", "missing measurement"],
    ["cpu", "missing fields"],
    ["cpu ", "missing fields"],
    ["cpu,a=b", "missing fields"],
    ["cpu, v=1", "missing tag key"],
    ["cpu,=b v=1", "missing tag key"],
    ["cpu,a v=1", "missing tag value"],
    ["cpu,a= v=1", "missing tag value"],
    ["cpu,a=,b=c v=1", "missing tag value"],
    ["cpu,a=b=c v=1", "invalid tag format"],
    ["cpu,a=b, v=1", "missing tag key"],
    ["cpu v", "invalid field format"],
    ["cpu =1", "missing field key"],
    ["cpu v=1,=2", "missing field key"],
    ["cpu v=", "missing field value"],
    ["cpu v=,w=1", "missing field value"],
    ["cpu v=1,", "invalid field format"],
    ["cpu v=1,w", "invalid field format"],
    ["cpu v=1.1.1", "invalid number"],
    ["cpu v=-", "invalid number"],
    ["cpu v=1.5i", "invalid number"],
    ["cpu v=i", "invalid boolean"],
    ["cpu v=1ii", "invalid number"],
    ["cpu v=-1u", "invalid number"],
    ["cpu v=1e", "invalid number"],
    ["cpu v=0x1", "invalid number"],
    ["cpu v=NaN", "invalid number"],
    ["cpu v=+1", "invalid boolean"],
    ["cpu v=Inf", "invalid boolean"],
    ["cpu v=yes", "invalid boolean"],
    ["cpu v=tRUE", "invalid boolean"],
    ['cpu v="a', "unbalanced quotes"],
    ['cpu v="a\\"', "unbalanced quotes"],
    ['cpu v="a"b', "invalid field format"],
    ["cpu v=1 12a", "bad timestamp"],
    ["cpu v=1 1.5", "bad timestamp"],
    ["cpu v=1 -", "bad timestamp"],
    ["cpu v=1 1 2", "point is invalid"],
  ])("refuses %s", (line, reason) => {
    expect(read(line)).toBe(reason);
  });

  it("ends at a line break that no string holds", () => {
    const body = 'log text="one\ntwo, three" 1\ncpu v=1\nlog text="\\"\n" 2\n';
    const ends: number[] = [];
    for (let at = 0; at < body.length; at = (ends.at(-1) ?? 0) + 1) ends.push(recordEnd(body, at));
    expect(ends.map((end, index) => body.slice((ends[index - 1] ?? -1) + 1, end))).toEqual([
      'log text="one\ntwo, three" 1',
      "cpu v=1",
      'log text="\\"\n" 2',
    ]);
  });

  it("keeps backslashes that escape nothing", () => {
    expect(read('disk,path=C:\\dir v="C:\\dir",w="\\\\"')).toMatchObject({
      tags: [["path", "C:\\dir"]],
      fields: [
        ["v", { value: "C:\\dir" }],
        ["w", { value: "\\" }],
      ],
    });
  });
});
