/** The files of a starter project: small, whole, and working as they are. */

export interface StarterFile {
  readonly path: string;
  readonly text: string;
}

export interface StarterOptions {
  /** Already a legal project name. */
  readonly name: string;
  /** Of this package, for the dependency. */
  readonly version: string;
}

export function starterFiles({ name, version }: StarterOptions): readonly StarterFile[] {
  return [
    { path: "kurobe.config.ts", text: projectFile(name) },
    { path: "package.json", text: packageFile(name, version) },
    { path: "tsconfig.json", text: TSCONFIG },
    { path: ".gitignore", text: "node_modules/\n.kurobe/\n" },
    { path: "readings.ndjson", text: sampleRows() },
    { path: "README.md", text: readme(name) },
  ];
}

function projectFile(name: string): string {
  return `import { avg, column, count, dataset, defineProject, max, min, tumbling } from "kurobe";

/** One row a measurement. */
const readings = dataset({
  columns: {
    at: column.timestamp(),
    sensor: column.text(),
    celsius: column.float64(),
    note: column.text().nullable(),
  },
  eventTime: "at",
  // Rows may arrive up to two minutes out of order before a window closes.
  watermark: { outOfOrderness: "2m" },
});

/** A result for each sensor and hour. A row that is up to a day late corrects it. */
const hourly = tumbling({
  from: readings,
  size: "1h",
  by: ["sensor"],
  measure: {
    lowest: min("celsius"),
    mean: avg("celsius"),
    highest: max("celsius"),
    readings: count(),
  },
  allowedLateness: "1 day",
});

export default defineProject({
  name: ${JSON.stringify(name)},
  datasets: { readings },
  windows: { hourly },
});
`;
}

function packageFile(name: string, version: string): string {
  const content = {
    name: name.replaceAll("_", "-"),
    private: true,
    type: "module",
    scripts: { dev: "kurobe dev", start: "kurobe start", check: "kurobe check && tsc --noEmit" },
    dependencies: { kurobe: `^${version}` },
    devDependencies: { typescript: "^5.9.0" },
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

const TSCONFIG = `{
  "compilerOptions": {
    "target": "es2023",
    "module": "nodenext",
    "strict": true,
    "noEmit": true,
    "skipLibCheck": true
  },
  "include": ["kurobe.config.ts"]
}
`;

const SENSORS = ["hall", "roof", "cellar"] as const;
const FIRST_MS = Date.UTC(2026, 0, 5);
const STEP_MS = 5 * 60_000;
const STEPS = 200;

/** 600 rows of 16 hours and 40 minutes; a few of them come late, as rows do. */
function sampleRows(): string {
  const rows: { readonly arrivesMs: number; readonly line: string }[] = [];
  for (let step = 0; step < STEPS; step++) {
    SENSORS.forEach((sensor, index) => {
      const atMs = FIRST_MS + step * STEP_MS + index * 1000;
      const day = Math.sin(((step * STEP_MS) / 86_400_000 - 0.3) * 2 * Math.PI);
      const celsius = Number((18 - 6 * index + (4 + 3 * index) * day + (step % 7) / 10).toFixed(1));
      const isLate = (step * 3 + index) % 97 === 96;
      const note = isLate ? { note: "sent again after a lost connection" } : {};
      const row = { at: new Date(atMs).toISOString(), sensor, celsius, ...note };
      rows.push({ arrivesMs: atMs + (isLate ? 90 * 60_000 : 0), line: JSON.stringify(row) });
    });
  }
  rows.sort((a, b) => a.arrivesMs - b.arrivesMs);
  return rows.map(({ line }) => `${line}\n`).join("");
}

function readme(name: string): string {
  return `# ${name}

Temperature readings in, hourly figures out. Everything is declared in \`kurobe.config.ts\`.

\`\`\`sh
npx kurobe dev                                  # runs it, and reloads it when the file changes
\`\`\`

In a second terminal:

\`\`\`sh
npx kurobe ingest readings readings.ndjson      # 600 rows; a few come late and correct their hour
npx kurobe sql "SELECT sensor, window_start, mean, revision FROM hourly ORDER BY window_start, sensor"
npx kurobe status
\`\`\`

Rows also go in over HTTP, from anything that can send a request:

\`\`\`sh
curl -X POST http://127.0.0.1:4186/v1/datasets/readings/rows \\
  -H "authorization: Bearer $(cat .kurobe/token)" \\
  -H "content-type: application/x-ndjson" \\
  -d '{"at":"2026-01-05T17:00:00Z","sensor":"hall","celsius":19.5}'
\`\`\`

Change the project, then ask what the change will do before it happens: \`npx kurobe plan\`.
`;
}
