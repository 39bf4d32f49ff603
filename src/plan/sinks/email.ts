/** A sink that sends mail. */
import { type Problems, show } from "../problem.ts";
import { LINK_EXAMPLE } from "./slack.ts";
import { type ResolveSink, type SecretTextPlan, type SinkBase } from "./sink-base.ts";

export interface EmailPlan extends SinkBase {
  readonly kind: "email";
  /** `smtp://host:587` or `smtps://host:465`. */
  readonly server: SecretTextPlan;
  readonly user: SecretTextPlan | null;
  readonly password: SecretTextPlan | null;
  readonly sender: string;
  readonly to: readonly string[];
  readonly link: string | null;
  /** Between two mails, at least. */
  readonly everyUs: number;
  readonly timeoutUs: number;
  /** PEM file of who signed the server's certificate; null: those that Node trusts. */
  readonly caFile: string | null;
  readonly allowPlaintext: boolean;
  readonly allowPrivateAddresses: boolean;
}

const SERVER_EXAMPLE = '"smtp://mail.example.com:587"';
const MAX_RECIPIENTS = 50;

export const resolveEmail: ResolveSink<EmailPlan> = (readBase, fields) => {
  const server = fields.secretText("server", SERVER_EXAMPLE);
  if (typeof server === "string" && server !== "" && !isMailServer(server))
    fields.raw("server").problems.add(show(server), "an smtp or smtps URL", SERVER_EXAMPLE);
  const sender: string = fields.text("sender", '"Kurobe <kurobe@example.com>"');
  checkMailbox(sender, fields.raw("sender").problems);
  const to = fields.texts("to", '["ops@example.com"]');
  const recipients = fields.raw("to").problems;
  for (const one of to) checkMailbox(one, recipients);
  if (to.length > MAX_RECIPIENTS)
    recipients.add(`${to.length} of them`, `at most ${MAX_RECIPIENTS}`, "a mailing list");
  const user = fields.secretTextOrNull("user", '"kurobe"');
  const password = fields.secretTextOrNull("password", 'secret("SMTP_PASSWORD")');
  if ((user === null) !== (password === null))
    fields.raw("user").problems.add("one of user and password", "both, or none", "add the other");
  return {
    kind: "email",
    ...readBase("latest"),
    server,
    user,
    password,
    sender,
    to,
    link: fields.text("link", LINK_EXAMPLE, null),
    everyUs: fields.durationUs("every", "10s"),
    timeoutUs: fields.durationUs("timeout", "30s"),
    caFile: fields.text("caFile", '"./mail-ca.pem"', null),
    allowPlaintext: fields.isTrue("allowPlaintext"),
    allowPrivateAddresses: fields.isTrue("allowPrivateAddresses"),
  };
};

/** Credentials have fields of their own, so that the address can be shown. */
export function isMailServer(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  const isSmtp = protocol === "smtp:" || protocol === "smtps:";
  return isSmtp && hostname !== "" && username === "" && password === "";
}

/** `ops@example.com` or `Ops <ops@example.com>`, in one line. */
const MAILBOX = /^(?:[^<>@\r\n]*<[^<>@\s]+@[^<>@\s]+>|[^<>@\s,;]+@[^<>@\s,;]+)$/;

function checkMailbox(text: string, problems: Problems): void {
  if (text === "" || MAILBOX.test(text)) return;
  problems.add(show(text), "an address", '"Ops <ops@example.com>"');
}
