// Interactive elements of Block Kit: buttons, menus and fields.
import { h, newId, pausing } from "./dom.js";
import { ask } from "./confirm.js";
import { picker } from "./picker.js";

/** What tells an element from all others of its surface. */
export const keyOf = (block, element) => `${block.block_id}/${element.action_id}`;
/**
 * Returns an element that acts as soon as it is used.
 * `surface.act(block, element, value)` brings it to the app.
 */
export function acting(block, element, surface, kept) {
  switch (element.type) {
    case "button": return button(block, element, surface);
    case "overflow": return overflow(block, element, surface);
    default: {
      const { node, value } = field(block, element, surface, newId("field"), kept[keyOf(block, element)]);
      surface.fields.set(keyOf(block, element), value);
      node.addEventListener("change", () => surface.act(block, element, value()));
      (node.control ?? node).setAttribute("aria-label", element.placeholder?.text ?? element.action_id);
      return node;
    }
  }
}

/** Returns a field and what reads its value: `{ node, value }`. `kept` is what was typed before. */
export function field(block, element, surface, id, kept) {
  const made = make(block, element, surface, id, kept);
  (made.node.control ?? made.node).dataset.key = keyOf(block, element);
  return made;
}

function make(block, element, surface, id, kept) {
  switch (element.type) {
    case "external_select": return picker(block, element, surface, id, kept);
    case "static_select": return select(element, options(element, surface), id, kept);
    case "conversations_select": return select(element, surface.channels(), id, kept);
    default: return input(element, id, kept);
  }
}

/** Lets a field of an input block act by itself: once it is chosen, or at the moments that its text names. */
export function dispatch(block, surface, node, value) {
  const element = block.element;
  const act = () => surface.act(block, element, value());
  if (!element.type.endsWith("_input")) {
    node.addEventListener("change", act);
    return;
  }
  const moments = element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
  if (moments.includes("on_enter_pressed")) node.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    act();
  });
  if (moments.includes("on_character_entered")) node.addEventListener("input", pausing(() => node.isConnected && !node.closest("form")?.querySelector("[type=submit][aria-busy=true]") && act()));
}

function button(block, element, surface) {
  const made = h("button", {
    type: "button",
    class: `btn ${element.style ?? ""}`,
    "data-key": keyOf(block, element),
    "aria-label": element.accessibility_label && element.accessibility_label !== element.text.text ? `${element.text.text}. ${element.accessibility_label}` : null,
    onclick: () => once(made, element.confirm, () => surface.act(block, element)),
  }, element.text.text);
  return made;
}

function overflow(block, element, surface) {
  const menu = h("ul", { class: "menu", role: "menu", hidden: true });
  const opener = h("button", { type: "button", class: "btn", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": "More actions", "data-key": keyOf(block, element) }, "⋯");
  const pick = async (option) => {
    toggle(opener, menu, false);
    await once(opener, element.confirm, () => surface.act(block, element, option.value));
  };
  menu.append(...element.options.map((option) => h("li", { role: "none" },
    h("button", { type: "button", role: "menuitem", tabindex: "-1", onclick: () => pick(option) }, surface.text(option.text)))));
  return menuButton(opener, menu);
}

/** Joins a button and its menu: arrows move, Escape closes, and so does a click elsewhere. */
export function menuButton(opener, menu) {
  const items = () => [...menu.querySelectorAll("[role=menuitem]")];
  const box = h("span", { class: "with-menu" }, opener, menu);
  opener.addEventListener("click", () => toggle(opener, menu, menu.hidden));
  box.addEventListener("focusout", (event) => {
    if (!box.contains(event.relatedTarget)) toggle(opener, menu, false, false);
  });
  box.addEventListener("keydown", (event) => {
    const at = items().indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" && !menu.hidden) {
      event.stopPropagation();
      toggle(opener, menu, false);
    } else if (step) {
      event.preventDefault();
      if (menu.hidden) toggle(opener, menu, true);
      else items().at((at + step + items().length) % items().length).focus();
    }
  });
  return box;
}

function toggle(opener, menu, open, focus = true) {
  if (menu.hidden === !open) return undefined;
  menu.hidden = !open;
  opener.setAttribute("aria-expanded", String(open));
  if (!open) return focus && opener.focus();
  const edge = (opener.closest(".log, .modal-body") ?? document.body).getBoundingClientRect().right;
  menu.classList.toggle("rightward", opener.getBoundingClientRect().left + menu.offsetWidth <= edge);
  menu.scrollIntoView({ block: "nearest" });
  menu.querySelector("[role=menuitem]")?.focus();
  return undefined;
}

async function once(control, question, act) {
  if (control.getAttribute("aria-busy") === "true") return;
  if (question && !(await ask(question))) return;
  control.setAttribute("aria-busy", "true");
  await act();
  control.removeAttribute("aria-busy");
}

function options(element, surface) {
  return (element.options ?? []).map((option) => ({ value: option.value, words: surface.text(option.text) }));
}

function select(element, rows, id, kept) {
  const initial = element.initial_option?.value ?? element.initial_conversation;
  const chosen = kept === undefined ? initial : kept;
  const node = h("select", { id }, h("option", { value: "" }, element.placeholder?.text ?? "Choose…"),
    rows.map((row) => {
      const option = h("option", { value: row.value }, row.words);
      option.selected = row.value === chosen;
      return option;
    }));
  return { node, value: () => node.value || null };
}

function input(element, id, kept) {
  const common = { id, placeholder: element.placeholder?.text, autofocus: element.focus_on_load === true };
  const node = element.multiline ? h("textarea", { ...common, rows: 4 }) : h("input", { ...common, type: "text" });
  node.value = kept ?? element.initial_value ?? "";
  return { node, value: () => node.value || null };
}
