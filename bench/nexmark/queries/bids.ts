/** Measures that several queries take: bids, bidders and auctions at three levels of price. */
import { col, count, countDistinct } from "kurobe";

const price = col("price");
const RANKS = [
  price.lt(10_000),
  price.ge(10_000).and(price.lt(1_000_000)),
  price.ge(1_000_000),
] as const;

export const BIDS_BY_RANK = {
  total_bids: count(),
  rank1_bids: count().where(RANKS[0]),
  rank2_bids: count().where(RANKS[1]),
  rank3_bids: count().where(RANKS[2]),
} as const;

export const BIDDERS_AND_AUCTIONS_BY_RANK = {
  total_bidders: countDistinct("bidder"),
  rank1_bidders: countDistinct("bidder").where(RANKS[0]),
  rank2_bidders: countDistinct("bidder").where(RANKS[1]),
  rank3_bidders: countDistinct("bidder").where(RANKS[2]),
  total_auctions: countDistinct("auction"),
  rank1_auctions: countDistinct("auction").where(RANKS[0]),
  rank2_auctions: countDistinct("auction").where(RANKS[1]),
  rank3_auctions: countDistinct("auction").where(RANKS[2]),
} as const;
