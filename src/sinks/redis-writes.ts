/** What a batch of deliveries means for Redis: scripts that compare versions before they write. */
import { KurobeError } from "../core/errors.ts";
import { type DatasetPlan } from "../plan/plan.ts";
import { type RedisLayout, type RedisPlan } from "../plan/sinks/redis.ts";
import { bodyOf, type Delivery } from "./delivery.ts";
import { type Newest, newestPerKey } from "./newest-per-key.ts";

/** One call of a script; all its keys lie in one slot of a cluster if `rows` was 1. */
export interface ScriptCall {
  readonly script: string;
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
}

/**
 * Pairs of keys: a hash, and the version with which it was taken back. The names of the fields come
 * once, then for each pair its version, which fields it has ("1" or "0" for each; "-": it is taken
 * back), and their values. The hash is written anew, so that a column that became null is gone; it
 * is written to first, because a server without memory refuses that, and would not once it was told
 * to delete.
 */
const WRITE_HASHES = `
local ttl, remember, width = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local at = 4 + width
for i = 1, #KEYS, 2 do
  local version, has = ARGV[at], ARGV[at + 1]
  local held = redis.call('HGET', KEYS[i], '_version') or redis.call('GET', KEYS[i + 1])
  if not held or tonumber(held) < tonumber(version) then
    if has == '-' then
      redis.call('DEL', KEYS[i])
      redis.call('SET', KEYS[i + 1], version, 'PX', remember)
    else
      local cells = {}
      for field = 1, width do
        if string.byte(has, field) == 49 then
          cells[#cells + 1] = ARGV[3 + field]
          cells[#cells + 1] = ARGV[at + 1 + field]
        end
      end
      redis.call('HSET', KEYS[i], '_version', version)
      redis.call('DEL', KEYS[i], KEYS[i + 1])
      redis.call('HSET', KEYS[i], '_version', version, unpack(cells))
      if ttl > 0 then redis.call('PEXPIRE', KEYS[i], ttl) end
    end
  end
  at = at + 2 + width
end`;

/** A set and the versions of its members; an empty score takes the member out. */
const WRITE_MEMBERS = `
local ttl = tonumber(ARGV[1])
for at = 2, #ARGV, 3 do
  local member, version, score = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local held = redis.call('HGET', KEYS[2], member)
  if not held or tonumber(held) < tonumber(version) then
    if score == '' then redis.call('ZREM', KEYS[1], member)
    else redis.call('ZADD', KEYS[1], score, member) end
    redis.call('HSET', KEYS[2], member, version)
  end
end
if ttl > 0 then
  redis.call('PEXPIRE', KEYS[1], ttl)
  redis.call('PEXPIRE', KEYS[2], ttl)
end`;

/** Longer than any process that was thought dead goes on delivering. */
const REMEMBER_MS = 24 * 3_600_000;
/** A script blocks the server: it has to be short. */
const ROWS_A_CALL = 200;

/** Gives the calls for a batch. Throws KRB_SINKS_SETTING for a layout that the rows do not fit. */
export function redisWrites(
  plan: RedisPlan,
  relation: DatasetPlan,
): (batch: readonly Delivery[]) => readonly ScriptCall[] {
  const { layout, cluster } = plan;
  switch (layout.kind) {
    case "hash": {
      const fields = relation.columns.map(({ name }) => name);
      const rowsACall = cluster ? 1 : ROWS_A_CALL;
      return (batch) => hashCalls(layout, fields, newestPerKey(batch), rowsACall);
    }
    case "sortedSet": {
      const columns = setColumns(plan.name, layout, relation);
      return (batch) => memberCalls(layout, columns, newestPerKey(batch));
    }
    case "channel":
      return () => [];
  }
}

/** Messages of a channel, in order. */
export function messagesOf(batch: readonly Delivery[]): readonly string[] {
  return batch.map((delivery) => JSON.stringify(bodyOf(delivery)));
}

type HashLayout = Extract<RedisLayout, { readonly kind: "hash" }>;
type SetLayout = Extract<RedisLayout, { readonly kind: "sortedSet" }>;

function hashCalls(
  { prefix, ttlUs }: HashLayout,
  fields: readonly string[],
  rows: readonly Newest[],
  rowsACall: number,
): readonly ScriptCall[] {
  return chunks(rows, rowsACall).map((chunk) => {
    const keys: string[] = [];
    const args = [millisecondsOf(ttlUs), REMEMBER_MS, fields.length, ...fields];
    for (const { delivery } of chunk) {
      const { op, version, row } = delivery;
      const name = op === "insert" ? delivery.id : nameOf(Object.values(delivery.key));
      const key = prefix + name;
      keys.push(key, besides(key, "deleted"));
      const cells = fields.map((field) => (op === "delete" ? null : (row[field] ?? null)));
      const has = cells.map((cell) => (cell === null ? "0" : "1")).join("");
      args.push(version, op === "delete" ? "-" : has);
      for (const cell of cells) args.push(cell === null ? "" : String(cell));
    }
    return { script: WRITE_HASHES, keys, args };
  });
}

interface SetColumns {
  readonly per: readonly string[];
  readonly member: readonly string[];
  readonly isTime: boolean;
}

function setColumns(sink: string, { score, per }: SetLayout, relation: DatasetPlan): SetColumns {
  const wrong = (text: string, hint: string): KurobeError =>
    new KurobeError("KRB_SINKS_SETTING", `sink ${sink}: ${text}`, { hint });
  const { name, key, columns } = relation;
  if (key.length === 0) {
    throw wrong(`rows of ${name} have no key to be members`, 'Use keep: "hash" or "channel".');
  }
  const column = columns.find((one) => one.name === score);
  const isTime = column?.type.kind === "timestamp";
  const isNumber = /^(int32|int64|float64|decimal)$/.test(column?.type.kind ?? "");
  if (!isTime && !isNumber) {
    throw wrong(
      `the score ${JSON.stringify(score)} is not a number or a timestamp of ${name}`,
      `Its columns are ${columns.map((one) => one.name).join(", ")}.`,
    );
  }
  const strange = per.filter((one) => !key.includes(one));
  const member = key.filter((one) => !per.includes(one));
  if (strange.length > 0 || member.length === 0) {
    throw wrong(
      `per has to leave a part of the key ${key.join(", ")} for the member`,
      'Name some of these columns in `per`, as in per: ["window_start"].',
    );
  }
  return { per, member, isTime };
}

function memberCalls(
  { prefix, ttlUs, score }: SetLayout,
  { per, member, isTime }: SetColumns,
  rows: readonly Newest[],
): readonly ScriptCall[] {
  const sets = new Map<string, Delivery[]>();
  for (const { delivery } of rows) {
    const values = per.map((name) => delivery.key[name] ?? null);
    const set = per.length === 0 ? prefix : prefix + nameOf(values);
    sets.set(set, [...(sets.get(set) ?? []), delivery]);
  }
  return [...sets].flatMap(([set, deliveries]) =>
    chunks(deliveries, ROWS_A_CALL).map((chunk) => ({
      script: WRITE_MEMBERS,
      keys: [set, besides(set, "versions")],
      args: [
        millisecondsOf(ttlUs),
        ...chunk.flatMap(({ op, key, row, version }) => {
          const cell = op === "delete" ? null : (row[score] ?? null);
          const name = nameOf(member.map((column) => key[column] ?? null));
          return [
            name,
            version,
            cell === null ? "" : isTime ? timeScore(String(cell)) : String(cell),
          ];
        }),
      ],
    })),
  );
}

/** `2026-01-01T00:00:00.123456Z` in milliseconds; a double holds them with their microseconds. */
function timeScore(text: string): string {
  return String(Date.parse(text) + Number(text.slice(23, 26)) / 1000);
}

/** Values with `|` between them. Within one `%`, `|` and braces are written as in URLs. */
function nameOf(values: readonly (string | number | boolean | null)[]): string {
  return values.map((value) => (value === null ? "%00" : nameOfValue(String(value)))).join("|");
}

const NEEDS_ESCAPE = /[%|{}]/;

function nameOfValue(text: string): string {
  return NEEDS_ESCAPE.test(text) ? text.replaceAll(/[%|{}]/g, encodeURIComponent) : text;
}

/** A key in the same slot of a cluster: braces say what of a name counts. */
function besides(key: string, what: string): string {
  return /\{[^}]+\}/.test(key) ? `${key}:${what}` : `{${key}}:${what}`;
}

function millisecondsOf(us: number | null): number {
  return us === null ? 0 : Math.ceil(us / 1000);
}

function chunks<T>(list: readonly T[], size: number): readonly (readonly T[])[] {
  const count = Math.ceil(list.length / size);
  return Array.from({ length: count }, (_, i) => list.slice(i * size, (i + 1) * size));
}
