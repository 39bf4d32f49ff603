/** What a mail looks like: the same in plain text and in HTML. */
import { cut, type Notice, summary } from "./notice.ts";

export interface MailText {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export interface MailScene {
  readonly project: string;
  readonly sink: string;
  /** Of the delivery, by which a repetition is known. */
  readonly id: string;
}

/** Notices that a mail writes out; the others are counted. */
const SHOWN_NOTICES = 100;
const MAX_SUBJECT = 140;

/** One notice in full, or a list of the first ones with a count of the others. */
export function mailText(notices: readonly Notice[], scene: MailScene): MailText {
  const [first] = notices;
  const single = notices.length === 1 ? first : undefined;
  const title = single === undefined ? summary(notices) : titleOf(single);
  const subject = oneLine(`[${scene.project}] ${title}`);
  const shownOnes = notices.slice(0, SHOWN_NOTICES);
  const left = notices.length - shownOnes.length;
  const foot = `Sent by Kurobe: project ${scene.project}, sink ${scene.sink}, delivery ${scene.id}`;
  const parts = single === undefined ? listText(shownOnes, left, title) : oneText(single);
  const body = single === undefined ? listHtml(shownOnes, left, title) : oneHtml(single);
  return { subject, text: `${parts}\n\n-- \n${foot}\n`, html: page(subject, body, foot) };
}

function titleOf({ title, about }: Notice): string {
  return about === "" ? title : `${title}: ${cut(about)}`;
}

function oneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex -- a line break would begin another header
  const flat = text.replaceAll(/[\u0000-\u001F\u007F]+/g, " ");
  return flat.length > MAX_SUBJECT ? `${flat.slice(0, MAX_SUBJECT)} …` : flat;
}

function oneText({ title, about, sentence, facts, link }: Notice): string {
  const width = Math.max(0, ...facts.map(([label]) => label.length));
  const table = facts.map(([label, value]) => `${label.padEnd(width)}  ${cut(value)}`).join("\n");
  const head = about === "" ? title : `${title}\n${cut(about)}`;
  return [head, sentence, table, link ?? ""].filter((part) => part !== "").join("\n\n");
}

function listText(notices: readonly Notice[], left: number, title: string): string {
  const items = notices.map((notice) => {
    const detail = detailOf(notice);
    const lines = [detail, notice.link ?? ""].filter((line) => line !== "");
    return [`* ${titleOf(notice)}`, ...lines.map((line) => `  ${line}`)].join("\n");
  });
  const more = left > 0 ? [moreText(left)] : [];
  return [title, ...items, ...more].join("\n\n");
}

function detailOf({ sentence, facts }: Notice): string {
  if (sentence !== "") return sentence;
  return facts.map(([label, value]) => `${label} ${cut(value)}`).join(", ");
}

function moreText(left: number): string {
  return `… and ${left} more, which only the table of the project lists.`;
}

const COLORS: Readonly<Record<Notice["tone"], string>> = {
  firing: "#c62828",
  resolved: "#2e7d32",
  test: "#1565c0",
  row: "#455a64",
  removed: "#6d4c41",
};

const FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";

function oneHtml(notice: Notice): string {
  const { tone, title, about, sentence, facts, link } = notice;
  const rows = facts.map(
    ([label, value]) =>
      `<tr><td style="padding:3px 24px 3px 0;color:#6b7280;vertical-align:top;white-space:nowrap">` +
      `${escaped(label)}</td><td style="padding:3px 0">${escaped(cut(value))}</td></tr>`,
  );
  const parts = [
    `<div style="height:4px;background:${COLORS[tone]};border-radius:8px 8px 0 0"></div>`,
    `<div style="padding:22px 28px 26px">`,
    `<div style="font-size:20px;font-weight:600;color:${COLORS[tone]}">${escaped(title)}</div>`,
    about === "" ? "" : `<div style="font-size:16px;margin-top:4px">${escaped(cut(about))}</div>`,
    sentence === "" ? "" : `<p style="margin:18px 0 0">${escaped(sentence)}</p>`,
    rows.length === 0
      ? ""
      : `<table style="border-collapse:collapse;margin-top:18px;font-size:14px">${rows.join("")}</table>`,
    link === null ? "" : button(link),
    "</div>",
  ];
  return parts.join("");
}

function button(link: string): string {
  const style =
    "display:inline-block;margin-top:22px;padding:9px 18px;border-radius:6px;" +
    "background:#1f2937;color:#ffffff;text-decoration:none;font-size:14px";
  return `<a href="${escaped(link)}" style="${style}">Open</a>`;
}

function listHtml(notices: readonly Notice[], left: number, title: string): string {
  const items = notices.map((notice) => {
    const link =
      notice.link === null
        ? ""
        : ` <a href="${escaped(notice.link)}" style="color:#1565c0;font-size:13px">Open</a>`;
    const about =
      notice.about === ""
        ? ""
        : ` <span style="color:#111827">${escaped(cut(notice.about))}</span>`;
    return (
      `<div style="border-left:3px solid ${COLORS[notice.tone]};padding:2px 0 2px 14px;margin-top:16px">` +
      `<span style="font-weight:600;color:${COLORS[notice.tone]}">${escaped(notice.title)}</span>` +
      `${about}${link}<div style="color:#4b5563;font-size:14px">${escaped(detailOf(notice))}</div></div>`
    );
  });
  const more = left > 0 ? `<p style="color:#6b7280">${escaped(moreText(left))}</p>` : "";
  const head = `<div style="font-size:18px;font-weight:600">${escaped(title)}</div>`;
  return `<div style="padding:24px 28px 26px">${head}${items.join("")}${more}</div>`;
}

function page(subject: string, body: string, foot: string): string {
  return [
    `<!doctype html><html lang="en"><head><meta charset="utf-8">`,
    `<meta name="viewport" content="width=device-width"><title>${escaped(subject)}</title></head>`,
    `<body style="margin:0;padding:24px 12px;background:#f3f4f6;color:#111827;${FONT};`,
    `font-size:15px;line-height:1.5"><div style="max-width:600px;margin:0 auto;background:#ffffff;`,
    `border:1px solid #e5e7eb;border-radius:8px">${body}</div>`,
    `<div style="max-width:600px;margin:12px auto 0;color:#9ca3af;font-size:12px;text-align:center">`,
    `${escaped(foot)}</div></body></html>`,
  ].join("");
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
}
