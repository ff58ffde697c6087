// Modals: the one on top of the person's stack, as a dialog that holds the focus.
import { post } from "./api.js";
import { blocks, Surface } from "./blocks.js";
import { announce, h } from "./dom.js";

let dialog = null;
let shown = null;
let surface = null;

/** Shows the top modal, changes the one that is open, or closes it. */
export function drawModals(state, names) {
  const view = state.modals.at(-1);
  if (!view) return close();
  if (shown?.id === view.id && shown.hash === view.hash) return undefined;
  const same = shown?.id === view.id && JSON.stringify(shown.blocks) === JSON.stringify(view.blocks);
  if (same) shown = view;
  else open(state, view, names, shown?.id === view.id ? surface.values() : {});
  return tell(view.errors);
}

function open(state, view, names, kept) {
  close();
  shown = view;
  surface = new Surface(names, (block, element, value) =>
    post("click", { person: state.me, view: view.id, action: element.action_id, block_id: block.block_id, value, values: surface.values() }), 3);
  const leave = () => post("close", { person: state.me, view: view.id });
  const submit = view.submit && h("button", { type: "submit", class: "btn primary" }, view.submit);
  const form = h("form", { novalidate: true, onsubmit: (event) => send(event, state.me, view, submit) },
    h("header", {}, h("h2", { id: "modal-title" }, view.title), h("button", { type: "button", class: "quiet close", "aria-label": "Close", onclick: leave }, "✕")),
    h("p", { class: "b-error general", role: "alert", hidden: true }),
    h("div", { class: "modal-body" }, blocks(view.blocks, surface, kept)),
    h("footer", {}, h("button", { type: "button", class: "btn", onclick: leave }, view.close), submit));
  dialog = h("dialog", { class: "modal", "aria-labelledby": "modal-title" }, form);
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    leave();
  });
  document.body.append(dialog);
  dialog.showModal();
}

async function send(event, person, view, button) {
  event.preventDefault();
  if (!button || button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  const told = await post("submit", { person, view: view.id, values: surface.values() });
  button.removeAttribute("aria-busy");
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
