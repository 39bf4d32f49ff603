/**
 * Moves all rows of an NDJSON body to another hour in place: 13 bytes a row instead of a new body.
 */
import { TICKS_START } from "../ticks.ts";

const TIME = Buffer.from('"ts":"');
const HOUR_LENGTH = "2025-01-06T00".length;

export class HourShift {
  readonly #body: Buffer;
  readonly #places: Uint32Array;
  #hour = 0;

  constructor(body: Buffer) {
    this.#body = body;
    const places: number[] = [];
    for (let at = body.indexOf(TIME); at >= 0; at = body.indexOf(TIME, at + 1))
      places.push(at + TIME.length);
    this.#places = Uint32Array.from(places);
  }

  /** All rows are then in this hour, counted from the one that the files were made for. */
  to(hour: number): void {
    if (hour === this.#hour) return;
    this.#hour = hour;
    const text = new Date(Date.parse(TICKS_START) + hour * 3_600_000)
      .toISOString()
      .slice(0, HOUR_LENGTH);
    const bytes = Buffer.from(text);
    for (const place of this.#places) this.#body.set(bytes, place);
  }
}
