// The sandbox page: follows the server's state and draws it for the person you are.
import { get, post } from "./api.js";
import { redrawBlocks, Surface } from "./blocks.js";
import { composer } from "./composer.js";
import { byId, changed, h, keepingFocus, put } from "./dom.js";
import { icon } from "./icons.js";
import { drawMessages, goTo, isReply } from "./messages.js";
import { drawModals } from "./modal.js";
import { Names } from "./names.js";
import { drawPanel, preparePanel } from "./panel.js";
import { drawPeople, drawSide, read } from "./side.js";

const EXAMPLE = "/peftsize 10b 2x128MB qlora4";
const here = { person: "", channel: "", thread: "", tab: "home", ts: "" };
let first, names, state, line, following, home;

const page = {
  here: () => here,
  redraw: () => draw(),
  thread: (ts) => { location.hash = `${names.to(here.channel, ts)}/thread`; },
  /** Says what went wrong, and hands the answer on. */
  async sent(answer) {
    const told = await answer;
    trouble(told.ok ? "" : told.error);
    return told;
  },
  welcome,
};

async function start() {
  prepareTheme();
  prepareViews();
  first = await get("/api/first");
  page.shortcut = first.shortcut;
  names = new Names(first);
  line = composer(byId("composer"), first.command, page);
  preparePanel(page);
  window.addEventListener("hashchange", travel);
  travel();
  line.focus();
  for (;;) await follow();
}

/** Waits for news and draws them. */
async function follow() {
  const person = here.person;
  following = new AbortController();
  const after = state?.me === person ? state.stamp : "";
  try {
    const news = await get(`/api/state?person=${person}&after=${after}`, following.signal);
    if (person !== here.person) return;
    state = news;
    names.update(state);
    byId("trouble").classList.contains("lost") && trouble("");
    draw();
  } catch (error) {
    if (error.name === "AbortError") return;
    trouble("The sandbox does not answer. Start it again with: peftsize sandbox (in a clone: make sandbox)", true);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

/** Reads from the address who you are and where: #person/channel/message, or #person/channel/message/thread. */
function travel() {
  const [who, channel, ts, thread] = decodeURIComponent(location.hash.slice(1)).split("/");
  const people = first.people.filter((one) => !one.is_bot);
  const person = people.find((one) => one.name === who || one.id === who) ?? people[0];
  const changedPerson = person.id !== here.person;
  Object.assign(here, { person: person.id, channel: channel ?? "", ts: ts ?? "", thread: thread ? ts : "" });
  if (changedPerson) {
    state = undefined;
    following?.abort();
  } else draw();
  view("chat");
}

function draw() {
  if (!state) return;
  const known = (which) => state.channels.find((one) => one.id === which || one.name === which);
  const channel = known(here.channel) ?? state.channels[0];
  here.channel = channel.id;
  const reply = (state.messages[channel.id] ?? []).find((one) => one.ts === here.ts && isReply(one));
  if (reply) here.thread = reply.thread_ts;
  read(state, channel.id);
  drawPeople(first, state, (id) => { location.hash = `#${names.people.get(id).name}/${channel.kind === "app" ? channel.name : channel.id}`; });
  drawSide(first, state, names, channel.id, page);
  drawHead(channel);
  const home = channel.kind === "app" && here.tab === "home" && !here.thread;
  byId("composer").hidden = home;
  if (home) drawHome();
  else drawMessages(byId("log"), state, names, channel.id, here.thread, page);
  line.update(here.thread ? "the thread" : channel.kind === "app" ? "peftsize" : `#${channel.name}`);
  drawModals(state, names);
  drawPanel(first, state, names);
  const offset = state.offset_ms ? `, ${Math.round(state.offset_ms / 60_000)} minutes ahead` : "";
  byId("clock").textContent = `${new Intl.DateTimeFormat("en-GB", { timeZone: names.zone(), weekday: "short", hour: "2-digit", minute: "2-digit" }).format(state.now_ms)} ${names.zone()}${offset}`;
  document.title = `${channel.kind === "app" ? "peftsize" : `#${channel.name}`} · ${names.me().real_name} · peftsize sandbox`;
  if (here.ts) goTo(byId("log"), here.ts);
  here.ts = "";
}

function drawHead(channel) {
  const head = byId("chat-head");
  if (!changed(head, [channel, here.tab, here.thread, state.me])) return;
  if (here.thread) {
    put(head, h("h2", { tabindex: "-1" }, "Thread"), h("p", {}, channel.name), h("a", { class: "back", href: names.to(channel.id, here.thread) }, "Back to the conversation"));
    return;
  }
  const tab = (name, words) => h("button", { type: "button", class: "tab", "aria-pressed": String(here.tab === name), "data-key": name, onclick: () => { here.tab = name; draw(); name === "home" && openHome(); } }, words);
  const about = channel.bot_in ? `${channel.members} members, peftsize among them` : `${channel.members} members; peftsize is not one of them: /invite @peftsize`;
  keepingFocus(head, () => put(head,
    h("h2", { tabindex: "-1" }, icon({ channel: "hash", private: "lock", app: "bars" }[channel.kind]), " ", channel.name),
    channel.kind === "app" ? h("div", { class: "tabs" }, tab("home", "Home"), tab("messages", "Messages")) : h("p", {}, about, channel.shared && " · shared with another organisation")));
  if (channel.kind === "app" && here.tab === "home") openHome();
}

const openHome = () => page.sent(post("home", { person: here.person }));

function drawHome() {
  const log = byId("log");
  const id = `${state.me}/${state.home?.id}`;
  if (home?.id !== id) home = {
    id,
    node: h("section", { class: "home", "aria-label": "Home" }, !state.home && h("p", {}, "Loading the Home tab …")),
    surface: state.home && new Surface(names, { person: state.me, view: state.home.id }, page.sent),
  };
  if (log.firstChild !== home.node) put(log, home.node);
  if (state.home) redrawBlocks(home.node, state.home.blocks, home.surface);
}

function welcome() {
  const step = (...words) => h("li", {}, words);
  return h("section", { class: "welcome" },
    h("h3", {}, "Try it in a minute"),
    h("ol", {},
      step("You are Rosa, a requester. Type ", h("code", {}, EXAMPLE), " and press Enter. "),
      step("A card appears. Press Approve: you are refused, since you asked."),
      step("Switch to Ada above, and approve. Watch the states, the audit and the HTTP traffic on the right."),
      step("Then make something go wrong: the switches are under Faults.")),
    h("button", { type: "button", class: "btn primary", onclick: () => line.write(EXAMPLE) }, "Fill in the example"));
}

function trouble(words, lost = false) {
  const node = byId("trouble");
  node.textContent = words;
  node.hidden = !words;
  node.classList.toggle("lost", lost && Boolean(words));
}

function view(name) {
  document.body.dataset.view = name;
  byId("views").querySelectorAll("button").forEach((one) => one.setAttribute("aria-pressed", String(one.value === name)));
}

function prepareViews() {
  const entry = (name, words) => h("button", { type: "button", value: name, "aria-pressed": "false", onclick: () => view(name) }, words);
  put(byId("views"), entry("side", "Conversations"), entry("chat", "Messages"), entry("panel", "Behind the scenes"));
}

function prepareTheme() {
  const button = byId("theme");
  const dark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const show = () => { button.textContent = dark() ? "Light" : "Dark"; button.setAttribute("aria-label", `Use the ${dark() ? "light" : "dark"} theme`); };
  const kept = localStorage.getItem("theme");
  if (kept) document.documentElement.dataset.theme = kept;
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    localStorage.setItem("theme", document.documentElement.dataset.theme);
    show();
  });
  show();
}

start();
