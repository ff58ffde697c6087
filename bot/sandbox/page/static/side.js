// Who you are, and the conversations that you see.
import { post } from "./api.js";
import { byId, changed, h, keepingFocus, put } from "./dom.js";
import { icon } from "./icons.js";
import { avatar } from "./messages.js";

const ROLES = { requester: "asks", approver: "approves", admin: "admin", guest: "guest", foreigner: "another organisation" };
const seen = new Map();
const told = new Map();

/** Draws the person switcher; a number says how much somebody can decide, a dot that the app wrote to them. */
export function drawPeople(first, state, choose) {
  const box = byId("people");
  if (!told.has(state.me)) first.people.forEach((one) => told.set(one.id, told.get(one.id) ?? 0));
  const unread = (id) => id !== state.me && (state.inboxes[id] ?? 0) > (told.get(id) ?? 0);
  if (!changed(box, [state.me, state.waiting, first.people.map((one) => unread(one.id))])) return;
  const legend = box.querySelector("legend");
  keepingFocus(box, () => put(box, legend, first.people.filter((one) => !one.is_bot).map((one, index) => {
    const radio = h("input", { type: "radio", name: "person", value: one.id, "data-key": one.id, onchange: () => choose(one.id) });
    radio.checked = one.id === state.me;
    return h("label", { class: "person", title: `${one.real_name}, ${one.tz}` }, radio, avatar(one.real_name, index),
      h("span", { class: "words" }, h("b", {}, one.real_name.split(" ")[0]), h("small", {}, ROLES[one.role] ?? one.role)),
      badge(state.waiting[one.id] ?? 0, unread(one.id)));
  })));
}

function badge(decisions, unread) {
  if (decisions > 0) return h("span", { class: "badge" }, String(decisions), h("span", { class: "unseen" }, " to decide"));
  return unread && h("span", { class: "badge dot" }, h("span", { class: "unseen" }, "has a new message"));
}

/** Notes that the person has read what they see. */
export function read(state, channel) {
  const list = state.messages[channel] ?? [];
  seen.set(`${state.me}/${channel}`, list.at(-1)?.ts ?? "");
  const app = state.channels.find((one) => one.id === channel)?.kind === "app";
  if (app) told.set(state.me, state.inboxes[state.me] ?? 0);
}

/** Draws the conversations, and the workflow that holds the app's step. */
export function drawSide(first, state, names, channel, page) {
  const side = byId("side");
  const unread = (one) => (state.messages[one.id] ?? []).filter((m) => m.ts > (seen.get(`${state.me}/${one.id}`) ?? "") && m.user !== state.me).length;
  const rows = state.channels.map((one) => ({ ...one, unread: one.id === channel ? 0 : unread(one) }));
  if (!changed(side, [state.me, channel, rows, state.runs])) return;
  const entry = (one) => h("li", {}, h("a", { href: names.to(one.id), class: one.unread ? "unread" : "", "data-key": one.id, "aria-current": one.id === channel ? "page" : null },
    h("span", { class: "sign" }, icon({ channel: "hash", private: "lock", app: "bars" }[one.kind])), h("span", { class: "name" }, one.name),
    one.kind === "private" && h("span", { class: "unseen" }, ", private channel"),
    !one.bot_in && h("span", { class: "out", title: "peftsize is not a member" }, "no app"),
    one.unread > 0 && h("span", { class: "count" }, String(one.unread), h("span", { class: "unseen" }, " new"))));
  const of = (...kinds) => h("ul", {}, rows.filter((one) => kinds.includes(one.kind)).map(entry));
  keepingFocus(side, () => put(side,
    h("p", { class: "team" }, first.team), h("h2", {}, "Channels"), of("channel", "private"), h("h2", {}, "Apps"), of("app"),
    h("h2", {}, "Workflows"), h("button", { type: "button", class: "run", "data-key": "workflow", onclick: () => page.sent(post("workflow", { person: state.me })) }, `${first.workflow} …`),
    h("ul", { class: "runs", "aria-label": "Runs" }, state.runs.map((one) => h("li", {}, one))),
    h("p", { class: "note" }, "The app, its signatures, database, worker and REST client are real. Only Slack and the cluster are stand-ins.")));
}
