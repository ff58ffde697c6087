// Slack's markup as DOM nodes. Source: https://docs.slack.dev/messaging/formatting-message-text
import { h } from "./dom.js";

const FENCE = /```\n?([\s\S]*?)```/g;
const INLINE =
  /`([^`\n]+)`|<([^<>\n]+)>|(?<![\p{L}\p{N}*_~])([*_~])(?=\S)([^\n]*?\S)\3(?![\p{L}\p{N}*_~])/gu;
const STYLE = { "*": "strong", _: "em", "~": "s" };
const WHOLE = { here: "@here", channel: "@channel", everyone: "@everyone" };

/** Returns mrkdwn as nodes; `names` resolves ids (see names.js). */
export function mrkdwn(text, names) {
  const nodes = [];
  let at = 0;
  for (const match of text.matchAll(FENCE)) {
    nodes.push(...paragraphs(trimmedEnd(text.slice(at, match.index)), names));
    nodes.push(h("pre", { tabindex: "0", role: "group", "aria-label": "Code" }, h("code", {}, decoded(match[1].replace(/\n$/, "")))));
    at = match.index + match[0].length;
    if (text[at] === "\n") at += 1;
  }
  nodes.push(...paragraphs(text.slice(at), names));
  return nodes;
}

/** Returns mrkdwn as plain words, for screen readers and titles. */
export function words(text, names) {
  return h("div", {}, mrkdwn(text, names)).textContent;
}

/** Returns a link that leads to http or https, or the words alone. */
export function link(url, label, names) {
  const card = names.card(url);
  if (card) return h("a", { href: card }, label);
  if (!/^https?:\/\//i.test(url)) return document.createTextNode(label);
  return h("a", { href: url, rel: "noopener noreferrer", target: "_blank" }, label);
}

/** Returns a moment in the reader's time zone, by Slack's format. */
export function moment(seconds, format, fallback, names) {
  const date = new Date(seconds * 1000);
  if (!Number.isFinite(date.getTime())) return document.createTextNode(fallback);
  const shown = format.replace(/\{(\w+)\}/g, (whole, token) => inWords(date, token, names) ?? whole);
  return h("time", { datetime: date.toISOString(), title: fallback }, shown);
}

function paragraphs(text, names) {
  if (!text) return [];
  const parts = [];
  let quoted = null;
  const lines = text.split("\n");
  lines.forEach((line, index) => {
    const quote = /^(?:&gt;|>) ?(.*)$/.exec(line);
    if (quote) {
      if (!quoted) parts.push((quoted = h("blockquote")));
      else quoted.append("\n");
      quoted.append(...inline(quote[1], names));
      return;
    }
    quoted = null;
    parts.push(...inline(line, names));
    if (index < lines.length - 1) parts.push("\n");
  });
  return parts;
}

function inline(text, names) {
  const nodes = [];
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    nodes.push(decoded(text.slice(at, match.index)));
    if (match[1] !== undefined) nodes.push(h("code", {}, decoded(match[1])));
    else if (match[2] !== undefined) nodes.push(reference(match[2], names));
    else nodes.push(h(STYLE[match[3]], {}, inline(match[4], names)));
    at = match.index + match[0].length;
  }
  nodes.push(decoded(text.slice(at)));
  return nodes.filter((node) => node !== "");
}

function reference(inner, names) {
  const bar = inner.indexOf("|");
  const target = bar < 0 ? inner : inner.slice(0, bar);
  const label = bar < 0 ? "" : decoded(inner.slice(bar + 1));
  if (target.startsWith("@")) return names.person(target.slice(1), label);
  if (target.startsWith("#")) return names.channel(target.slice(1), label);
  if (target.startsWith("!subteam^")) return names.group(target.slice(9), label);
  if (target.startsWith("!date^")) {
    const [, seconds, format, to] = target.split("^");
    const shown = moment(Number(seconds), format ?? "", label, names);
    return to ? h("span", {}, link(to, shown.textContent, names)) : shown;
  }
  if (target.startsWith("!")) return h("span", { class: "mention" }, WHOLE[target.slice(1)] ?? `@${target.slice(1)}`);
  const url = decoded(target);
  return link(url, label || url, names);
}

function inWords(date, token, names) {
  const zone = { timeZone: names.zone() };
  const day = (options) => new Intl.DateTimeFormat("en-GB", { ...options, ...zone }).format(date);
  const near = token.endsWith("_pretty") && relative(date, names);
  switch (token) {
    case "date_num": return day({ year: "numeric", month: "2-digit", day: "2-digit" }).split("/").reverse().join("-");
    case "date_short": case "date_short_pretty": return near || day({ year: "numeric", month: "short", day: "numeric" });
    case "date": case "date_pretty": return near || day({ year: "numeric", month: "long", day: "numeric" });
    case "date_long": case "date_long_pretty": return near || day({ weekday: "long", year: "numeric", month: "long", day: "numeric" });
    case "time": return day({ hour: "2-digit", minute: "2-digit" });
    case "time_secs": return day({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
    default: return null;
  }
}

function relative(date, names) {
  const on = (time) => new Intl.DateTimeFormat("en-CA", { timeZone: names.zone() }).format(time);
  const now = names.now();
  if (on(date) === on(now)) return "today";
  if (on(date) === on(now + 86_400_000)) return "tomorrow";
  return on(date) === on(now - 86_400_000) ? "yesterday" : "";
}

const trimmedEnd = (text) => text.replace(/\n$/, "");
const decoded = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
