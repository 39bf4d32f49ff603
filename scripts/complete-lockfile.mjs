/**
 * Adds the optional packages of other platforms to `package-lock.json` that the registry at hand
 * did not offer when the lock file was written: without their entries `npm ci` refuses the lock
 * file, with them it skips what is not for its platform. Run it after `npm install`.
 */
import { readFileSync, writeFileSync } from "node:fs";

const PATH = new URL("../package-lock.json", import.meta.url);
const SYSTEMS = [
  "darwin",
  "linux",
  "win32",
  "android",
  "freebsd",
  "openbsd",
  "netbsd",
  "sunos",
  "aix",
  "openharmony",
];
const PROCESSORS = [
  "arm64",
  "x64",
  "ia32",
  "ppc64",
  "riscv64",
  "s390x",
  "loong64",
  "mips64el",
  "wasm32",
  "arm",
];

const lock = JSON.parse(readFileSync(PATH, "utf8"));
const added = [];
for (const [place, parent] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    if (lock.packages[path] !== undefined || lock.packages[`${place}/${path}`] !== undefined)
      continue;
    lock.packages[path] = entry(name, version, parent);
    added.push(`${name}@${version}`);
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(byName));
writeFileSync(PATH, `${JSON.stringify(lock, null, 2)}\n`);
console.log(added.length === 0 ? "The lock file is complete." : `Added:\n  ${added.join("\n  ")}`);

/** The platform is part of such a package's name, after the last slash. */
function entry(name, version, parent) {
  const words = name.split("/").at(-1).split("-");
  const os = SYSTEMS.find((one) => words.includes(one));
  const cpu = PROCESSORS.find((one) =>
    words.some((word) => word === one || (one === "arm" && word.startsWith("arm"))),
  );
  return {
    version: version.replace(/^[\^~]/, ""),
    ...(cpu === undefined ? {} : { cpu: [cpu] }),
    ...(parent.dev === true ? { dev: true } : {}),
    optional: true,
    ...(os === undefined ? {} : { os: [os] }),
  };
}

function byName([a], [b]) {
  return a < b ? -1 : 1;
}
