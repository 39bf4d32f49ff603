/** What supervisor and engine process say to each other. */
import { type Settings } from "./settings.ts";

export interface EngineOrder {
  readonly kind: "open";
  readonly settings: Settings;
  /** Where the project file is looked for. */
  readonly projectDirectory: string;
  readonly acceptDestructive: boolean;
}

export type EngineReport =
  | {
      readonly kind: "recovering";
      readonly position: number;
      readonly lastPosition: number;
      readonly rows: number;
    }
  | {
      readonly kind: "ready";
      readonly pid: number;
      readonly url: string;
      readonly project: string;
      readonly datasets: number;
      readonly windows: number;
      readonly dataDirectory: string;
      /** Null where the token was given as a setting. */
      readonly tokenPath: string | null;
      readonly recovered: {
        readonly entries: number;
        readonly rows: number;
        readonly elapsedMs: number;
      };
      readonly warnings: readonly string[];
    }
  | {
      readonly kind: "failed";
      readonly code: string;
      readonly message: string;
      readonly hint: string;
      readonly exitCode: number;
      /** As in a KurobeError: what was wrong, one by one. */
      readonly details: Readonly<Record<string, unknown>>;
    };
