/**
 * The directory entries of the simulated disk: which are durable, and which changes a power loss
 * may still undo. Each change is undone or kept by itself, except that changes of one name keep
 * their order: a later one never survives an earlier one of the same name.
 */
import { dirname } from "node:path";
import { type Random } from "./random.ts";

export type Names<T> = ReadonlyMap<string, T>;

interface NameChange<T> {
  readonly path: string;
  /** What the name stands for afterwards; nothing when it is gone. */
  readonly node: T | undefined;
}

/** One call: a rename changes two names at once. */
type Step<T> = readonly NameChange<T>[];

export class SimNames<T> {
  readonly #durable = new Map<string, T>();
  readonly #current = new Map<string, T>();
  #pending: Step<T>[] = [];

  get current(): Names<T> {
    return this.#current;
  }

  /** Whether a power loss could still bring it back. */
  mentions(node: T): boolean {
    const isPending = this.#pending.some((step) => step.some((change) => change.node === node));
    return isPending || [...this.#durable.values()].includes(node);
  }

  change(step: Step<T>): void {
    apply(this.#current, step);
    this.#pending.push(step);
  }

  /** Of something that is durable by itself. */
  setDurable(path: string, node: T): void {
    this.#current.set(path, node);
    this.#durable.set(path, node);
  }

  /** A sync of a directory: its pending changes, and those that they build on. */
  commit(directory: string): void {
    const isWanted = new Set<Step<T>>();
    const names = new Set<string>();
    for (const step of this.#pending.toReversed()) {
      const isNeeded = step.some(({ path }) => dirname(path) === directory || names.has(path));
      if (!isNeeded) continue;
      isWanted.add(step);
      for (const { path } of step) names.add(path);
    }
    for (const step of this.#pending) if (isWanted.has(step)) apply(this.#durable, step);
    this.#pending = this.#pending.filter((step) => !isWanted.has(step));
  }

  /** The names after a power loss, one of many legal outcomes. */
  afterPowerLoss(random: Random): Names<T> {
    const survival = random.pick([0, 0.5, 0.8, 1]);
    const names = new Map(this.#durable);
    const undone = new Set<string>();
    for (const step of this.#pending) {
      const isBlocked = step.some(({ path }) => undone.has(path));
      if (!isBlocked && random.chance(survival)) apply(names, step);
      else for (const { path } of step) undone.add(path);
    }
    return names;
  }

  /** After the restart: what is there is durable. */
  reset(names: Names<T>): void {
    this.#durable.clear();
    this.#current.clear();
    this.#pending = [];
    for (const [path, node] of names) this.setDurable(path, node);
  }
}

function apply<T>(names: Map<string, T>, step: Step<T>): void {
  for (const { path, node } of step) {
    if (node === undefined) names.delete(path);
    else names.set(path, node);
  }
}
