/** The published JSON Schema (draft 2020-12) of a result file. */
import { z } from "zod";
import { benchResult } from "./result.ts";

export function resultJsonSchema(): Readonly<Record<string, unknown>> {
  const { $schema, ...rest } = z.toJSONSchema(benchResult, { target: "draft-2020-12" });
  return {
    $schema,
    $id: "urn:kurobe:bench-result:1",
    title: "Result of one benchmark run",
    description:
      "What `kurobe bench` writes for one engine under one workload. Times in names end in their unit.",
    ...rest,
  };
}
