/** Posts messages to a chat channel through an incoming webhook, as Slack takes them. */
import { type SlackPlan } from "../plan/sinks/slack.ts";
import { type Destination, type DestinationDeps, httpUrl } from "./destination.ts";
import { checkAnswer, Poster } from "./http-post.ts";
import { cut, type Notice, noticesOf, summary } from "./notice.ts";

/** Alarms that one message is about at most. */
const BATCH_ROWS = 1000;
/** Of them, those that are written out; the others are counted. */
const SHOWN_NOTICES = 15;
/** Characters of a block's text; Slack refuses more than 3,000. */
const MAX_BLOCK = 2900;
const MAX_FACTS = 10;

export function openSlack(plan: SlackPlan, deps: DestinationDeps): Destination {
  const url = httpUrl(plan, deps);
  const poster = new Poster({ allowsPrivate: plan.allowPrivateAddresses, sockets: 1 });
  const noticeOf = noticesOf(deps.alert, plan.link);
  return {
    kind: "rows",
    batchRows: BATCH_ROWS,
    lanes: 1,
    isOneMessage: true,
    pace: deps.paces(url.href, plan.everyUs / 1000),
    deliver: async (batch, signal) => {
      const body = JSON.stringify(slackMessage(batch.map(noticeOf)));
      const headers = { "content-type": "application/json; charset=utf-8", "user-agent": "kurobe" };
      const timeoutMs = plan.timeoutUs / 1000;
      const answer = await poster.post({ url, headers, body, timeoutMs, signal });
      checkAnswer(url, answer, deps.nowMs());
    },
    [Symbol.asyncDispose]: () => {
      poster[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}

interface SlackText {
  readonly type: "mrkdwn";
  readonly text: string;
}

interface SlackBlock {
  readonly type: "section" | "context";
  readonly text?: SlackText;
  readonly elements?: readonly SlackText[];
}

export interface SlackMessage {
  /** What notifications of phones show. */
  readonly text: string;
  readonly blocks: readonly SlackBlock[];
  readonly unfurl_links: false;
}

/** One alarm in full, or a list of the first ones with a count of the others. */
export function slackMessage(notices: readonly Notice[]): SlackMessage {
  const [first] = notices;
  const blocks =
    notices.length === 1 && first !== undefined ? oneBlocks(first) : listBlocks(notices);
  const text = notices.length === 1 && first !== undefined ? plainLine(first) : summary(notices);
  return { text: escaped(text), blocks, unfurl_links: false };
}

const MARKS: Readonly<Record<Notice["tone"], string>> = {
  firing: ":red_circle:",
  resolved: ":large_green_circle:",
  test: ":large_blue_circle:",
  row: ":small_blue_diamond:",
  removed: ":heavy_minus_sign:",
};

function oneBlocks(notice: Notice): readonly SlackBlock[] {
  const facts = notice.facts
    .slice(0, MAX_FACTS)
    .map(([label, value]) => `*${escaped(label)}*  ${escaped(cut(value))}`);
  const lines = [headline(notice), escaped(notice.sentence)].filter((line) => line !== "");
  const isAlarm = notice.sentence !== "";
  const body = isAlarm ? lines : [...lines, ...facts];
  const link = notice.link === null ? [] : [`<${escaped(notice.link)}|Open>`];
  const small = [...(isAlarm ? facts : []), ...link];
  const blocks: SlackBlock[] = [{ type: "section", text: mrkdwn(body.join("\n")) }];
  if (small.length > 0) blocks.push({ type: "context", elements: [mrkdwn(small.join("   "))] });
  return blocks;
}

function listBlocks(notices: readonly Notice[]): readonly SlackBlock[] {
  const blocks: SlackBlock[] = [
    { type: "section", text: mrkdwn(`*${escaped(summary(notices))}*`) },
  ];
  for (const notice of notices.slice(0, SHOWN_NOTICES)) {
    const link = notice.link === null ? "" : `  <${escaped(notice.link)}|Open>`;
    const facts = notice.facts.map(([label, value]) => `${label} ${cut(value)}`).join(", ");
    const detail = escaped(notice.sentence === "" ? facts : notice.sentence);
    blocks.push({ type: "section", text: mrkdwn(`${headline(notice)}${link}\n${detail}`) });
  }
  const left = notices.length - SHOWN_NOTICES;
  if (left > 0)
    blocks.push({ type: "context", elements: [mrkdwn(`… and ${left} more of the same time.`)] });
  return blocks;
}

function headline(notice: Notice): string {
  const about = notice.about === "" ? "" : `  ${escaped(cut(notice.about))}`;
  return `${MARKS[notice.tone]} *${escaped(notice.title)}*${about}`;
}

function plainLine({ title, about, sentence }: Notice): string {
  return [`${title}${about === "" ? "" : ` (${cut(about)})`}`, sentence]
    .filter((part) => part !== "")
    .join(": ");
}

function mrkdwn(text: string): SlackText {
  return { type: "mrkdwn", text: text.length > MAX_BLOCK ? `${text.slice(0, MAX_BLOCK)} …` : text };
}

/** The three characters with which Slack's markup begins; a value cannot call a whole channel. */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
