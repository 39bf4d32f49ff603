/** How a thread or process of its own comes to run one of our modules. */
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

/**
 * A script that loads the module: `.ts` beside a caller that runs from source, `.js` where it was
 * built. Threads of Node 20 know no loader, so from source the first thing is to take one.
 */
export function loadingScript(name: string, callerUrl: string): string {
  const isSource = callerUrl.endsWith(".ts");
  const module = JSON.stringify(new URL(`./${name}.${isSource ? "ts" : "js"}`, callerUrl).href);
  if (!isSource) return `import(${module})`;
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx/package.json"));
  const loader = JSON.stringify(new URL("dist/esm/api/index.mjs", tsx).href);
  return `import(${loader}).then(({ register }) => { register(); return import(${module}); })`;
}
