/**
 * What the clocks of a zone show, as a list of the moments when they change. No Intl call a row.
 */

const DAY_MS = 86_400_000;
/** JavaScript's dates end here; zones are constant long before. */
const MAX_MS = 8_640_000_000_000_000;

/** Between two changes a clock shows `UTC + offsetMs`. */
interface Span {
  readonly fromMs: number;
  readonly offsetMs: number;
}

/** The offsets of one zone from UTC, found with Intl once a year of data and kept. */
export class ZoneClock {
  readonly #format: Intl.DateTimeFormat;
  /** Changes within a UTC year, by year; the first span is the one that the year begins in. */
  readonly #years = new Map<number, readonly Span[]>();

  constructor(zone: string) {
    this.#format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      era: "short",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  offsetMs(instantMs: number): number {
    return this.#spanAt(instantMs).offsetMs;
  }

  /**
   * The first instant at which the clock shows `localMs` (a wall clock time as if it were UTC) or,
   * where the clock jumps over it, the instant of the jump.
   */
  firstInstantMs(localMs: number): number {
    // No clock is further than a day from UTC, so the answer lies within these spans.
    const spans = this.#spansBetween(localMs - 2 * DAY_MS, localMs + 2 * DAY_MS);
    for (const [index, span] of spans.entries()) {
      const next = spans[index + 1];
      if (next !== undefined && localMs >= next.fromMs + span.offsetMs) continue;
      return Math.max(span.fromMs, localMs - span.offsetMs);
    }
    return localMs;
  }

  #spanAt(instantMs: number): Span {
    const spans = this.#yearSpans(yearOf(instantMs));
    let found = spans[0];
    for (const span of spans) {
      if (span.fromMs > instantMs) break;
      found = span;
    }
    return found ?? { fromMs: -Infinity, offsetMs: 0 };
  }

  /** The first one reaches back beyond `fromMs`: it is only cut off where it began in that time. */
  #spansBetween(fromMs: number, toMs: number): readonly Span[] {
    const spans: Span[] = [];
    for (let year = yearOf(fromMs); year <= yearOf(toMs); year++) {
      for (const span of this.#yearSpans(year)) {
        if (span.fromMs <= fromMs) spans.length = 0;
        if (span.fromMs > toMs) break;
        const last = spans.at(-1);
        if (last === undefined) spans.push({ ...span, fromMs: Math.min(span.fromMs, fromMs) });
        else if (last.offsetMs !== span.offsetMs) spans.push(span);
      }
    }
    return spans;
  }

  #yearSpans(year: number): readonly Span[] {
    const known = this.#years.get(year);
    if (known !== undefined) return known;
    const spans = this.#findSpans(yearStartMs(year), yearStartMs(year + 1));
    this.#years.set(year, spans);
    return spans;
  }

  /** No zone ever changed its clocks twice within a day, so one look a day misses nothing. */
  #findSpans(fromMs: number, toMs: number): readonly Span[] {
    let offsetMs = this.#askOffsetMs(fromMs);
    const spans: Span[] = [{ fromMs, offsetMs }];
    for (let dayMs = fromMs; dayMs < toMs; dayMs += DAY_MS) {
      const nextMs = Math.min(dayMs + DAY_MS, toMs - 1000);
      const nextOffsetMs = this.#askOffsetMs(nextMs);
      if (nextOffsetMs === offsetMs) continue;
      spans.push({ fromMs: this.#findChangeMs(dayMs, nextMs, offsetMs), offsetMs: nextOffsetMs });
      offsetMs = nextOffsetMs;
    }
    return spans;
  }

  /** The first whole second after `beforeMs` with another offset: changes lie on whole seconds. */
  #findChangeMs(beforeMs: number, afterMs: number, offsetMs: number): number {
    let low = beforeMs;
    let high = afterMs;
    while (high - low > 1000) {
      const middle = low + Math.floor((high - low) / 2000) * 1000;
      if (this.#askOffsetMs(middle) === offsetMs) low = middle;
      else high = middle;
    }
    return high;
  }

  #askOffsetMs(instantMs: number): number {
    const bounded = Math.max(-MAX_MS, Math.min(MAX_MS, instantMs));
    const parts = new Map<string, string>();
    for (const { type, value } of this.#format.formatToParts(bounded)) parts.set(type, value);
    const read = (name: string): number => Number(parts.get(name));
    const year = parts.get("era") === "BC" ? 1 - read("year") : read("year");
    const local = new Date(0);
    local.setUTCFullYear(year, read("month") - 1, read("day"));
    local.setUTCHours(read("hour"), read("minute"), read("second"));
    return local.getTime() - Math.floor(bounded / 1000) * 1000;
  }
}

function yearOf(ms: number): number {
  return new Date(Math.max(-MAX_MS, Math.min(MAX_MS, ms))).getUTCFullYear();
}

function yearStartMs(year: number): number {
  const date = new Date(0);
  date.setUTCFullYear(year, 0, 1);
  const ms = date.getTime();
  return Number.isNaN(ms) ? Math.sign(year) * MAX_MS : ms;
}
