// Modals: the one on top of the person's stack, as a dialog that holds the focus.
import { post } from "./api.js";
import { redrawBlocks, Surface } from "./blocks.js";
import { announce, h } from "./dom.js";

/** What was typed into the modals of the stack, by view id: it is there again once the one above is closed. */
const typed = new Map();
let dialog = null;
let shown = null;
let surface = null;

/** Shows the top modal, changes the one that is open, or closes it. */
export function drawModals(state, names) {
  const view = state.modals.at(-1);
  const ids = state.modals.map((one) => one.id);
  for (const id of typed.keys()) if (!ids.includes(id)) typed.delete(id);
  if (!view) return close();
  if (shown?.id === view.id && shown.hash === view.hash) return undefined;
  const fresh = shown?.id !== view.id;
  if (fresh) open(state.me, view, names);
  shown = view;
  dialog.querySelector("h2").textContent = view.title;
  dialog.querySelector(".leave").textContent = view.close;
  dialog.querySelector("[type=submit]").textContent = view.submit ?? "";
  dialog.querySelector("[type=submit]").hidden = !view.submit;
  redrawBlocks(dialog.querySelector(".modal-body"), view.blocks, surface, fresh ? typed.get(view.id) ?? {} : undefined);
  if (fresh) dialog.showModal();
  return tell(view.errors);
}

function open(me, view, names) {
  if (shown) typed.set(shown.id, surface.values());
  close();
  surface = new Surface(names, { person: me, view: view.id });
  const leave = () => post("close", { person: me, view: view.id });
  const submit = h("button", { type: "submit", class: "btn primary" });
  const form = h("form", { novalidate: true, onsubmit: (event) => send(event, me, view.id, submit) },
    h("header", {}, h("h2", { id: "modal-title" }), h("button", { type: "button", class: "quiet close", "aria-label": "Close", onclick: leave }, "✕")),
    h("p", { class: "b-error general", role: "alert", hidden: true }),
    h("div", { class: "modal-body" }),
    h("footer", {}, h("button", { type: "button", class: "btn leave", onclick: leave }), submit));
  dialog = h("dialog", { class: "modal", "aria-labelledby": "modal-title" }, form);
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    leave();
  });
  document.body.append(dialog);
}

async function send(event, person, view, button) {
  event.preventDefault();
  if (button.hidden || button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  await surface.acted;
  const told = await post("submit", { person, view, values: surface.values() });
  if (told.closed) return; // busy until it is gone from the page too, so that no field acts in a view that is closed
  button.removeAttribute("aria-busy");
  if (shown?.id !== view) return;
  if (told.errors) tell(told.errors);
  else if (!told.ok) tell({ "": told.error });
}

/** Puts sentences under the fields and moves to the first that is wrong. */
function tell(errors) {
  const general = dialog.querySelector(".general");
  general.textContent = errors[""] ?? "";
  general.hidden = !errors[""];
  const wrong = [...surface.errors].map(([id, show]) => show(errors[id])).filter(Boolean);
  if (wrong.length > 0) {
    wrong[0].focus();
    announce(Object.values(errors).join(" "));
  }
}

function close() {
  dialog?.close();
  dialog?.remove();
  dialog = shown = surface = null;
}
