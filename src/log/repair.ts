/**
 * Makes a damaged log usable again and says what that costs. Nothing is deleted: whatever cannot be
 * part of one unbroken run of entries is moved to `damaged/<n>/` inside the log's directory.
 *
 * Which run is kept depends on what the newest checkpoint stands for, as entries below its position
 * are in the chunks already:
 * - Damage in segments that lie below it entirely: those and older ones are set aside.
 * - Damage at or above it: the log is cut there; what follows cannot be applied without it.
 * - Damage below it in the segment that it points into: the readable entries from its position on
 *   are copied to a new segment, and all else is set aside.
 */
import { randomUUID } from "node:crypto";
import { basename } from "node:path";
import { type Clock, systemClock } from "../core/clock.ts";
import { type Disk } from "../core/disk.ts";
import { accessError, type Damage } from "./log-failures.ts";
import { cutFile, setAside } from "./set-aside.ts";
import { salvage } from "./salvage.ts";
import { segmentPath } from "./segment-files.ts";
import { fileDamages, strayDamages, type Survey, surveyLog, type SurveyedFile } from "./verify.ts";

export interface RepairOptions {
  readonly disk: Disk;
  readonly clock?: Clock;
  /** What the newest checkpoint knows of the log: it needs the entries from `nextPosition` on. */
  readonly required?: { readonly logId: string; readonly nextPosition: number };
}

export interface PositionRange {
  readonly first: number;
  readonly last: number;
}

export interface LogRepair {
  /** Empty where the log was sound, and nothing was done. */
  readonly damages: readonly Damage[];
  /** The files moved or copied to `damaged/`. */
  readonly setAside: readonly string[];
  /** The log now: its first entry, and the position that the next one gets. */
  readonly firstPosition: number;
  readonly nextPosition: number;
  /** Entries that were in the log and are not any more, as far as anything names them. */
  readonly lost: readonly PositionRange[];
  /** Of those, the ones that no checkpoint holds: rows that are gone. */
  readonly lostForGood: readonly PositionRange[];
}

/** The part of the survey that stays, and where it is cut. */
interface Kept {
  readonly files: readonly SurveyedFile[];
  /** The last of `files` ends here, and has more bytes than that. */
  readonly cutAt: number | undefined;
  readonly nextPosition: number;
}

/** The log must not be open. Interrupted at any point, it can be run again. */
export async function repairLog(directory: string, options: RepairOptions): Promise<LogRepair> {
  try {
    return await repair(directory, options);
  } catch (error) {
    throw accessError(directory, error);
  }
}

async function repair(directory: string, options: RepairOptions): Promise<LogRepair> {
  const { disk, required } = options;
  const survey = await surveyLog(directory, disk);
  const { files, listing } = survey;
  const [finished] = listing.repaired;
  if (finished !== undefined) return finishSalvage(directory, finished, survey, options);
  const end = files.at(-1)?.content?.scan.end.position ?? 1;
  const firstPosition = files[0]?.firstPosition ?? end;
  const firstNeeded = required?.nextPosition ?? firstPosition;
  const damages = [
    ...strayDamages(directory, listing),
    ...foreignDamages(files, required?.logId),
    ...fileDamages(files),
    ...(end < firstNeeded ? [shortDamage(directory, end, firstNeeded)] : []),
  ];
  if (damages.length === 0) {
    const nothing = { damages, setAside: [], lost: [], lostForGood: [] };
    return { ...nothing, firstPosition, nextPosition: end };
  }
  const kept = keptRun(files, firstNeeded, required?.logId);
  if (kept === undefined) {
    const salvaged = await salvage(directory, survey, firstNeeded, {
      disk,
      clock: options.clock ?? systemClock,
      logId: required?.logId ?? anyLogId(files) ?? randomUUID().replaceAll("-", ""),
    });
    const report = await finishSalvage(directory, salvaged, survey, options);
    return { ...report, damages };
  }
  const aside = await trim(directory, survey, kept, disk);
  const [oldest] = kept.files;
  const { nextPosition } = kept;
  const range = { firstPosition: oldest?.firstPosition ?? nextPosition, nextPosition };
  return { damages, setAside: aside, ...range, ...losses(files, range, firstNeeded) };
}

function foreignDamages(
  files: readonly SurveyedFile[],
  logId: string | undefined,
): readonly Damage[] {
  if (logId === undefined) return [];
  const foreign = files.filter((file) => idOf(file) !== undefined && idOf(file) !== logId);
  return foreign.map(({ path, firstPosition }) => ({
    path,
    offset: 0,
    position: firstPosition,
    reason: "it belongs to another log than the checkpoint",
  }));
}

function shortDamage(directory: string, end: number, firstNeeded: number): Damage {
  const reason = `the log ends here, but a checkpoint stands for entry ${firstNeeded - 1}`;
  return { path: directory, offset: 0, position: end, reason };
}

/**
 * The run of whole files, the last one perhaps cut, that holds `firstNeeded` or ends right before
 * it; nothing where there is none.
 */
function keptRun(
  files: readonly SurveyedFile[],
  firstNeeded: number,
  logId: string | undefined,
): Kept | undefined {
  const isOurs = (file: SurveyedFile): boolean => logId === undefined || idOf(file) === logId;
  // From behind the last break that lies below what is needed.
  let start = 0;
  for (const [index, file] of files.entries()) {
    const previous = files[index - 1];
    if (previous === undefined || file.firstPosition > firstNeeded) continue;
    const isSound = previous.damage === undefined && file.gap === undefined && isOurs(previous);
    if (!isSound) start = index;
  }
  const run: SurveyedFile[] = [];
  let cutAt: number | undefined;
  let nextPosition = files[start]?.firstPosition ?? 0;
  for (const file of files.slice(start)) {
    if (file.content === undefined || !isOurs(file)) break;
    if (run.length > 0 && file.gap !== undefined) break;
    const { end } = file.content.scan;
    run.push(file);
    nextPosition = end.position;
    cutAt = file.damage === undefined ? undefined : end.offset;
    if (cutAt !== undefined) break;
  }
  const holdsNeeded = run.length > 0 && nextPosition >= firstNeeded;
  return holdsNeeded ? { files: run, cutAt, nextPosition } : undefined;
}

/** From the newest to the oldest, so that an interruption leaves a log with the same damage. */
async function trim(
  directory: string,
  { files, listing }: Survey,
  kept: Kept,
  disk: Disk,
): Promise<readonly string[]> {
  const last = kept.files.at(-1);
  const keptPaths = new Set(kept.files.map(({ path }) => path));
  const after = files.filter((file) => isAfter(file, last)).toReversed();
  const before = files.filter((file) => !keptPaths.has(file.path) && !after.includes(file));
  const moved = [...listing.strangers, ...after.map(({ path }) => path)];
  const aside = await setAside(directory, [...moved, ...before.map(({ path }) => path)], disk);
  if (last === undefined || kept.cutAt === undefined) return aside;
  return [...aside, await cutFile(directory, last.path, kept.cutAt, disk)];
}

function isAfter(file: SurveyedFile, last: SurveyedFile | undefined): boolean {
  return last !== undefined && file.firstPosition > last.firstPosition;
}

/** Once the copy is whole, everything else makes room for it: this can be repeated at any point. */
async function finishSalvage(
  directory: string,
  salvaged: string,
  { files, listing }: Survey,
  { disk, required }: RepairOptions,
): Promise<LogRepair> {
  const old = [...listing.strangers, ...files.map(({ path }) => path)];
  const aside = await setAside(directory, old, disk);
  const firstPosition = Number(basename(salvaged).slice(0, 20));
  await disk.rename(salvaged, segmentPath(directory, firstPosition));
  await disk.syncDirectory(directory);
  const now = await surveyLog(directory, disk);
  const nextPosition = now.files.at(-1)?.content?.scan.end.position ?? firstPosition;
  const range = { firstPosition, nextPosition };
  const lost = losses(files, range, required?.nextPosition ?? firstPosition);
  return { damages: strayDamages(directory, listing), setAside: aside, ...range, ...lost };
}

function losses(
  files: readonly SurveyedFile[],
  kept: { readonly firstPosition: number; readonly nextPosition: number },
  firstNeeded: number,
): Pick<LogRepair, "lost" | "lostForGood"> {
  const first = Math.min(...files.map(({ firstPosition }) => firstPosition));
  const last = Math.max(...files.map(({ lastPosition }) => lastPosition));
  const lost = [
    { first, last: Math.min(last, kept.firstPosition - 1) },
    { first: Math.max(first, kept.nextPosition), last },
  ].filter((range) => range.first <= range.last);
  const forGood = lost.map((range) => ({ ...range, first: Math.max(range.first, firstNeeded) }));
  return { lost, lostForGood: forGood.filter((range) => range.first <= range.last) };
}

function idOf(file: SurveyedFile): string | undefined {
  return file.content?.segment.header.logId;
}

function anyLogId(files: readonly SurveyedFile[]): string | undefined {
  return files.map(idOf).find((id) => id !== undefined);
}
