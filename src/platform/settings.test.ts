import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isKurobeError } from "../core/errors.ts";
import { defaultText, expectedText, flagOf, SETTING_NAMES, variableOf } from "./setting-table.ts";
import {
  readSettings,
  type SettingProblem,
  type Settings,
  type SettingsSource,
} from "./settings.ts";
import { formatSize, parseSize } from "../core/size.ts";

const GIB = 1_073_741_824;
const machine = { memoryBytes: 8 * GIB, cores: 2 };

function read(source: SettingsSource): Settings {
  return readSettings({ environment: {}, machine, ...source });
}

function problemsOf(source: SettingsSource): readonly SettingProblem[] {
  try {
    read(source);
  } catch (error) {
    if (isKurobeError(error, "KRB_PLATFORM_SETTINGS")) {
      return error.details["problems"] as readonly SettingProblem[];
    }
    throw error;
  }
  return [];
}

describe("settings", () => {
  it("default to loopback, a directory beside the project, and a share of the machine", () => {
    expect(read({})).toMatchObject({
      dataDirectory: "./.kurobe",
      host: "127.0.0.1",
      port: 4186,
      token: null,
      memoryLimitBytes: 2 * GIB,
      memoryTableBytes: GIB / 4,
      threads: 2,
      checkpointIntervalMs: 30_000,
      logLevel: "info",
    });
  });

  it("keep the memory limit between its bounds on very small and very large machines", () => {
    const small = read({ machine: { memoryBytes: GIB / 2, cores: 1 } });
    const large = read({ machine: { memoryBytes: 1024 * GIB, cores: 128 } });
    expect([small.memoryLimitBytes, large.memoryLimitBytes]).toEqual([GIB / 4, 4 * GIB]);
  });

  it("take a flag before a variable, and a variable before the default", () => {
    const environment = { KUROBE_PORT: "5000", KUROBE_MEMORY: "1.5GiB", KUROBE_HOST: "" };
    const settings = read({ flags: { port: "6000" }, environment });
    expect(settings).toMatchObject({
      port: 6000,
      memoryLimitBytes: 1.5 * GIB,
      host: "127.0.0.1",
    });
  });

  it("read durations and switches as people write them", () => {
    const environment = { KUROBE_CHECKPOINT_EVERY: "1m 30s", KUROBE_INSECURE: "yes" };
    expect(read({ environment })).toMatchObject({
      checkpointIntervalMs: 90_000,
      allowInsecure: true,
    });
    expect(read({ flags: { insecure: true } }).allowInsecure).toBe(true);
  });

  it("read lists with commas, and refuse what is no name or no origin", () => {
    const flags = {
      "allow-host": "a.example.com, kurobe",
      "allow-origin": "https://a.example:8443",
    };
    expect(read({ flags })).toMatchObject({
      allowedHosts: ["a.example.com", "kurobe"],
      allowedOrigins: ["https://a.example:8443"],
      tlsCertificate: null,
    });
    for (const wrong of ["a,,b", "http://a", "a b", "*"]) {
      expect(problemsOf({ flags: { "allow-host": wrong } })).toHaveLength(1);
    }
    for (const wrong of ["a.example", "https://a/b", "*", "https://a, b"]) {
      expect(problemsOf({ flags: { "allow-origin": wrong } })).toHaveLength(1);
    }
  });

  it("report all mistakes together, each with its source and what was expected", () => {
    const problems = problemsOf({
      flags: { port: "70000", memory: "lots" },
      environment: { KUROBE_QUERY_TIMEOUT: "5", KUROBE_LOG_LEVEL: "loud", KUROBE_PROT: "1" },
    });
    expect(problems.map(({ source }) => source)).toEqual([
      "KUROBE_PROT",
      "--port",
      "--memory",
      "KUROBE_QUERY_TIMEOUT",
      "KUROBE_LOG_LEVEL",
    ]);
    expect(problems[0]?.expected).toContain("KUROBE_PORT");
    expect(problems[1]).toMatchObject({
      found: '"70000"',
      expected: "a whole number, from 0 to 65535",
    });
  });

  it("never repeat a secret", () => {
    const [problem] = problemsOf({ environment: { KUROBE_TOKEN: "  " } });
    expect(problem?.found).toBe("nothing");
  });

  it("ignore the variables that Kubernetes makes for a service called kurobe", () => {
    const environment = {
      KUROBE_SERVICE_HOST: "10.0.0.1",
      KUROBE_SERVICE_PORT: "4186",
      KUROBE_PORT_4186_TCP: "tcp://10.0.0.1:4186",
      KUROBE_PORT_4186_TCP_ADDR: "10.0.0.1",
    };
    expect(problemsOf({ environment })).toEqual([]);
  });

  it("have each a flag, a variable, and a default that can be written", () => {
    const flags = SETTING_NAMES.map((name) => flagOf(name));
    expect(new Set(flags).size).toBe(SETTING_NAMES.length);
    for (const name of SETTING_NAMES) {
      expect(variableOf(name)).toMatch(/^KUROBE_[A-Z_]+$/);
      expect(defaultText(name)).not.toBe("");
      expect(expectedText(name)).not.toBe("");
    }
  });

  it("cover what the platform asks for", () => {
    const source = readFileSync(new URL("open-platform.ts", import.meta.url), "utf8");
    const body = /interface PlatformSettings \{([\s\S]*?)\n\}/.exec(source)?.[1] ?? "";
    const asked = [...body.matchAll(/readonly (\w+)/g)].map(([, name]) => name);
    const given: readonly string[] = [...SETTING_NAMES, "acceptDestructive"];
    expect(asked.length).toBeGreaterThan(5);
    expect(asked.filter((name) => !given.includes(name ?? ""))).toEqual([]);
  });
});

describe("sizes", () => {
  it("read binary and decimal units in any case", () => {
    expect(["64MiB", "64 mib", "1.5GiB", "10kb", "4096", "7B"].map(parseSize)).toEqual([
      67_108_864, 67_108_864, 1_610_612_736, 10_000, 4096, 7,
    ]);
  });

  it("refuse everything else", () => {
    const wrong = ["", "MiB", "-1MiB", "1e3", "1 parsec", "1.2.3MiB", "9999999TiB", "0x10"];
    expect(wrong.map(parseSize)).toEqual(wrong.map(() => undefined));
  });

  it("are read back from what they print", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (seed) => {
        const sizeBytes = Math.abs(seed);
        expect(parseSize(formatSize(sizeBytes))).toBe(sizeBytes);
      }),
    );
  });
});
