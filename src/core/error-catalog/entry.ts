/** The shape of one row in the error catalogue, and the three families of rows. */

export interface ErrorEntry {
  /** Whose move it is: the caller's, the outside world's, or ours (a bug). */
  readonly domain: "user" | "external" | "internal";
  readonly retry: "never" | "backoff";
  readonly http: number;
  readonly sqlstate: string;
  /** 1 the user's mistake, 2 the outside world, 3 our bug. */
  readonly exitCode: 1 | 2 | 3;
  /** What to do, when the place that raises the error has nothing better to say. */
  readonly hint: string;
}

export const user = (http: number, sqlstate: string, hint: string): ErrorEntry => ({
  domain: "user",
  retry: "never",
  http,
  sqlstate,
  exitCode: 1,
  hint,
});

export const external = (http: number, sqlstate: string, hint: string): ErrorEntry => ({
  domain: "external",
  retry: "backoff",
  http,
  sqlstate,
  exitCode: 2,
  hint,
});

export const internal = (hint: string): ErrorEntry => ({
  domain: "internal",
  retry: "never",
  http: 500,
  sqlstate: "XX000",
  exitCode: 3,
  hint,
});
