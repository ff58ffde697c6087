// The messages of one conversation, each updated in its place.
import { post } from "./api.js";
import { blocks, Surface } from "./blocks.js";
import { announce, arrange, h, newId, put } from "./dom.js";
import { menuButton } from "./elements.js";
import { icon } from "./icons.js";
import { mrkdwn, words } from "./mrkdwn.js";

const SLACKBOT = "USLACKBOT";
const drawn = new Map();
let place = "";

/** Whether a message stands in somebody else's thread. */
export const isReply = (message) => Boolean(message.thread_ts) && message.thread_ts !== message.ts;

/** Draws a conversation, or one of its threads; tells screen readers what is new or changed. */
export function drawMessages(log, state, names, channel, thread, page) {
  const list = state.messages[channel] ?? [];
  const moved = place !== `${state.me}/${channel}/${thread}`;
  if (moved) {
    drawn.clear();
    put(log);
    place = `${state.me}/${channel}/${thread}`;
  }
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  const here = list.filter((one) => (thread ? one.ts === thread || one.thread_ts === thread : !isReply(one)));
  const before = new Set(drawn.keys());
  const nodes = here.map((message) => {
    const replies = thread ? 0 : list.filter((one) => isReply(one) && one.thread_ts === message.ts).length;
    before.delete(message.ts);
    return keyed(message, replies, state, names, page, moved);
  });
  before.forEach((ts) => drawn.delete(ts));
  const shown = nodes.length > 0 || thread ? nodes : [page.welcome()];
  arrange(log, shown);
  if (moved || atEnd) log.scrollTop = log.scrollHeight;
}

/** Brings a message into sight. */
export function goTo(log, ts) {
  const node = drawn.get(ts)?.node;
  if (!node) return;
  node.scrollIntoView({ block: "center" });
  node.focus({ preventScroll: true });
}

function keyed(message, replies, state, names, page, silent) {
  const data = JSON.stringify([message, replies, Math.floor(state.now_ms / 3_600_000)]);
  const old = drawn.get(message.ts);
  if (old?.data === data) return old.node;
  const fresh = article(message, replies, state, names, page);
  if (!silent) say(message, old, names);
  if (old?.node.isConnected) keepingFocusOf(old.node, fresh);
  drawn.set(message.ts, { data, node: fresh });
  return fresh;
}

function keepingFocusOf(old, fresh) {
  const active = old.contains(document.activeElement) ? document.activeElement : null;
  old.replaceWith(fresh);
  if (!active) return;
  const again = active.dataset.key && [...fresh.querySelectorAll("[data-key]")].find((one) => one.dataset.key === active.dataset.key);
  (again || fresh).focus({ preventScroll: true });
}

function say(message, old, names) {
  const verb = old ? "updated" : message.only_you ? "to you alone" : "says";
  announce(`${author(message, names).name} ${verb}: ${words(message.text, names).slice(0, 300)}`);
}

function article(message, replies, state, names, page) {
  const by = author(message, names);
  const label = newId("message");
  const surface = new Surface(names, { person: state.me, channel: message.channel, ts: message.ts }, page.sent);
  const body = message.blocks.length > 0 ? blocks(message.blocks, surface) : h("div", { class: "b-mrkdwn words" }, mrkdwn(message.text, names));
  return h("article", { class: `message ${message.only_you ? "only-you" : ""}`, tabindex: "-1", "aria-labelledby": label, "data-ts": message.ts },
    avatar(by.name, by.app ? -1 : by.number),
    h("div", { class: "said" },
      message.only_you && h("p", { class: "private" }, icon("eye"), " Only visible to you"),
      h("h3", { class: "by", id: label }, h("span", { class: "who" }, by.name), by.app && h("span", { class: "app" }, "APP"), " ", time(message, names), message.edited && h("span", { class: "edited" }, " (edited)")),
      h("div", { class: "content" }, body),
      thread(message, replies, page)),
    message.only_you ? null : more(message, state, page));
}

function thread(message, replies, page) {
  if (replies === 0) return null;
  return h("button", { type: "button", class: "quiet thread-opener", "data-key": `thread/${message.ts}`, onclick: () => page.thread(message.ts) },
    replies === 1 ? "1 reply" : `${replies} replies`);
}

function more(message, state, page) {
  const opener = h("button", { type: "button", class: "quiet", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": "Message actions", "data-key": `more/${message.ts}` }, "⋮");
  const item = (wording, act) => h("li", { role: "none" }, h("button", { type: "button", role: "menuitem", tabindex: "-1", onclick: act }, wording));
  const reply = () => page.thread(message.thread_ts || message.ts);
  const shortcut = () => page.sent(post("shortcut", { person: state.me, channel: message.channel, ts: message.ts, callback_id: page.shortcut.callback_id }));
  const menu = h("ul", { class: "menu", role: "menu", hidden: true }, item("Reply in thread", reply), item(`${page.shortcut.name} (peftsize)`, shortcut));
  const joined = menuButton(opener, menu);
  joined.classList.add("message-menu");
  return joined;
}

function time(message, names) {
  const at = new Date(Number(message.ts) * 1000);
  const clock = new Intl.DateTimeFormat("en-GB", { timeZone: names.zone(), hour: "2-digit", minute: "2-digit" }).format(at);
  return h("time", { datetime: at.toISOString() }, clock);
}

function author(message, names) {
  if (message.user === SLACKBOT) return { name: "Slackbot", app: true, number: 0 };
  const person = names.people.get(message.user);
  const number = [...names.people.values()].filter((one) => !one.is_bot).indexOf(person);
  return { name: person?.real_name ?? message.user, app: person?.is_bot ?? false, number };
}

/** Returns the picture of somebody: two letters on a colour of their own; below zero the app's. */
export function avatar(name, number) {
  if (number < 0) return h("span", { class: "avatar colour-app", "aria-hidden": "true" }, icon("bars"));
  const initials = name.split(" ").map((word) => word[0] ?? "").join("").slice(0, 2);
  return h("span", { class: `avatar colour-${number % 6}`, "aria-hidden": "true" }, initials);
}
