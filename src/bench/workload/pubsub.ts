/** Publishers, channels and subscribers: every message goes to all that listen to its channel. */
import { KurobeError } from "../../core/errors.ts";
import { TAG_DIGITS } from "./compile.ts";
import { EXPECTATIONS } from "./operation-table.ts";
import { type Audience, DIGITS, type Workload } from "./workload.ts";

export interface PubsubOptions {
  readonly channels: number;
  /** Connections that listen. */
  readonly subscribers: number;
  /** Channels that one of them listens to. */
  readonly subscriptions: number;
  /** Of one message: 12 hold the time. */
  readonly messageBytes: number;
  /** Undefined for SUBSCRIBE; `patterns` for PSUBSCRIBE, `shards` for SSUBSCRIBE. */
  readonly by?: Audience["by"] | undefined;
  readonly prefix: string;
}

export const LEAST_MESSAGE_BYTES = 12;
/** A cluster wants keys on each master; none of these is ever made. */
const UNUSED_KEYS = 1024;

/** Throws KRB_BENCH_WORKLOAD where channels would have different numbers of listeners. */
export function pubsubWorkload(options: PubsubOptions): Workload {
  const { channels, subscribers, subscriptions, messageBytes, prefix } = options;
  if (subscriptions > channels || (subscribers * subscriptions) % channels !== 0) {
    throw new KurobeError(
      "KRB_BENCH_WORKLOAD",
      `${subscribers} subscribers of ${subscriptions} channels each do not spread evenly over ${channels} channels`,
      { hint: "Subscribers times subscriptions have to be a multiple of the channels." },
    );
  }
  const { by } = options;
  const keyspace = {
    distribution: { kind: "uniform" },
    value: { kind: "fixed", bytes: messageBytes - LEAST_MESSAGE_BYTES },
    memberDistribution: { kind: "uniform" },
    hitRatio: 1,
    fill: [],
  } as const;
  const operation = { weight: 1, expect: EXPECTATIONS.integer, missOn: 0 } as const;
  // A sharded channel has a slot as a key has: it goes the way of a key.
  const sharded = {
    keyspaces: [{ ...keyspace, name: "channel", keyCount: channels, memberCount: 1 }],
    operations: [
      {
        ...{ ...operation, name: "SPUBLISH", keyspace: "channel" },
        steps: [["SPUBLISH", "{key}", "{now}{value}"]],
      },
    ],
  };
  const plain = {
    keyspaces: [{ ...keyspace, name: "", keyCount: UNUSED_KEYS, memberCount: channels }],
    operations: [
      {
        ...{ ...operation, name: "PUBLISH", keyspace: "" },
        steps: [["PUBLISH", "{prefix}channel:{member}", "{now}{value}"]],
      },
    ],
  };
  return {
    ...{ name: by === undefined ? "pubsub" : `pubsub-${by}`, prefix, setup: [] },
    ...(by === "shards" ? sharded : plain),
    audience: { channels, subscribers, subscriptions, ...(by === undefined ? {} : { by }) },
  };
}

/** How many subscribers get each message. */
export function fanOutOf({ channels, subscribers, subscriptions }: Audience): number {
  return (subscribers * subscriptions) / channels;
}

/** Numbers of the channels that each subscriber listens to. */
export function channelLists({
  channels,
  subscribers,
  subscriptions,
}: Audience): readonly (readonly number[])[] {
  return Array.from({ length: subscribers }, (_, subscriber) =>
    Array.from(
      { length: subscriptions },
      (_, index) => (subscriber * subscriptions + index) % channels,
    ),
  );
}

/** What one subscription names: a channel, or a pattern that it alone matches. */
export function subscriptionTo(channel: number, prefix: string, { by }: Audience): string {
  const digits = String(channel).padStart(DIGITS, "0");
  if (by !== "patterns") return `${prefix}channel:${digits}`;
  return `${prefix.replaceAll(/[*?[\]\\]/g, "\\$&")}channel:${digits}*`;
}

/** The name of a sharded channel in a cluster, with the slot tag that keys have there. */
export function shardedName(channel: number, prefix: string, tag: number): string {
  const digits = String(channel).padStart(DIGITS, "0");
  return `${prefix}channel:{${String(tag).padStart(TAG_DIGITS, "0")}}:${digits}`;
}
