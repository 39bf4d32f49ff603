/**
 * The event stream of Nexmark: people, their auctions, and bids on them, in the proportions, with
 * the hot spots, sizes and id ranges of the public definition (github.com/nexmark/nexmark, which
 * follows Apache Beam's). The same options give the same events, and each event can be made by its
 * number alone. Their random numbers are our own, so ids and times agree with other generators, and
 * names, prices and choices have the same distributions.
 */
import { Random } from "./random.ts";
import { filling, randomText } from "./text.ts";

export interface NexmarkOptions {
  readonly seed: number;
  /** Event time of the first event. */
  readonly startMs: number;
  /** Of event time, not of the clock. */
  readonly eventsPerSecond: number;
  /** Events are shuffled within groups of so many; 1: they are in order. */
  readonly outOfOrderGroup: number;
}

export const NEXMARK: NexmarkOptions = {
  seed: 1,
  startMs: Date.UTC(2015, 6, 15),
  eventsPerSecond: 10_000,
  outOfOrderGroup: 1,
};

export interface Person {
  readonly kind: "person";
  readonly id: number;
  readonly name: string;
  readonly email_address: string;
  readonly credit_card: string;
  readonly city: string;
  readonly state: string;
  /** Milliseconds, as all times. */
  readonly date_time: number;
  readonly extra: string;
}

export interface Auction {
  readonly kind: "auction";
  readonly id: number;
  readonly item_name: string;
  readonly description: string;
  /** Cents, as all prices. */
  readonly initial_bid: number;
  readonly reserve: number;
  readonly date_time: number;
  readonly expires: number;
  readonly seller: number;
  readonly category: number;
  readonly extra: string;
}

export interface Bid {
  readonly kind: "bid";
  readonly auction: number;
  readonly bidder: number;
  readonly price: number;
  readonly channel: string;
  readonly url: string;
  readonly date_time: number;
  readonly extra: string;
}

export type NexmarkEvent = Person | Auction | Bid;

/** Of 50 events, this many are of each kind, in this order. */
const PERSONS = 1;
const AUCTIONS = 3;
export const EPOCH = 50;

const FIRST_ID = 1000;
const FIRST_CATEGORY = 10;
const CATEGORIES = 5;
/** Ids run so far ahead of what exists: an auction may be seen before its seller. */
const ID_LEAD = 10;
const AUCTIONS_IN_FLIGHT = 100;
const ACTIVE_PEOPLE = 1000;
/** Until so many auctions have begun. */
const EVENTS_IN_FLIGHT = Math.floor((AUCTIONS_IN_FLIGHT * EPOCH) / AUCTIONS);

/** One in so many bids goes to any auction; the others to the hot one. */
const HOT_AUCTION_RATIO = 2;
const HOT_SELLER_RATIO = 4;
const HOT_BIDDER_RATIO = 4;
/** The first (of bidders: the second) of so many is hot. */
const HOT_STRIDE = 100;

const PERSON_BYTES = 200;
const AUCTION_BYTES = 500;
const BID_BYTES = 100;

const STATES = ["AZ", "CA", "ID", "OR", "WA", "WY"];
const CITIES = [
  ...["Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland"],
  ...["Bend", "Redmond", "Seattle", "Kent", "Cheyenne"],
];
const FIRST_NAMES = [
  ...["Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter"],
  "Walter",
];
const LAST_NAMES = [
  ...["Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"],
];
const HOT_CHANNELS = ["Google", "Facebook", "Baidu", "Apple"];
const CHANNELS = 10_000;

/**
 * One event of each kind that closes the windows before `timeMs`, as the end of a bounded stream
 * does elsewhere. Nothing else refers to its ids.
 */
export function closingEvents(timeMs: number): readonly [Person, Auction, Bid] {
  const nothing = { extra: "", date_time: timeMs };
  const address = { email_address: "", credit_card: "", city: "", state: "" };
  const prices = { initial_bid: 0, reserve: 0 };
  const item = { item_name: "", description: "", expires: timeMs, category: 0 };
  return [
    { kind: "person", id: -1, name: "", ...address, ...nothing },
    { kind: "auction", id: -2, seller: -3, ...item, ...prices, ...nothing },
    { kind: "bid", auction: -4, bidder: -5, price: 0, channel: "", url: "", ...nothing },
  ];
}

/** Makes any event of one stream by its place in it, counted from 0. */
export class NexmarkGenerator {
  readonly #options: NexmarkOptions;
  readonly #random = new Random();
  readonly #hotUrls: readonly string[];
  readonly #urls = new Map<number, string>();

  constructor(options: NexmarkOptions = NEXMARK) {
    this.#options = options;
    this.#random.begin(options.seed, -1);
    this.#hotUrls = HOT_CHANNELS.map(() => baseUrl(this.#random));
  }

  at(place: number): NexmarkEvent {
    const number = this.#shuffled(place);
    this.#random.begin(this.#options.seed, number);
    const rest = number % EPOCH;
    if (rest < PERSONS) return this.#person(number);
    return rest < PERSONS + AUCTIONS ? this.#auction(number) : this.#bid(number);
  }

  timeOf(number: number): number {
    const { startMs, eventsPerSecond } = this.#options;
    return startMs + Math.floor((number * 1000) / eventsPerSecond);
  }

  /** Which event stands in a place: within a group, multiples of a prime go round. */
  #shuffled(place: number): number {
    const size = this.#options.outOfOrderGroup;
    return place - (place % size) + ((place * 953) % size);
  }

  #person(number: number): Person {
    const random = this.#random;
    const name = `${pick(random, FIRST_NAMES)} ${pick(random, LAST_NAMES)}`;
    const email = `${randomText(random, 7)}@${randomText(random, 5)}.com`;
    const card = Array.from({ length: 4 }, () => String(random.below(10_000)).padStart(4, "0"));
    const credit_card = card.join(" ");
    const city = pick(random, CITIES);
    const state = pick(random, STATES);
    const size = 8 + name.length + email.length + credit_card.length + city.length + state.length;
    return {
      kind: "person",
      id: FIRST_ID + lastPerson(number),
      name,
      email_address: email,
      credit_card,
      city,
      state,
      date_time: this.timeOf(number),
      extra: filling(random, size, PERSON_BYTES),
    };
  }

  #auction(number: number): Auction {
    const random = this.#random;
    const last = lastPerson(number);
    const isHot = random.below(HOT_SELLER_RATIO) > 0;
    const seller = isHot ? hot(last) : anyPerson(random, last);
    const category = FIRST_CATEGORY + random.below(CATEGORIES);
    const initial_bid = price(random);
    const date_time = this.timeOf(number);
    // On average as long as it takes until as many auctions have begun as run at a time.
    const horizon = this.timeOf(number + EVENTS_IN_FLIGHT) - date_time;
    const expires = date_time + 1 + random.below(Math.max(horizon * 2, 1));
    const item_name = randomText(random, 20);
    const description = randomText(random, 100);
    const reserve = initial_bid + price(random);
    const size = 8 + item_name.length + description.length + 8 * 5;
    return {
      kind: "auction",
      id: FIRST_ID + lastAuction(number),
      item_name,
      description,
      initial_bid,
      reserve,
      date_time,
      expires,
      seller: FIRST_ID + seller,
      category,
      extra: filling(random, size, AUCTION_BYTES),
    };
  }

  #bid(number: number): Bid {
    const random = this.#random;
    const lastOne = lastAuction(number);
    const isHotAuction = random.below(HOT_AUCTION_RATIO) > 0;
    const auction = isHotAuction ? hot(lastOne) : anyAuction(random, lastOne);
    const last = lastPerson(number);
    const isHotBidder = random.below(HOT_BIDDER_RATIO) > 0;
    // The second of a hundred, so that hot bidders and hot sellers are not the same.
    const bidder = isHotBidder ? hot(last) + 1 : anyPerson(random, last);
    const amount = price(random);
    const isHotChannel = random.below(2) > 0;
    const channel = random.below(isHotChannel ? HOT_CHANNELS.length : CHANNELS);
    return {
      kind: "bid",
      auction: FIRST_ID + auction,
      bidder: FIRST_ID + bidder,
      price: amount,
      channel: isHotChannel ? (HOT_CHANNELS[channel] ?? "") : `channel-${channel}`,
      url: isHotChannel ? (this.#hotUrls[channel] ?? "") : this.#urlOf(channel),
      date_time: this.timeOf(number),
      extra: filling(random, 8 * 4, BID_BYTES),
    };
  }

  /** A channel has one address throughout; nine of ten name the channel. */
  #urlOf(channel: number): string {
    const known = this.#urls.get(channel);
    if (known !== undefined) return known;
    const random = new Random();
    random.begin(this.#options.seed, -2 - channel);
    const url = baseUrl(random);
    const full = random.below(10) > 0 ? `${url}&channel_id=${random.bits() >>> 1}` : url;
    this.#urls.set(channel, full);
    return full;
  }
}

function pick(random: Random, values: readonly string[]): string {
  return values[random.below(values.length)] ?? "";
}

/** From 1.00 to 1,000,000.00, as likely from 1 to 10 as from 10 to 100. */
function price(random: Random): number {
  return Math.round(10 ** (random.share() * 6) * 100);
}

function baseUrl(random: Random): string {
  const part = (): string => randomText(random, 5, "_");
  return `https://www.nexmark.com/${part()}/${part()}/${part()}/item.htm?query=1`;
}

/** The newest person, counted from 0, when the event happens. */
function lastPerson(number: number): number {
  return Math.floor(number / EPOCH);
}

/** The newest auction, counted from 0: -1 before the first. */
function lastAuction(number: number): number {
  const epoch = Math.floor(number / EPOCH);
  const rest = number % EPOCH;
  if (rest < PERSONS) return epoch * AUCTIONS - 1;
  return epoch * AUCTIONS + Math.min(rest - PERSONS, AUCTIONS - 1);
}

function hot(last: number): number {
  return Math.floor(last / HOT_STRIDE) * HOT_STRIDE;
}

function anyPerson(random: Random, last: number): number {
  const people = last + 1;
  const active = Math.min(people, ACTIVE_PEOPLE);
  return people - active + random.below(active + ID_LEAD);
}

function anyAuction(random: Random, last: number): number {
  const oldest = Math.max(last - AUCTIONS_IN_FLIGHT, 0);
  return oldest + random.below(last - oldest + 1 + ID_LEAD);
}
