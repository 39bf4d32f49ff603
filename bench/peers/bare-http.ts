/**
 * The limit of small requests: Node's own HTTP server that reads a body and answers, nothing else.
 */
import http from "node:http";
import { serveParent } from "../child.ts";

export interface BareHttp {
  readonly port: number;
}

const ANSWER = JSON.stringify({
  ...{
    dataset: "ticks",
    position: 1,
    received: 1,
    accepted: 1,
    rejected: 0,
    duplicates: 0,
    late: 0,
  },
  ...{ replayed: false, errors: [] },
});

serveParent<BareHttp, void>(async ({ port }) => {
  const server = http.createServer((request, response) => {
    request.on("data", () => undefined);
    request.on("end", () => {
      response.setHeader("content-type", "application/json");
      response.setHeader("content-length", ANSWER.length);
      response.end(ANSWER);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return () => Promise.resolve();
});
