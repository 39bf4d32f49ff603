/**
 * Keeps requests out of the own network. The address is checked at the moment of connecting, so a
 * name that resolves otherwise a second time gains nothing.
 */
import { lookup as resolveName, type LookupAddress } from "node:dns";
import { lookup as lookupNames } from "node:dns/promises";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { KurobeError } from "../core/errors.ts";

const PRIVATE = new BlockList();
for (const [net, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const) {
  PRIVATE.addSubnet(net, prefix, "ipv4");
}

/** Only 2000::/3 is the public internet; parts of it stand for IPv4 addresses, or for nothing. */
const PUBLIC_V6 = new BlockList();
PUBLIC_V6.addSubnet("2000::", 3, "ipv6");
const EMBEDDED_V6 = new BlockList();
EMBEDDED_V6.addSubnet("2001::", 23, "ipv6");
EMBEDDED_V6.addSubnet("2001:db8::", 32, "ipv6");
EMBEDDED_V6.addSubnet("2002::", 16, "ipv6");
EMBEDDED_V6.addSubnet("3fff::", 20, "ipv6");

export function isPublicAddress(address: string): boolean {
  const kind = isIP(address);
  if (kind === 4) return !PRIVATE.check(address, "ipv4");
  if (kind !== 6) return false;
  return PUBLIC_V6.check(address, "ipv6") && !EMBEDDED_V6.check(address, "ipv6");
}

function refuse(host: string, address: string): KurobeError {
  const shown = host === address ? address : `${host} (${address})`;
  return new KurobeError("KRB_SINKS_ADDRESS", `${shown} is not an address of the public internet`);
}

/** For hosts that are written as an address, which nobody looks up. */
export function checkHost(url: URL): void {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && !isPublicAddress(host)) throw refuse(host, host);
}

/** A `lookup` for `node:http` that gives public addresses, or fails. */
export const publicLookup: LookupFunction = (host, options, callback) => {
  resolveName(host, { ...options, all: true }, (error, found) => {
    if (error !== null) {
      callback(error, [] as LookupAddress[]);
      return;
    }
    const list = found as unknown as readonly LookupAddress[];
    const bad = list.find(({ address }) => !isPublicAddress(address));
    const first = list[0];
    if (bad !== undefined || first === undefined) {
      callback(refuse(host, bad?.address ?? "nothing"), []);
    } else if (options.all === true) {
      callback(null, [...list]);
    } else {
      callback(null, first.address, first.family);
    }
  });
};

/** All addresses of a host, of which each is public. */
export async function publicAddresses(host: string): Promise<readonly string[]> {
  const found = await lookupNames(host, { all: true });
  const bad = found.find(({ address }) => !isPublicAddress(address));
  if (bad !== undefined) throw refuse(host, bad.address);
  return found.map(({ address }) => address);
}
