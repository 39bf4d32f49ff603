/**
 * Random numbers that a seed decides: the same results give the same intervals, on every machine.
 */

/** Numbers in [0, 1), by sfc32 (Chris Doty-Humphrey, PractRand); 32 bits of each are random. */
export type Random = () => number;

export function seededRandom(seed: number): Random {
  let a = seed | 0;
  let b = Math.floor(seed / 2 ** 32) | 0;
  let c = 0x9e3779b9 | 0;
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  };
  // The first outputs of near seeds resemble each other.
  for (let round = 0; round < 15; round++) next();
  return () => next() / 2 ** 32;
}
