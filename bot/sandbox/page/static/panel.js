// Behind the scenes: the request's state, the audit trail, the specs, the traffic and the fault switches.
import { get, post } from "./api.js";
import { diagram } from "./diagram.js";
import { byId, changed, h, keepingFocus, put } from "./dom.js";

const TABS = { audit: "Audit", specs: "Specs", traffic: "HTTP", faults: "Faults" };
const WAYS = { "slack-in": "Slack → app", "slack-out": "app → Slack", watsonx: "app → watsonx" };
const opened = new Set();
let page, tab = "audit", chosen = "", newest = "";

/** Builds the panel's frame. */
export function preparePanel(its) {
  page = its;
  const button = (name) => h("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `pane-${name}`, onclick: () => select(name) }, TABS[name], h("span", { class: "number", id: `number-${name}` }));
  const list = h("div", { class: "tablist", role: "tablist", "aria-label": "Behind the scenes" }, Object.keys(TABS).map(button));
  list.addEventListener("keydown", (event) => {
    const names = Object.keys(TABS);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    select(names.at((names.indexOf(tab) + step) % names.length));
    byId(`tab-${tab}`).focus();
  });
  put(byId("panel"), h("section", { class: "request", id: "request", "aria-label": "Request" }), list,
    Object.keys(TABS).map((name) => h("div", { class: "pane", role: "tabpanel", id: `pane-${name}`, "aria-labelledby": `tab-${name}`, tabindex: "0" })));
  select(tab);
}

function select(name) {
  tab = name;
  for (const one of Object.keys(TABS)) {
    byId(`tab-${one}`).setAttribute("aria-selected", String(one === name));
    byId(`tab-${one}`).tabIndex = one === name ? 0 : -1;
    byId(`pane-${one}`).hidden = one !== name;
  }
}

/** Draws what changed. */
export function drawPanel(first, state, names) {
  drawRequest(first, state);
  redraw("audit", state.audit.events.length, [state.audit.head, state.audit.ok, state.me], () => audit(state, names));
  redraw("specs", state.specs.length, state.specs, () => specs(state.specs));
  redraw("traffic", state.traffic.length, [state.traffic, state.me], () => traffic(state.traffic, names));
  redraw("faults", state.switches.filter((one) => one.on).length, [state.switches, state.offset_ms], () => faults(first, state));
}

function redraw(name, number, data, make) {
  const pane = byId(`pane-${name}`);
  if (!changed(pane, data)) return;
  byId(`number-${name}`).textContent = number ? ` ${number}` : "";
  const atEnd = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 60;
  keepingFocus(pane, () => put(pane, make()));
  if (atEnd && (name === "audit" || name === "traffic")) pane.scrollTop = pane.scrollHeight;
}

function drawRequest(first, state) {
  const latest = state.requests[0]?.id ?? "";
  if (latest !== newest) chosen = newest = latest;
  const request = state.requests.find((one) => one.id === chosen);
  const box = byId("request");
  if (!changed(box, [request, state.requests.map((one) => [one.id, one.state])])) return;
  const pick = h("select", { id: "pick", "data-key": "pick", onchange: () => { chosen = pick.value; page.redraw(); } },
    state.requests.map((one) => h("option", { value: one.id, selected: one.id === chosen }, `${one.id} · ${one.state} · ${one.canonical.slice(0, 40)}`)));
  keepingFocus(box, () => put(box,
    request ? h("div", { class: "pick" }, h("label", { for: "pick" }, "Request"), pick) : h("p", { class: "pick" }, "No request yet. A request goes through these states:"),
    diagram(first.diagrams[request?.kind ?? "create"], request),
    h("p", { class: "words", role: "status" }, request ? `${request.name}: ${request.words}. Revision ${request.revision}, ${request.votes} of ${request.quorum} approvals.` : "")));
}

function audit(state, names) {
  const { ok, reason, rows, head, events } = state.audit;
  const verdict = ok ? `Chain verified: ${rows} rows, head ${head.slice(0, 12)}` : `Chain BROKEN: ${reason}`;
  return [
    h("p", { class: `verdict ${ok ? "good" : "bad"}`, role: "status" }, h("span", { "aria-hidden": "true" }, ok ? "✓ " : "✗ "), verdict),
    h("ol", { class: "events" }, events.map((event) => h("li", { class: event.event.endsWith(".refused") ? "refused" : "", value: event.seq },
      h("p", {}, h("b", {}, event.event), " ", event.from_state && event.from_state !== event.to_state && h("span", { class: "states" }, `${event.from_state} → ${event.to_state}`), h("time", {}, clock(event.at, names))),
      h("p", { class: "facts" }, [event.actor.name ?? event.actor.user_id ?? "the bot", event.request_id && `${event.request_id} r${event.revision}`, event.rest.status && `HTTP ${event.rest.status}`, event.reason].filter(Boolean).join(" · ")),
      h("p", { class: "hash" }, `${event.prev_hash.slice(0, 8)} → ${event.hash.slice(0, 16)}`)))),
    events.length === 0 && h("p", { class: "empty" }, "No events yet. Every step and every refused attempt becomes a row here, each with the hash of the one before."),
  ];
}

function specs(list) {
  if (list.length === 0) return h("p", { class: "empty" }, "The stand-in cluster holds no hardware specification yet.");
  return list.map((spec) => h("section", { class: "spec" }, h("h3", {}, spec.name), h("p", { class: "facts" }, h("code", {}, spec.id)), h("pre", { tabindex: "0", role: "group", "aria-label": `Body of ${spec.name}` }, JSON.stringify(spec.body, null, 2))));
}

function traffic(list, names) {
  if (list.length === 0) return h("p", { class: "empty" }, "No HTTP yet. Signatures, tokens and one-time addresses are masked here.");
  return h("ul", { class: "traffic" }, list.map((one) => {
    const details = h("details", { class: one.way, open: opened.has(one.id) },
      h("summary", { "data-key": one.id }, h("span", { class: "way" }, WAYS[one.way]), h("span", { class: one.status >= 400 || one.status === 0 ? "status bad" : "status" }, statusOf(one)), h("time", {}, clock(one.at_ms, names)), h("span", { class: "what" }, one.what)));
    const load = async () => {
      const { detail } = await get(`/api/traffic?id=${encodeURIComponent(one.id)}`);
      if (!details.querySelector("pre")) details.append(h("pre", { tabindex: "0", role: "group", "aria-label": "Content" }, detail));
    };
    details.addEventListener("toggle", () => {
      if (details.open) { opened.add(one.id); load(); } else opened.delete(one.id);
    });
    if (details.open) load();
    return h("li", {}, details);
  }));
}

const statusOf = (one) => (one.status === 0 ? "dropped" : one.status === null ? "…" : String(one.status));

function faults(first, state) {
  return [
    h("p", { class: "lead" }, "The first six are armed for the next create; the last two stay until you switch them back."),
    h("ul", { class: "switches" }, state.switches.map((one) => h("li", {},
      h("button", { type: "button", role: "switch", "aria-checked": String(one.on), "aria-describedby": `hint-${one.name}`, "data-key": one.name, onclick: () => page.sent(post("switch", { name: one.name, on: !one.on })) }, h("span", { class: "knob", "aria-hidden": "true" }), one.words),
      h("p", { class: "facts", id: `hint-${one.name}` }, one.hint)))),
    h("h3", {}, "Let time pass"),
    h("div", { class: "leaps" }, Object.entries(first.leaps).map(([words, minutes]) => h("button", { type: "button", class: "btn", "data-key": words, onclick: () => page.sent(post("pass", { minutes })) }, `+ ${words}`))),
    h("p", { class: "facts" }, state.offset_ms ? `The sandbox is ${Math.round(state.offset_ms / 60_000)} minutes ahead of the wall clock.` : "Reminders come after four hours, a request expires after a day, by the sandbox's own policy."),
  ];
}

function clock(ms, names) {
  return new Intl.DateTimeFormat("en-GB", { timeZone: names.zone(), hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(ms);
}
