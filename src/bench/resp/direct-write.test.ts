import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { DirectWriter } from "./direct-write.ts";

const open: (Socket | Server)[] = [];

afterEach(() => {
  for (const each of open.splice(0)) {
    if ("destroy" in each) each.destroy();
    else each.close();
  }
});

async function pair(): Promise<{ readonly client: Socket; readonly server: Socket }> {
  const listening = createServer({ pauseOnConnect: true });
  await once(listening.listen(0, "127.0.0.1"), "listening");
  const address = listening.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const client = connect({ host: "127.0.0.1", port, noDelay: true });
  const [server] = (await once(listening, "connection")) as [Socket];
  await once(client, "connect");
  open.push(client, server, listening);
  return { client, server };
}

async function readAll(socket: Socket, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= bytes) break;
  }
  return Buffer.concat(chunks);
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

describe("DirectWriter", () => {
  it("asks the stream for the first write alone", async () => {
    const { client, server } = await pair();
    const throughStream = vi.spyOn(client, "write");
    const writer = new DirectWriter(client);
    for (let index = 0; index < 100; index++) writer.write(Buffer.from(`${index};`));
    const all = Array.from({ length: 100 }, (_, index) => `${index};`).join("");
    expect((await readAll(server, all.length)).toString()).toBe(all);
    expect(throughStream).toHaveBeenCalledTimes(1);
  });

  it("keeps bytes and their order where the system takes them later", async () => {
    const { client, server } = await pair();
    const writer = new DirectWriter(client);
    // Far more than the buffers of both sides hold, before the first byte is read.
    const pieces = Array.from({ length: 400 }, (_, index) => randomBytes(1 + index * 331));
    for (const piece of pieces) writer.write(piece);
    expect(
      (client as unknown as { _handle: { writeQueueSize: number } })._handle.writeQueueSize,
    ).toBeGreaterThan(0);
    const all = Buffer.concat(pieces);
    const first = await readAll(server, all.length);
    expect(digest(first)).toBe(digest(all));
  });

  it("goes back past the stream when the queue is empty again", async () => {
    const { client, server } = await pair();
    const writer = new DirectWriter(client);
    const big = randomBytes(16 * 1024 * 1024);
    writer.write(big.subarray(0, 10));
    writer.write(big.subarray(10));
    let read = 0;
    server.on("data", (chunk) => (read += chunk.length)).resume();
    await vi.waitUntil(() => read === big.length);
    const throughStream = vi.spyOn(client, "write");
    for (let index = 0; index < 10; index++) writer.write(Buffer.from("small"));
    await vi.waitUntil(() => read === big.length + 50);
    expect(throughStream).toHaveBeenCalledTimes(1);
  });

  it("closes the socket with the system's error when the other side is gone", async () => {
    const { client, server } = await pair();
    const writer = new DirectWriter(client);
    const failed = once(client, "error");
    writer.write(Buffer.from("hello"));
    server.resetAndDestroy();
    const writing = setInterval(() => writer.write(Buffer.from("more")), 1);
    const [error] = (await failed) as [Error];
    clearInterval(writing);
    expect(error.message).toMatch(/ECONNRESET|EPIPE/);
    expect(client.destroyed).toBe(true);
  });

  it("writes through the stream where Node has its sockets otherwise", async () => {
    const { client, server } = await pair();
    const handle = (client as unknown as { _handle: object })._handle;
    Object.defineProperty(handle, "writeQueueSize", { value: undefined });
    const throughStream = vi.spyOn(client, "write");
    const writer = new DirectWriter(client);
    for (let index = 0; index < 5; index++) writer.write(Buffer.from("abc"));
    expect((await readAll(server, 15)).toString()).toBe("abc".repeat(5));
    expect(throughStream).toHaveBeenCalledTimes(5);
  });
});
