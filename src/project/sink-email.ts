/** Messages by mail, as declared. */
import { type Duration } from "./dataset.ts";
import { declareSink, type MessageSpec, type SecretText, type SinkDefinition } from "./sink.ts";

export interface EmailSpec extends MessageSpec {
  /**
   * `smtp://host:587` begins in the open and turns to TLS (STARTTLS) before anything is said;
   * `smtps://host:465` is TLS from the start.
   */
  readonly server: SecretText;
  readonly user?: SecretText;
  readonly password?: SecretText;
  /** Who the mail is from: `"Kurobe <kurobe@example.com>"`. */
  readonly sender: string;
  readonly to: string | readonly string[];
  /** Between two mails; what comes meanwhile is one mail. Default `"10s"`. */
  readonly every?: Duration;
  /** For one mail, from the connection to the server's last word. Default `"30s"`. */
  readonly timeout?: Duration;
  /** PEM file of who signed the server's certificate, when that is nobody whom Node trusts. */
  readonly caFile?: string;
  /** Goes on without TLS where the server has none. Default false. */
  readonly allowPlaintext?: boolean;
  /** Also servers at addresses of the own network. Default false. */
  readonly allowPrivateAddresses?: boolean;
}

/** Sends mail over SMTP, in plain text and HTML. Needs `npm install nodemailer`. */
export function email(spec: EmailSpec): SinkDefinition {
  return declareSink("email", spec);
}
