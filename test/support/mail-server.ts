/** Debian's Exim as a mail server of the tests: TLS, passwords, and mailboxes to look into. */
import { execFileSync, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lifetime } from "../../src/core/lifetime.ts";
import { makeCertificate } from "./certificate.ts";
import { freePort } from "../../bench/kurobe-server.ts";
import { answers, installed } from "./receiver-servers.ts";

export const MAIL_USER = "kurobe";
export const MAIL_PASSWORD = "mail-password-of-the-tests";

export interface MailServer extends AsyncDisposable {
  /** STARTTLS, and a password before a mail is taken. */
  readonly port: number;
  /** TLS from the start. */
  readonly tlsPort: number;
  /** PEM file that trusts its certificate. */
  readonly caFile: string;
  /** Whole messages for a recipient, in no order. */
  mails(recipient: string): Promise<readonly string[]>;
  /** Resolves once so many have come for a recipient. */
  until(recipient: string, count: number): Promise<readonly string[]>;
}

/** Takes mail for `…@example.com`; `nobody@` is unknown there, and `full@` is full for now. */
export async function openMailServer(): Promise<MailServer> {
  await using opening = new Lifetime();
  const unpacked = installed("exim");
  const folder = await mkdtemp(join(tmpdir(), "kurobe-exim-"));
  opening.defer(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, "mail"));
  const { key, cert } = makeCertificate(folder, "mail");
  await chmod(folder, 0o755);
  const [port, tlsPort] = [await freePort(), await freePort()];
  const program = join(unpacked, "usr", "sbin", "exim4");
  const configuration = join(folder, "exim.conf");
  await writeFile(configuration, settings({ folder, program, port, tlsPort, key, cert }));
  await writeFile(join(folder, "log"), "");
  execFileSync("chown", ["-R", "Debian-exim:Debian-exim", folder]);
  // Exim reads the settings of nobody but root.
  execFileSync("chown", ["root:root", configuration]);
  const child = spawn(program, ["-C", configuration, "-bdf"], {
    stdio: "ignore",
  });
  opening.defer(async () => {
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    if (child.exitCode === null) await ended;
  });
  await answers(child, port);
  await answers(child, tlsPort);
  const mails = async (recipient: string): Promise<readonly string[]> => {
    const inbox = join(folder, "mail", "new");
    const names = await readdir(inbox).catch(() => []);
    const all = await Promise.all(names.map((name) => readFile(join(inbox, name), "utf8")));
    return all.filter((mail) => mail.includes(`Envelope-to: ${recipient}@example.com\n`));
  };
  const lifetime = opening.move();
  return {
    port,
    tlsPort,
    caFile: cert,
    mails,
    until: async (recipient, count) => {
      for (;;) {
        const found = await mails(recipient);
        if (found.length >= count) return found;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    [Symbol.asyncDispose]: () => lifetime[Symbol.asyncDispose](),
  };
}

interface Settings {
  readonly folder: string;
  readonly program: string;
  readonly port: number;
  readonly tlsPort: number;
  readonly key: string;
  readonly cert: string;
}

function settings({ folder, program, port, tlsPort, key, cert }: Settings): string {
  return `
primary_hostname = mail.example.com
exim_path = ${program}
spool_directory = ${folder}/spool
log_file_path = ${folder}/log-%s
keep_environment =
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${port} : ${tlsPort}
tls_on_connect_ports = ${tlsPort}
tls_advertise_hosts = *
tls_certificate = ${cert}
tls_privatekey = ${key}
auth_advertise_hosts = \${if eq{$tls_in_cipher}{}{}{*}}
domainlist local_domains = example.com
acl_smtp_rcpt = acl_rcpt
queue_only = false

begin acl
acl_rcpt:
  deny message = authentication required
       !authenticated = *
  deny message = relay not permitted
       !domains = +local_domains
  deny message = user unknown
       local_parts = nobody
  defer message = mailbox full
       local_parts = full
  accept

begin routers
mailboxes:
  driver = accept
  transport = maildir

begin transports
maildir:
  driver = appendfile
  directory = ${folder}/mail
  envelope_to_add = true
  maildir_format
  user = Debian-exim
  group = Debian-exim

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${if and{{eq{$auth2}{${MAIL_USER}}}{eq{$auth3}{${MAIL_PASSWORD}}}}}
  server_set_id = $auth2
`;
}
