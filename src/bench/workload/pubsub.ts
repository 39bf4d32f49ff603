/** Publishers, channels and subscribers: every message goes to all that listen to its channel. */
import { KurobeError } from "../../core/errors.ts";
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
  return {
    name: "pubsub",
    prefix,
    keyspaces: [
      {
        name: "",
        keyCount: UNUSED_KEYS,
        distribution: { kind: "uniform" },
        value: { kind: "fixed", bytes: messageBytes - LEAST_MESSAGE_BYTES },
        memberCount: channels,
        memberDistribution: { kind: "uniform" },
        hitRatio: 1,
        fill: [],
      },
    ],
    operations: [
      {
        name: "PUBLISH",
        keyspace: "",
        weight: 1,
        steps: [["PUBLISH", "{prefix}channel:{member}", "{now}{value}"]],
        expect: EXPECTATIONS.integer,
        missOn: 0,
      },
    ],
    setup: [],
    audience: { channels, subscribers, subscriptions },
  };
}

/** How many subscribers get each message. */
export function fanOutOf({ channels, subscribers, subscriptions }: Audience): number {
  return (subscribers * subscriptions) / channels;
}

/** Names of the channels that each subscriber listens to. */
export function channelLists(
  prefix: string,
  { channels, subscribers, subscriptions }: Audience,
): readonly (readonly string[])[] {
  return Array.from({ length: subscribers }, (_, subscriber) =>
    Array.from({ length: subscriptions }, (_, index) => {
      const channel = (subscriber * subscriptions + index) % channels;
      return `${prefix}channel:${String(channel).padStart(DIGITS, "0")}`;
    }),
  );
}
