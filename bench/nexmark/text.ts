/** Texts of random letters, as the public definition has them. */
import { type Random } from "./random.ts";

const LETTERS = 26;
const TRIPLES = LETTERS ** 3;
const MIN_LENGTH = 3;
/** One character in so many of a name or a description is a space. */
const SPACE_EVERY = 13;

/** All texts of three letters: most of what is written consists of them. */
const TRIPLE: readonly string[] = Array.from({ length: TRIPLES }, (_, number) =>
  String.fromCharCode(
    97 + (number % LETTERS),
    97 + (Math.floor(number / LETTERS) % LETTERS),
    97 + Math.floor(number / LETTERS ** 2),
  ),
);

/** From 3 letters to fewer than `maxLength`; spaces within, none at its ends. */
export function randomText(random: Random, maxLength: number, special = " "): string {
  let text = "";
  for (let left = MIN_LENGTH + random.below(maxLength - MIN_LENGTH); left > 0; left--) {
    const isSpecial = random.below(SPACE_EVERY) === 0;
    text += isSpecial ? special : String.fromCharCode(97 + random.below(LETTERS));
  }
  return text.trim();
}

/** Exactly so many letters: six of each 31 random bits. */
function letters(random: Random, length: number): string {
  let text = "";
  for (let left = length; left > 0; left -= 6) {
    const bits = random.bits() >>> 1;
    const six =
      (TRIPLE[bits % TRIPLES] ?? "") + (TRIPLE[Math.floor(bits / TRIPLES) % TRIPLES] ?? "");
    text += left >= 6 ? six : six.slice(0, left);
  }
  return text;
}

/**
 * Fills an event of `size` bytes up so that it has `averageSize` on average, give or take a fifth.
 */
export function filling(random: Random, size: number, averageSize: number): string {
  const missing = averageSize - size;
  if (missing < 0) return "";
  const spread = Math.round(missing * 0.2);
  return letters(random, missing - spread + (spread === 0 ? 0 : random.below(2 * spread)));
}
