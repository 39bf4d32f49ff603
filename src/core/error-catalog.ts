/** Every error that Kurobe can raise: one row a code. `docs/reference/errors.md` is made from this table. */

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

const user = (http: number, sqlstate: string, hint: string): ErrorEntry => ({
  domain: "user",
  retry: "never",
  http,
  sqlstate,
  exitCode: 1,
  hint,
});

const external = (http: number, sqlstate: string, hint: string): ErrorEntry => ({
  domain: "external",
  retry: "backoff",
  http,
  sqlstate,
  exitCode: 2,
  hint,
});

const internal = (hint: string): ErrorEntry => ({
  domain: "internal",
  retry: "never",
  http: 500,
  sqlstate: "XX000",
  exitCode: 3,
  hint,
});

export const ERROR_CATALOG = {
  KRB_CORE_ASSERTION: internal("This is a bug in Kurobe: please report it with the message and the log."),
  KRB_CORE_CLOSED: external(503, "57P01", "The engine is stopping or restarting: send the request again in a moment."),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERROR_CATALOG;
