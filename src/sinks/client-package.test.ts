import { describe, expect, it } from "vitest";
import { loadClient } from "./client-package.ts";

describe("the client of a receiver", () => {
  it("that is not installed is named with the command that installs it", async () => {
    const name = "kurobe-no-such-client";
    await expect(loadClient("store", name, () => import(name))).rejects.toMatchObject({
      code: "KRB_SINKS_CLIENT",
      message: `sink store needs the package ${name}, which is not installed`,
      hint: `Run \`npm install ${name}\` in the project's folder.`,
    });
  });

  it("that is broken says so itself", async () => {
    const broken = new Error("it is broken");
    await expect(loadClient("store", "x", () => Promise.reject(broken))).rejects.toBe(broken);
  });
});
