/**
 * Sends mail over SMTP. The Message-ID is the delivery's id, so that a repetition is recognised.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { resolve } from "node:path";
import { KurobeError } from "../core/errors.ts";
import { type EmailPlan, isMailServer } from "../plan/sinks/email.ts";
import { publicAddresses } from "./address-guard.ts";
import { batchId, type Delivery } from "./delivery.ts";
import { type Destination, type DestinationDeps } from "./destination.ts";
import { mailText } from "./email-text.ts";
import { loadClient } from "./client-package.ts";
import { noticesOf } from "./notice.ts";

/** Notices that one mail is about at most. */
const BATCH_ROWS = 1000;

/** The client's answer when the server took the mail for at least one recipient. */
interface SentMail {
  readonly rejectedErrors?: readonly (Error & { readonly recipient?: string })[];
}

/** Nothing is connected before the first mail. */
export async function openEmail(plan: EmailPlan, deps: DestinationDeps): Promise<Destination> {
  const mailer = await loadClient(plan.name, "nodemailer", () => import("nodemailer"));
  const server = serverOf(plan, deps);
  const settings = await connectionOf(plan, server, deps);
  const timeoutMs = plan.timeoutUs / 1000;
  const composed = composer(plan, deps);
  let tries = 0;
  /** Who has the mail that is on its way already; a repetition of it is for the others. */
  let reached: { readonly id: string; readonly recipients: Set<string> } | null = null;
  return {
    kind: "rows",
    batchRows: BATCH_ROWS,
    lanes: 1,
    isOneMessage: true,
    pace: deps.paces(`${server.href} ${plan.to.join(" ")}`, plan.everyUs / 1000),
    deliver: async (batch, signal) => {
      const { id, message } = composed(batch);
      if (reached?.id !== id) reached = { id, recipients: new Set() };
      const { recipients } = reached;
      const to = plan.to.filter((one) => !recipients.has(one));
      const timeout = AbortSignal.timeout(timeoutMs);
      try {
        const host = await hostOf(server, plan.allowPrivateAddresses, tries++);
        const sent = (await mailer.createTransport({ ...settings, host }).sendMail({
          ...message,
          envelope: { from: plan.sender, to },
          signal: AbortSignal.any([signal, timeout]),
        })) as SentMail;
        const rejected = sent.rejectedErrors ?? [];
        const refused = new Set(rejected.map((one) => one.recipient));
        for (const one of to) if (!refused.has(mailboxOf(one))) recipients.add(one);
        if (rejected[0] !== undefined) throw rejected[0];
      } catch (error) {
        const reason = timeout.aborted ? new Error(`no answer within ${timeoutMs} ms`) : error;
        throw mailError(server, reason);
      }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

interface Composed {
  readonly id: string;
  readonly message: Readonly<Record<string, unknown>>;
}

function composer(
  plan: EmailPlan,
  deps: DestinationDeps,
): (batch: readonly Delivery[]) => Composed {
  const noticeOf = noticesOf(deps.alert, plan.link);
  const domain = /@([^<>@\s]+?)>?$/.exec(plan.sender)?.[1] ?? "localhost";
  return (batch) => {
    const notices = batch.map(noticeOf);
    const [first] = notices;
    const isOne = notices.length === 1 && first !== undefined;
    const id = isOne ? first.id : batchId(batch);
    const message = {
      ...mailText(notices, { project: deps.project, sink: plan.name, id }),
      from: plan.sender,
      to: [...plan.to],
      messageId: `<${id}@${domain}>`,
      date: new Date(deps.nowMs()),
      ...(isOne ? { references: [`<${threadId(first.thread)}@${domain}>`] } : {}),
      headers: { "auto-submitted": "auto-generated", "kurobe-delivery": id },
    };
    return { id, message };
  };
}

async function connectionOf(
  plan: EmailPlan,
  server: URL,
  deps: DestinationDeps,
): Promise<Readonly<Record<string, unknown>>> {
  const isTls = server.protocol === "smtps:";
  const timeoutMs = plan.timeoutUs / 1000;
  const name = hostName(server);
  return {
    port: server.port === "" ? (isTls ? 465 : 587) : Number(server.port),
    secure: isTls,
    requireTLS: !isTls && !plan.allowPlaintext,
    tls: {
      ...(plan.caFile === null ? {} : { ca: await readCa(plan, deps) }),
      ...(isIP(name) === 0 ? { servername: name } : {}),
    },
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
    ...(plan.user === null || plan.password === null
      ? {}
      : { auth: { user: deps.reveal(plan.user), pass: deps.reveal(plan.password) } }),
  };
}

function hostName(server: URL): string {
  return server.hostname.replace(/^\[|\]$/g, "");
}

/** One out of a secret is checked here, where it is known. */
function serverOf(plan: EmailPlan, { reveal }: DestinationDeps): URL {
  const text = reveal(plan.server);
  if (isMailServer(text)) return new URL(text);
  throw new KurobeError("KRB_SINKS_ADDRESS", `sink ${plan.name}: its server is not an smtp URL`, {
    hint: "smtp://mail.example.com:587, with user and password in fields of their own.",
  });
}

async function readCa(plan: EmailPlan, { folder }: DestinationDeps): Promise<string> {
  const path = resolve(folder, plan.caFile ?? "");
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new KurobeError("KRB_SINKS_ADDRESS", `sink ${plan.name}: ${path} cannot be read`, {
      hint: "caFile is a PEM file, from the project's folder.",
      cause,
    });
  }
}

/** The address is looked up and judged here, and it alone is called; each try takes the next. */
async function hostOf(server: URL, allowsPrivate: boolean, tries: number): Promise<string> {
  const host = hostName(server);
  if (allowsPrivate) return host;
  const addresses = await publicAddresses(host);
  return addresses[tries % addresses.length] ?? host;
}

function mailboxOf(text: string): string {
  return /<([^<>]+)>$/.exec(text)?.[1] ?? text;
}

function threadId(thread: string): string {
  return `thr_${createHash("sha256").update(thread).digest().subarray(0, 16).toString("hex")}`;
}

/** Words of the server on the envelope or the message: only they speak of what was sent. */
const ABOUT_MAIL: ReadonlySet<string> = new Set(["EENVELOPE", "EMESSAGE"]);

/** 4xx passes by itself, 5xx does not; a password that is refused is nobody's message. */
function mailError(server: URL, error: unknown): KurobeError {
  if (error instanceof KurobeError) return error;
  const {
    responseCode = 0,
    code = "",
    message,
    rejected = [],
  } = error as Error & {
    readonly responseCode?: number;
    readonly code?: string;
    readonly rejected?: readonly string[];
  };
  const whom = rejected.filter((one) => !message.includes(one)).join(", ");
  const text = `${server.host}: ${message}${whom === "" ? "" : ` (${whom})`}`;
  const options = { cause: error, details: { status: responseCode } };
  const isPassing = responseCode >= 400 && responseCode < 500;
  if ((code === "EAUTH" || code === "ENOAUTH") && !isPassing)
    return new KurobeError("KRB_SINKS_DENIED", text, options);
  const isRefused = responseCode >= 500 && ABOUT_MAIL.has(code);
  return new KurobeError(isRefused ? "KRB_SINKS_REJECTED" : "KRB_SINKS_UNREACHABLE", text, options);
}
