import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import {
  type Auction,
  type Bid,
  NEXMARK,
  NexmarkGenerator,
  type NexmarkEvent,
  type Person,
} from "../../bench/nexmark/generator.ts";
import { ndjsonLine } from "../../bench/nexmark/ndjson.ts";

const EVENTS = 100_000;

function take(events: number, changed: Partial<typeof NEXMARK> = {}): readonly NexmarkEvent[] {
  const generator = new NexmarkGenerator({ ...NEXMARK, ...changed });
  return Array.from({ length: events }, (_, place) => generator.at(place));
}

const events = take(EVENTS);
const persons = events.filter((event): event is Person => event.kind === "person");
const auctions = events.filter((event): event is Auction => event.kind === "auction");
const bids = events.filter((event): event is Bid => event.kind === "bid");

const mean = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0) / values.length;
const share = <T>(values: readonly T[], is: (value: T) => boolean): number =>
  values.filter(is).length / values.length;

test("the first events are what they have always been", () => {
  const { extra: _, ...person } = persons[0] ?? { extra: "" };
  expect(person).toEqual({
    kind: "person",
    id: 1000,
    name: "Paul Abrams",
    email_address: "grq@bvo.com",
    credit_card: "9774 1411 5337 9407",
    city: "Boise",
    state: "ID",
    date_time: Date.UTC(2015, 6, 15),
  });
  const lines = createHash("sha256");
  for (const event of take(10_000)) lines.update(`${ndjsonLine(event)}\n`);
  expect(lines.digest("hex")).toBe(
    "3a70aded1e55f59e7e78963f28c624e59d73b1b6a1a8689c568272eb735eed29",
  );
});

test("an event does not depend on those before it", () => {
  const generator = new NexmarkGenerator();
  expect(generator.at(99_999)).toEqual(events[99_999]);
  expect(generator.at(7)).toEqual(events[7]);
});

test("another seed gives other events at the same times", () => {
  const others = take(100, { seed: 2 });
  expect(others.map(({ kind, date_time }) => [kind, date_time])).toEqual(
    events.slice(0, 100).map(({ kind, date_time }) => [kind, date_time]),
  );
  expect(others[4]).not.toEqual(events[4]);
});

test("one person, three auctions and 46 bids in fifty events, 10,000 events a second", () => {
  expect([persons.length, auctions.length, bids.length]).toEqual([2_000, 6_000, 92_000]);
  expect(events.slice(0, 5).map(({ kind }) => kind)).toEqual([
    "person",
    ...["auction", "auction", "auction"],
    "bid",
  ]);
  expect(events[99_999]?.date_time).toBe(Date.UTC(2015, 6, 15) + 9_999);
});

test("people and auctions are numbered from 1000 on", () => {
  expect(persons.map(({ id }) => id)).toEqual(persons.map((_, index) => 1000 + index));
  expect(auctions.map(({ id }) => id)).toEqual(auctions.map((_, index) => 1000 + index));
});

test("half of the bids are on the hot auction, three quarters by the hot bidder", () => {
  // Any choice may hit the hot one too, but rarely.
  const hotAuction = share(bids, ({ auction }) => (auction - 1000) % 100 === 0);
  const hotBidder = share(bids, ({ bidder }) => (bidder - 1000) % 100 === 1);
  const hotSeller = share(auctions, ({ seller }) => (seller - 1000) % 100 === 0);
  expect(hotAuction).toBeCloseTo(0.5, 1);
  expect(hotBidder).toBeCloseTo(0.75, 1);
  expect(hotSeller).toBeCloseTo(0.75, 1);
});

test("bids are on auctions that are running, or about to begin", () => {
  const wrong = events.filter((event, place) => {
    if (event.kind !== "bid") return false;
    const epoch = Math.floor(place / 50);
    const newest = 1000 + epoch * 3 + 2;
    const isRunning = event.auction >= Math.max(1000, newest - 101) && event.auction <= newest + 10;
    return !isRunning || event.bidder > 1000 + epoch + 10;
  });
  expect(wrong).toEqual([]);
});

test("prices are as likely from 1 to 10 as from 100,000 to 1,000,000", () => {
  const decades = Array.from({ length: 6 }, (_, decade) =>
    share(bids, ({ price }) => price >= 10 ** (decade + 2) && price < 10 ** (decade + 3)),
  );
  for (const decade of decades) expect(decade).toBeCloseTo(1 / 6, 2);
  expect(Math.min(...bids.map(({ price }) => price))).toBeGreaterThanOrEqual(100);
  expect(Math.max(...bids.map(({ price }) => price))).toBeLessThanOrEqual(100_000_000);
});

test("half of the bids come through four channels, the others through 10,000", () => {
  const known = share(bids, ({ channel }) => !channel.startsWith("channel-"));
  expect(known).toBeCloseTo(0.5, 2);
  const urls = new Map(bids.map(({ channel, url }) => [channel, url]));
  expect(urls.size).toBeGreaterThan(9_000);
  expect(bids.filter(({ channel, url }) => url !== urls.get(channel))).toEqual([]);
  const named = share([...urls.values()], (url) => url.includes("&channel_id="));
  expect(named).toBeCloseTo(0.9, 1);
});

test("events have the sizes of the definition, on average", () => {
  // As the definition counts: eight bytes a number, a letter a byte.
  const bidBytes = mean(bids.map(({ extra }) => 32 + extra.length));
  const personBytes = mean(
    persons.map(
      (one) =>
        8 +
        [one.name, one.email_address, one.credit_card, one.city, one.state, one.extra].join("")
          .length,
    ),
  );
  const auctionBytes = mean(
    auctions.map((one) => 48 + [one.item_name, one.description, one.extra].join("").length),
  );
  expect(bidBytes / 100).toBeCloseTo(1, 1);
  expect(personBytes / 200).toBeCloseTo(1, 1);
  expect(auctionBytes / 500).toBeCloseTo(1, 1);
});

test("auctions last as long as it takes to begin a hundred others, on average", () => {
  const lengths = auctions.map(({ date_time, expires }) => expires - date_time);
  expect(Math.min(...lengths)).toBeGreaterThanOrEqual(1);
  expect(mean(lengths) / 167).toBeCloseTo(1, 1);
});

test("a group holds the events of the stream in order, in another order", () => {
  const shuffled = take(1_000, { outOfOrderGroup: 100 });
  const byText = (rows: readonly NexmarkEvent[]): readonly string[] =>
    rows.map(ndjsonLine).toSorted();
  expect(shuffled).not.toEqual(events.slice(0, 1_000));
  for (let from = 0; from < 1_000; from += 100) {
    expect(byText(shuffled.slice(from, from + 100))).toEqual(
      byText(events.slice(from, from + 100)),
    );
  }
});
