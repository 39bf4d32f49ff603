/** All subscribers of a run: what they got, how long it took, and what never came. */
import { KurobeError } from "../../core/errors.ts";
import { type LoadOutcome, outcomeOf } from "../load/outcome.ts";
import { Recorder } from "../load/recorder.ts";
import { showTarget, type Target } from "../target/target.ts";
import { readTopology, tagCountFor, type Topology } from "../target/topology.ts";
import { channelLists, fanOutOf, shardedName, subscriptionTo } from "../workload/pubsub.ts";
import { sinceStampMs } from "../workload/time-stamp.ts";
import { type Audience, DELIVERY, type Workload } from "../workload/workload.ts";
import { Subscriber, type SubscribeVerb } from "./subscriber.ts";

/** Connections that are opened at the same time. */
const AT_ONCE = 64;
const QUIET_MS = 300;
const MAX_WAIT_MS = 5000;
const FOLLOW_MS = 50;

export class Listeners implements AsyncDisposable {
  readonly #subscribers = new Set<Subscriber>();
  #recorder = new Recorder([DELIVERY]);
  #received = 0;
  #startMs = 0;
  #lastMs = 0;
  readonly #verb: SubscribeVerb;
  readonly #find: (channels: ChannelLists) => Promise<readonly Place[]>;
  readonly #closing = new AbortController();
  readonly #following = new Set<Promise<void>>();

  private constructor(
    verb: SubscribeVerb,
    find: (channels: ChannelLists) => Promise<readonly Place[]>,
  ) {
    this.#verb = verb;
    this.#find = find;
  }

  /** The workload's subscribers, on the nodes in turn; undefined where nobody listens. */
  static async open(
    nodes: readonly Target[],
    { audience, prefix }: Workload,
  ): Promise<Listeners | undefined> {
    if (audience === undefined) return undefined;
    const [first] = nodes;
    if (first === undefined) throw new Error("there is no node to subscribe at");
    const verb = verbOf(audience);
    const isByOwner = audience.by === "shards" && first.isCluster;
    const listeners = new Listeners(verb, async (channels) => {
      if (isByOwner) return await placesByOwner(nodes, prefix, audience, channels);
      return placesInTurn(nodes, prefix, audience, channels);
    });
    try {
      await listeners.#openAll(await listeners.#find(channelLists(audience)));
      return listeners;
    } catch (cause) {
      await listeners[Symbol.asyncDispose]();
      if (cause instanceof KurobeError) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      const message = `${showTarget(first)} refuses ${verb}: ${reason}`;
      const isUnknown = verb === "SSUBSCRIBE" && /unknown command/i.test(reason);
      const hint =
        "Sharded channels came with Redis 7 and are in Valkey: leave out --sharded here.";
      throw new KurobeError("KRB_BENCH_WORKLOAD", message, {
        cause,
        ...(isUnknown ? { hint } : {}),
      });
    }
  }

  /** From here on messages count. */
  begin(nowMs: number): void {
    this.#recorder = new Recorder([DELIVERY]);
    this.#recorder.begin(nowMs);
    this.#received = 0;
    this.#startMs = nowMs;
    this.#lastMs = nowMs;
  }

  /** What the warm-up sent must not count as the run's. */
  async quiet(): Promise<void> {
    this.#lastMs = performance.now();
    await this.#settle(Number.POSITIVE_INFINITY);
  }

  /** An interval of the run has passed. */
  roll(nowMs: number): void {
    this.#recorder.roll(nowMs);
  }

  /**
   * What the run came to, deliveries included, once everything is there or nothing came for a
   * while: what is then missing is lost. Its intervals and errors are those of the deliveries.
   */
  async heard(outcome: LoadOutcome, { audience }: Workload): Promise<LoadOutcome> {
    const published = outcome.operations.reduce((sum, { succeeded }) => sum + succeeded, 0);
    const expected = audience === undefined ? 0 : published * fanOutOf(audience);
    await this.#settle(expected);
    const endMs = Math.max(this.#lastMs, this.#startMs + outcome.elapsedMs);
    this.#recorder.roll(endMs);
    const lost = Math.max(0, expected - this.#received);
    if (lost > 0) this.#recorder.fail(0, "lost_message", "a message never came", lost);
    const heard = outcomeOf(this.#recorder, {
      ...{ startedAt: outcome.startedAt, endedBy: outcome.endedBy, isOpenLoop: false },
      ...{ elapsedMs: endMs - this.#startMs, client: outcome.client },
    });
    return {
      ...outcome,
      elapsedMs: heard.elapsedMs,
      operations: [...outcome.operations, ...heard.operations],
      errors: { ...outcome.errors, ...heard.errors },
      samples: [...outcome.samples, ...heard.samples].slice(0, 10),
      bytesIn: outcome.bytesIn + heard.bytesIn,
      reconnects: outcome.reconnects + heard.reconnects,
      points: heard.points,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    for (const subscriber of this.#subscribers) subscriber.close();
    await Promise.all(this.#following);
  }

  async #settle(expected: number): Promise<void> {
    const startMs = performance.now();
    while (this.#received < expected) {
      const nowMs = performance.now();
      const quietMs = nowMs - Math.max(startMs, this.#lastMs);
      if (quietMs > QUIET_MS || nowMs - startMs > MAX_WAIT_MS) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async #openAll(places: readonly Place[]): Promise<void> {
    for (let from = 0; from < places.length; from += AT_ONCE) {
      const some = places.slice(from, from + AT_ONCE).map((place) => this.#add(place));
      try {
        await Promise.all(some.map((subscriber) => subscriber.open()));
      } catch (error) {
        for (const subscriber of some) this.#remove(subscriber);
        throw error;
      }
    }
  }

  #add(place: Place): Subscriber {
    const subscriber = new Subscriber(place.node, this.#verb, place.names, {
      received: (stamp, atMs) => {
        this.#received += 1;
        this.#lastMs = atMs;
        if (Number.isNaN(stamp)) this.#recorder.fail(0, "unexpected_message", "no time in it");
        else this.#recorder.record(0, sinceStampMs(stamp, atMs), 1);
      },
      read: (bytes) => (this.#recorder.bytesIn += bytes),
      lost: (reason) => this.#recorder.fail(-1, "subscriber_lost", reason),
      returned: () => (this.#recorder.reconnects += 1),
      moved: () => {
        // The server says it once for each channel.
        if (!this.#subscribers.has(subscriber)) return;
        this.#remove(subscriber);
        this.#recorder.fail(-1, "subscriber_lost", "the slot of a channel has moved");
        const following = this.#follow(place).finally(() => this.#following.delete(following));
        this.#following.add(following);
      },
    });
    this.#subscribers.add(subscriber);
    return subscriber;
  }

  #remove(subscriber: Subscriber): void {
    subscriber.close();
    this.#subscribers.delete(subscriber);
  }

  /** Subscribes again where the channels are now; until then nodes may not agree on it. */
  async #follow({ channels }: Place): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        await this.#openAll(await this.#find([channels]));
        this.#recorder.reconnects += 1;
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS));
      }
    }
  }
}

type ChannelLists = ReturnType<typeof channelLists>;

/** One connection, and what it subscribes to. */
interface Place {
  readonly node: Target;
  readonly channels: readonly number[];
  readonly names: readonly string[];
}

function verbOf({ by }: Audience): SubscribeVerb {
  if (by === undefined) return "SUBSCRIBE";
  return by === "patterns" ? "PSUBSCRIBE" : "SSUBSCRIBE";
}

function placesInTurn(
  nodes: readonly Target[],
  prefix: string,
  audience: Audience,
  lists: ChannelLists,
): readonly Place[] {
  return lists.flatMap((channels, index) => {
    const node = nodes[index % nodes.length];
    const names = channels.map((channel) => subscriptionTo(channel, prefix, audience));
    return node === undefined ? [] : [{ node, channels, names }];
  });
}

/** A subscriber has one connection to each node that owns one of its channels. */
async function placesByOwner(
  nodes: readonly Target[],
  prefix: string,
  audience: Audience,
  lists: ChannelLists,
): Promise<readonly Place[]> {
  const { masters, ownerByTag } = await readAnyTopology(nodes);
  const tagCount = tagCountFor(audience.channels);
  return lists.flatMap((list) =>
    masters.flatMap((node, index) => {
      const channels = list.filter((channel) => ownerByTag[channel % tagCount] === index);
      const names = channels.map((channel) => shardedName(channel, prefix, channel % tagCount));
      return names.length === 0 ? [] : [{ node, channels, names }];
    }),
  );
}

/** As the first node tells it that answers. */
async function readAnyTopology(nodes: readonly Target[]): Promise<Topology> {
  let reason: unknown;
  for (const node of nodes) {
    try {
      return await readTopology(node);
    } catch (error) {
      reason = error;
    }
  }
  throw reason;
}
