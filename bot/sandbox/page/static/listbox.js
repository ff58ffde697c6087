// A list of choices below or above an input: arrows mark one, Escape closes, a click takes.
import { h, put } from "./dom.js";

/** Joins an input and a new list; `draw(row)` returns what a row shows, `take(row)` is what choosing it does. */
export function listbox(box, id, label, draw, take) {
  const list = h("ul", { id, class: "completions", role: "listbox", "aria-label": label, hidden: true });
  let rows = [];
  let at = -1;
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": id })) box.setAttribute(name, value);

  const show = (found) => {
    rows = found;
    at = -1;
    list.hidden = rows.length === 0;
    box.setAttribute("aria-expanded", String(rows.length > 0));
    box.removeAttribute("aria-activedescendant");
    put(list, rows.map((row, index) => h("li", { id: `${id}-${index}`, role: "option", "aria-selected": "false", onmousedown: (event) => { event.preventDefault(); take(row); } }, draw(row))));
  };
  const mark = (index) => {
    at = (index + rows.length) % rows.length;
    [...list.children].forEach((one, here) => one.setAttribute("aria-selected", String(here === at)));
    list.children[at].scrollIntoView({ block: "nearest" });
    box.setAttribute("aria-activedescendant", `${id}-${at}`);
  };
  box.addEventListener("blur", () => show([]));
  box.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (rows.length === 0 || !(step || event.key === "Escape")) return;
    event.preventDefault();
    event.stopPropagation();
    if (step) mark(at < 0 && step < 0 ? rows.length - 1 : at + step);
    else show([]);
  });
  return { list, show, isOpen: () => rows.length > 0, marked: () => rows[at], first: () => rows[0] };
}
