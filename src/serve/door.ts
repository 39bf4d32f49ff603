/** What every route is given: the plan, the settings, and the rooms once they are open. */
import { KurobeError } from "../core/errors.ts";
import { type Plan } from "../plan/plan.ts";
import { type LiveFeeds } from "./live-feed.ts";
import { type Metrics } from "./metrics.ts";
import { type Rooms } from "./rooms.ts";
import { type ServeSettings } from "./serve-settings.ts";

/** How far reading back the log has come, for those who wait. */
export interface Recovery {
  readonly position: number;
  readonly lastPosition: number;
  readonly rows: number;
}

export class Door {
  readonly plan: Plan;
  readonly settings: ServeSettings;
  readonly version: string;
  readonly metrics: Metrics;
  readonly startedAt: Date = new Date();
  readonly startedMs: number = performance.now();
  /** Aborted when the server begins to close: what would never end by itself ends then. */
  readonly closing = new AbortController();
  recovery: Recovery | null = null;
  #open: { readonly rooms: Rooms; readonly feeds: LiveFeeds } | null = null;

  constructor(plan: Plan, settings: ServeSettings, version: string, metrics: Metrics) {
    this.plan = plan;
    this.settings = settings;
    this.version = version;
    this.metrics = metrics;
  }

  get isOpen(): boolean {
    return this.#open !== null;
  }

  /** Throws KRB_SERVE_RECOVERING until the rooms are open. */
  get rooms(): Rooms {
    return this.#required().rooms;
  }

  get feeds(): LiveFeeds {
    return this.#required().feeds;
  }

  open(rooms: Rooms, feeds: LiveFeeds): void {
    this.#open = { rooms, feeds };
  }

  #required(): { readonly rooms: Rooms; readonly feeds: LiveFeeds } {
    if (this.#open !== null) return this.#open;
    const { recovery } = this;
    throw new KurobeError("KRB_SERVE_RECOVERING", "the data directory is still being opened", {
      details: { retryAfterSeconds: 1, ...(recovery === null ? {} : { recovery }) },
    });
  }
}
