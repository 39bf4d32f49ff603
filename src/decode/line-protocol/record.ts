/**
 * Takes one record of InfluxDB's line protocol apart: `measurement,tag=a field=1i,other="b" time`.
 *
 * Works on byte strings: one character a byte, so that places are offsets and slices cost nothing.
 * Where a record ends, what is escaped and what is refused follows `models/points.go` of InfluxDB
 * 1.x, its words included; `docs/line-protocol.md` lists where we are stricter.
 */

/** What a member's value was written as. */
export const MEMBER = {
  tag: 0,
  integer: 1,
  unsigned: 2,
  float: 3,
  true: 4,
  false: 5,
  string: 6,
} as const;

export type MemberKind = (typeof MEMBER)[keyof typeof MEMBER];

/** Tag or field. `isPlain`: the value's bytes are also its JSON, but for suffix and quotes. */
export interface Member {
  keyStart: number;
  keyEnd: number;
  /** Without the quotes of a string and the suffix of a number. */
  valueStart: number;
  valueEnd: number;
  kind: MemberKind;
  isPlain: boolean;
}

/** Reused from record to record: only the first `memberCount` members are of the last one. */
export class LineRecord {
  measurementStart = 0;
  measurementEnd = 0;
  readonly members: Member[] = [];
  memberCount = 0;
  tagCount = 0;
  fieldsEnd = 0;
  /** Equal where the record has no timestamp. */
  timeStart = 0;
  timeEnd = 0;

  add(keyStart: number, keyEnd: number): Member {
    let member = this.members[this.memberCount];
    if (member === undefined) {
      member = { keyStart, keyEnd, valueStart: 0, valueEnd: 0, kind: MEMBER.tag, isPlain: true };
      this.members.push(member);
    }
    member.keyStart = keyStart;
    member.keyEnd = keyEnd;
    member.isPlain = true;
    this.memberCount++;
    return member;
  }
}

const NUL = 0;
const TAB = 9;
const LF = 10;
const SPACE = 32;
const QUOTE = 34;
const COMMA = 44;
const MINUS = 45;
const DOT = 46;
const ZERO = 48;
const NINE = 57;
const EQUALS = 61;
const BACKSLASH = 92;

/** Where the record that begins at `start` ends: at a line break that no quotes hold. */
export function recordEnd(text: string, start: number): number {
  const found = text.indexOf("\n", start);
  const end = found < 0 ? text.length : found;
  const isPlain = !text.slice(start, end).includes('"') && text.charCodeAt(end - 1) !== BACKSLASH;
  return isPlain ? end : quotedRecordEnd(text, start);
}

function quotedRecordEnd(text: string, start: number): number {
  let isQuoted = false;
  let isInFields = false;
  let equals = 0;
  let commas = 0;
  let at = start;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH && at + 2 < text.length) {
      at += 2;
      continue;
    }
    if (code === SPACE) isInFields = true;
    if (isInFields) {
      if (!isQuoted && code === EQUALS) equals++;
      else if (!isQuoted && code === COMMA) commas++;
      // Quotes mean something in the value of a field only.
      else if (code === QUOTE && equals > commas) isQuoted = !isQuoted;
    }
    if (code === LF && !isQuoted) break;
    at++;
  }
  return at;
}

export function skipBlanks(text: string, start: number, end: number): number {
  let at = start;
  for (; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code !== SPACE && code !== TAB && code !== NUL) break;
  }
  return at;
}

/** Fills `record` from `text` between `start` (no blank) and `end`; gives what is wrong, if any. */
export function parseRecord(
  text: string,
  start: number,
  end: number,
  record: LineRecord,
): string | undefined {
  record.memberCount = 0;
  record.measurementStart = start;
  let at = nameEnd(text, start, end);
  record.measurementEnd = at;
  if (at === start) return "missing measurement";
  if (at >= end) return "missing fields";
  while (text.charCodeAt(at) === COMMA) {
    const next = scanTag(text, at + 1, end, record);
    if (typeof next === "string") return next;
    at = next;
  }
  record.tagCount = record.memberCount;
  at = skipBlanks(text, at, end);
  if (at >= end) return "missing fields";
  for (;;) {
    const next = scanField(text, at, end, record);
    if (typeof next === "string") return next;
    at = next;
    if (at >= end || text.charCodeAt(at) !== COMMA) break;
    at++;
  }
  record.fieldsEnd = at;
  return scanTime(text, at, end, record);
}

/**
 * To the unescaped comma or space that ends a measurement. Here and in tags the byte before
 * decides: a backslash cannot itself be escaped.
 */
export function nameEnd(text: string, start: number, end: number): number {
  let at = start;
  for (; at < end; at++) {
    const code = text.charCodeAt(at);
    if ((code === COMMA || code === SPACE) && !isEscaped(text, at, start)) break;
  }
  return at;
}

function isEscaped(text: string, at: number, start: number): boolean {
  return at > start && text.charCodeAt(at - 1) === BACKSLASH;
}

/** Gives the place after the tag, or what is wrong with it. */
function scanTag(text: string, start: number, end: number, record: LineRecord): number | string {
  let at = start;
  for (; at < end; at++) {
    const code = text.charCodeAt(at);
    const isEnd = code === EQUALS || code === COMMA || code === SPACE;
    if (isEnd && !isEscaped(text, at, start)) break;
  }
  if (at === start) return "missing tag key";
  if (at >= end || text.charCodeAt(at) !== EQUALS) return "missing tag value";
  const member = record.add(start, at);
  member.kind = MEMBER.tag;
  member.valueStart = ++at;
  for (; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code > EQUALS && code !== BACKSLASH) continue;
    if (code < SPACE || code === QUOTE || code === BACKSLASH) member.isPlain = false;
    else if (code !== EQUALS && code !== COMMA && code !== SPACE) continue;
    else if (isEscaped(text, at, member.valueStart)) continue;
    else if (code === EQUALS) return "invalid tag format";
    else break;
  }
  member.valueEnd = at;
  if (member.valueEnd === member.valueStart) return "missing tag value";
  return at >= end ? "missing fields" : at;
}

/** Gives the place after the field, which is a comma, a space or the end, or what is wrong. */
function scanField(text: string, start: number, end: number, record: LineRecord): number | string {
  let at = start;
  for (; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at++;
    else if (code === EQUALS || code === COMMA || code === SPACE) break;
  }
  if (at >= end || text.charCodeAt(at) !== EQUALS) return "invalid field format";
  if (at === start) return "missing field key";
  // Its backslash may be escaped itself; InfluxDB takes it for the escape of the sign all the same.
  if (isEscaped(text, at, start)) return "invalid field format";
  const member = record.add(start, at);
  at++;
  const first = text.charCodeAt(at);
  if (at >= end || first === COMMA || first === SPACE) return "missing field value";
  if (first === QUOTE) return scanString(text, at + 1, end, member);
  let stop = at;
  for (; stop < end; stop++) {
    const code = text.charCodeAt(stop);
    if (code === COMMA || code === SPACE) break;
  }
  member.valueStart = at;
  member.valueEnd = stop;
  const isNumber = first === MINUS || first === DOT || (first >= ZERO && first <= NINE);
  const problem = isNumber ? readNumber(text, member) : readWord(text, member);
  return problem ?? stop;
}

function scanString(text: string, start: number, end: number, member: Member): number | string {
  let at = start;
  for (; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) break;
    if (code < SPACE) member.isPlain = false;
    else if (code === BACKSLASH) {
      member.isPlain = false;
      at++;
    }
  }
  if (at >= end) return "unbalanced quotes";
  member.kind = MEMBER.string;
  member.valueStart = start;
  member.valueEnd = at;
  const next = text.charCodeAt(at + 1);
  if (at + 1 < end && next !== COMMA && next !== SPACE) return "invalid field format";
  return at + 1;
}

const LETTER_I = 105;
const LETTER_U = 117;
/** Integers of so many digits fit 64 bits; floats of so many never overflow. */
const PLAIN_INTEGER_DIGITS = 18;
const PLAIN_FLOAT_DIGITS = 40;
const FLOAT = /^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const INTEGER = /^-?\d+$/;

function readNumber(text: string, member: Member): string | undefined {
  const { valueStart: start } = member;
  const suffix = text.charCodeAt(member.valueEnd - 1);
  const isInteger = suffix === LETTER_I || suffix === LETTER_U;
  if (isInteger) member.valueEnd--;
  const { valueEnd: end } = member;
  const first = text.charCodeAt(start) === MINUS ? start + 1 : start;
  let dots = 0;
  let at = first;
  for (; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === DOT) dots++;
    else if (code < ZERO || code > NINE) break;
  }
  const digits = end - first - dots;
  const hasLeadingZero = text.charCodeAt(first) === ZERO && end - first > 1;
  if (isInteger) {
    member.kind = suffix === LETTER_I ? MEMBER.integer : MEMBER.unsigned;
    const isLegal = at === end && dots === 0 && digits > 0;
    if (!isLegal || (suffix === LETTER_U && first > start)) return "invalid number";
    const isMinusZero = first > start && text.charCodeAt(first) === ZERO;
    member.isPlain = digits <= PLAIN_INTEGER_DIGITS && !hasLeadingZero && !isMinusZero;
    return undefined;
  }
  member.kind = MEMBER.float;
  const isSimple = at === end && dots <= 1 && digits > 0 && digits <= PLAIN_FLOAT_DIGITS;
  const hasBoth = text.charCodeAt(first) !== DOT && text.charCodeAt(end - 1) !== DOT;
  const hasOneZero = !hasLeadingZero || text.charCodeAt(first + 1) === DOT;
  member.isPlain = isSimple && hasBoth && hasOneZero;
  if (member.isPlain || FLOAT.test(text.slice(start, end))) return undefined;
  return "invalid number";
}

const TRUE_WORDS: ReadonlySet<string> = new Set(["t", "T", "true", "True", "TRUE"]);
const FALSE_WORDS: ReadonlySet<string> = new Set(["f", "F", "false", "False", "FALSE"]);

function readWord(text: string, member: Member): string | undefined {
  const word = text.slice(member.valueStart, member.valueEnd);
  if (TRUE_WORDS.has(word)) member.kind = MEMBER.true;
  else if (FALSE_WORDS.has(word)) member.kind = MEMBER.false;
  // JSON has no words for NaN and the infinities, and neither has the protocol.
  else return /^n/i.test(word) ? "invalid number" : "invalid boolean";
  return undefined;
}

function scanTime(
  text: string,
  start: number,
  end: number,
  record: LineRecord,
): string | undefined {
  const first = skipBlanks(text, start, end);
  let at = first;
  for (; at < end && text.charCodeAt(at) !== SPACE; at++);
  record.timeStart = first;
  record.timeEnd = at;
  if (first < at && !INTEGER.test(text.slice(first, at))) return "bad timestamp";
  return skipBlanks(text, at, end) < end ? "point is invalid" : undefined;
}

/** Undoes the escapes of a name or a tag's value. A backslash before anything else stays. */
export function unescapeName(raw: string, kind: "measurement" | "tag" | "field"): string {
  if (!raw.includes("\\")) return raw;
  return kind === "tag" ? raw.replace(/\\([,= ])/g, "$1") : raw.replace(/\\([,= "])/g, "$1");
}

export function unescapeString(raw: string): string {
  return raw.includes("\\") ? raw.replace(/\\(["\\])/g, "$1") : raw;
}
