/** Mail through a real server: Debian's Exim, with TLS, passwords and mailboxes. */
import { createServer } from "node:net";
import { once } from "node:events";
import { type AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  MAIL_PASSWORD,
  MAIL_USER,
  type MailServer,
  openMailServer,
} from "../../test/support/mail-server.ts";
import { alertProject, sendViews, testAlert } from "../../test/support/alert-project.ts";
import { sinkOf } from "../../test/support/sink-traffic.ts";
import { openServed } from "../../test/support/served-platform.ts";
import { email, type EmailSpec, secret } from "../index.ts";

let server: MailServer;
beforeAll(async () => {
  server = await openMailServer();
  process.env["TEST_SMTP_PASSWORD"] = MAIL_PASSWORD;
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const project = (spec: Partial<EmailSpec>): unknown =>
  alertProject(
    email({
      server: `smtp://localhost:${server.port}`,
      user: MAIL_USER,
      password: secret("TEST_SMTP_PASSWORD"),
      sender: "Kurobe <kurobe@example.com>",
      to: ["Ops <ops@example.com>"],
      caFile: server.caFile,
      allowPrivateAddresses: true,
      every: "20ms",
      retry: { first: "5ms", max: "20ms" },
      ...spec,
    }),
  );

/** Headers of a message, by small name, unfolded. */
function headersOf(mail: string): Readonly<Record<string, string>> {
  const [head = ""] = mail.split(/\r?\n\r?\n/, 1);
  const lines = head.replaceAll(/\r?\n[ \t]+/g, " ").split(/\r?\n/);
  return Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
}

/** What a part says after quoted-printable is undone. */
function readable(mail: string): string {
  const bytes = mail
    .replaceAll(/=\r?\n/g, "")
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  return Buffer.from(bytes, "latin1").toString("utf8");
}

describe("mail of an alert", () => {
  it.each([
    ["STARTTLS", (): string => `smtp://localhost:${server.port}`, "starttls"],
    ["TLS from the start", (): string => `smtps://localhost:${server.tlsPort}`, "smtps"],
  ])("arrives over %s, in plain text and HTML", async (_, url, box) => {
    await using served = await openServed(
      project({
        server: url(),
        to: `${box}@example.com`,
        link: "https://example.com/d?page={page}",
      }),
    );
    await sendViews(served, [10, 150], "/a&b <home>");
    const [firing = ""] = await server.until(box, 1);
    await sendViews(served, [10, 150, 10], "/a&b <home>");
    const [resolved = ""] = (await server.until(box, 2)).filter((one) => one !== firing);
    expect(firing).toMatch(/with esmtpsa\s+\(TLS1\.3\)/);
    const head = headersOf(firing);
    expect(head).toMatchObject({
      from: "Kurobe <kurobe@example.com>",
      subject: "[pages] spike is firing: page /a&b <home>",
      "auto-submitted": "auto-generated",
    });
    expect(head["message-id"]).toBe(`<${head["kurobe-delivery"]}@example.com>`);
    expect(head["message-id"]).toMatch(/^<dlv_/);
    const text = readable(firing);
    expect(text).toContain("n is 150 (fires above 100).");
    expect(text).toContain("Window  per_minute from 2026-01-01 12:01 UTC");
    expect(text).toContain("https://example.com/d?page=%2Fa%26b%20%3Chome%3E");
    expect(text).toContain("/a&amp;b &lt;home&gt;");
    expect(readable(resolved)).toContain("spike has ended");
    expect(headersOf(resolved)["references"]).toBe(head["references"]);
    expect(headersOf(resolved)["message-id"]).not.toBe(head["message-id"]);
  });

  it("that comes in numbers is one mail with all of them", async () => {
    await using served = await openServed(project({ to: "many@example.com", every: "1s" }));
    const pages = Array.from({ length: 130 }, (_, index) => `/page-${index}`);
    await sendViews(served, [150], ...pages);
    const [mail = ""] = await server.until("many", 1);
    expect(headersOf(mail)["subject"]).toBe("[pages] spike is firing (130)");
    expect(readable(mail)).toContain("* spike is firing: page /page-0");
    expect(readable(mail)).toContain("… and 30 more");
  });

  it("is sent on request to see that it arrives", async () => {
    await using served = await openServed(project({ to: "trial@example.com" }));
    await testAlert(served);
    const [mail = ""] = await server.until("trial", 1);
    expect(readable(mail)).toContain("spike is being tested");
    expect(readable(mail)).toContain("Nothing is wrong.");
  });
});

describe("a mail server that", () => {
  const box = (name: string): string => `${name}@example.com`;

  it("refuses one recipient gives the others the mail once, and the sink says which", async () => {
    await using served = await openServed(
      project({ to: [box("first"), box("nobody"), box("last")] }),
    );
    await sendViews(served, [150]);
    await expect
      .poll(() => sinkOf(served))
      .toMatchObject({ state: "blocked", lastError: { code: "KRB_SINKS_REJECTED" } });
    await expect.poll(async () => (await sinkOf(served)).failures).toBeGreaterThan(2);
    expect((await sinkOf(served)).lastError?.message).toContain("nobody@example.com");
    expect(await server.until("first", 1)).toHaveLength(1);
    expect(await server.until("last", 1)).toHaveLength(1);
  });

  it("is busy is tried again", async () => {
    await using served = await openServed(project({ to: box("full") }));
    await sendViews(served, [150]);
    await expect
      .poll(() => sinkOf(served))
      .toMatchObject({ state: "retrying", lastError: { code: "KRB_SINKS_UNREACHABLE" } });
  });

  it("does not know us is a matter of credentials", async () => {
    process.env["TEST_SMTP_WRONG"] = "wrong";
    await using served = await openServed(
      project({ to: box("secret"), password: secret("TEST_SMTP_WRONG"), whenRejected: "skip" }),
    );
    await sendViews(served, [150]);
    await expect
      .poll(() => sinkOf(served))
      .toMatchObject({
        state: "blocked",
        skipped: 0,
        lastError: { code: "KRB_SINKS_DENIED" },
      });
  });

  it("has a certificate that nobody signed gets neither password nor mail", async () => {
    const { caFile: _, ...spec } = { caFile: "", to: box("unsigned") };
    await using served = await openServed(
      alertProject(
        email({
          server: `smtp://localhost:${server.port}`,
          sender: "kurobe@example.com",
          allowPrivateAddresses: true,
          ...spec,
        }),
      ),
    );
    await sendViews(served, [150]);
    await expect
      .poll(() => sinkOf(served))
      .toMatchObject({
        state: "retrying",
        lastError: { message: expect.stringMatching(/self-signed/) as string },
      });
  });

  it("says nothing, or has no TLS, stops nothing", async () => {
    const heard: string[] = [];
    await using silent = await openSocketServer(heard, "");
    await using plain = await openSocketServer(heard, "220 plain.example.com ESMTP\r\n");
    for (const [port, reason] of [
      [silent.port, /no answer within|Greeting/],
      [plain.port, /STARTTLS|TLS/],
    ] as const) {
      await using served = await openServed(
        project({ server: `smtp://127.0.0.1:${port}`, timeout: "200ms" }),
      );
      await sendViews(served, [150]);
      await expect
        .poll(() => sinkOf(served))
        .toMatchObject({
          state: "retrying",
          lastError: { message: expect.stringMatching(reason) as string },
        });
      expect((await served.fetch("/health")).status).toBe(200);
    }
    expect(heard.join("")).not.toMatch(/AUTH|MAIL FROM/);
  });

  it("is in the own network is not called unless that is allowed", async () => {
    await using served = await openServed(project({ allowPrivateAddresses: false }));
    await sendViews(served, [150]);
    await expect
      .poll(() => sinkOf(served))
      .toMatchObject({ state: "blocked", lastError: { code: "KRB_SINKS_ADDRESS" } });
  });
});

interface SocketServer extends AsyncDisposable {
  readonly port: number;
}

/** Greets, and answers EHLO with nothing but its name; with an empty greeting it is silent. */
async function openSocketServer(heard: string[], greeting: string): Promise<SocketServer> {
  const sockets = new Set<{ destroy(): unknown }>();
  const listening = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    if (greeting !== "") socket.write(greeting);
    socket.on("data", (part) => {
      heard.push(part.toString());
      if (greeting === "") return;
      socket.write(part.toString().startsWith("EHLO") ? "250 plain.example.com\r\n" : "502 no\r\n");
    });
  }).listen(0, "127.0.0.1");
  await once(listening, "listening");
  return {
    port: (listening.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      listening.close();
      await once(listening, "close");
    },
  };
}
