/**
 * The HTTP interface of a ClickHouse server, as far as its client needs it, in front of the real
 * engine of ClickHouse in this process. Arguments: a directory for the data and a port.
 */
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { Session } from "chdb";

const [directory, port] = process.argv.slice(2);
const session = new Session(directory);

/** What is no setting of a query. */
const NOT_SETTINGS = /^(query|query_id|database|session_id|default_format|role)$/;

const server = createServer((request, response) => {
  void text(request).then((body) => {
    try {
      const answer = run(new URL(request.url ?? "/", "http://localhost"), body);
      response.writeHead(200, { "content-type": "text/plain" }).end(answer);
    } catch (error) {
      const said = String(error.message).replace(/^Query failed: /, "");
      const code = /Code: (\d+)/.exec(said)?.[1] ?? "0";
      response.writeHead(500, { "x-clickhouse-exception-code": code }).end(said);
    }
  });
});

/** @param {URL} url @param {string} body */
function run(url, body) {
  if (url.pathname === "/ping") return "Ok.\n";
  const database = url.searchParams.get("database");
  if (database !== null) session.query(`USE ${database}`);
  for (const [name, value] of url.searchParams) {
    if (!NOT_SETTINGS.test(name)) session.query(`SET ${name} = '${value.replaceAll("'", "\\'")}'`);
  }
  const query = url.searchParams.get("query");
  return session.query(query === null ? body : `${query}\n${body}`, "TabSeparated") ?? "";
}

server.listen(Number(port), "127.0.0.1", () => process.send?.("ready"));
process.on("disconnect", () => process.exit());
