// An external select: type, and choose from what the app offers.
import { h, pausing, put } from "./dom.js";

const SHORTEST_QUERY = 3;
/** What the options that were offered so far say, by value: a redraw shows the chosen one again. */
const offered = new Map();

/** Returns the field and what reads its value; `kept` is the value that was chosen before. */
export function picker(block, element, surface, id, kept) {
  if (element.initial_option) remember(element.initial_option);
  let chosen = kept === undefined ? element.initial_option?.value ?? null : kept;
  let rows = [];
  let at = -1;
  const list = h("ul", { id: `${id}-list`, class: "completions", role: "listbox", "aria-label": "Options", hidden: true });
  const box = h("input", {
    id, type: "text", role: "combobox", autocomplete: "off", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": `${id}-list`,
    placeholder: element.placeholder?.text ?? "Type to search…", value: offered.get(chosen) ?? "", autofocus: element.focus_on_load === true,
  });
  const node = h("span", { class: "picker" }, box, list);
  node.control = box;

  const show = (found) => {
    rows = found;
    at = -1;
    list.hidden = rows.length === 0;
    box.setAttribute("aria-expanded", String(rows.length > 0));
    box.removeAttribute("aria-activedescendant");
    put(list, rows.map((option, index) => h("li", { id: `${id}-${index}`, role: "option", "aria-selected": "false", onmousedown: (event) => { event.preventDefault(); take(option); } },
      surface.text(option.text), option.description && h("span", {}, surface.text(option.description)))));
  };
  const mark = (index) => {
    at = (index + rows.length) % rows.length;
    [...list.children].forEach((one, here) => one.setAttribute("aria-selected", String(here === at)));
    list.children[at].scrollIntoView({ block: "nearest" });
    box.setAttribute("aria-activedescendant", `${id}-${at}`);
  };
  const take = (option) => {
    chosen = option?.value ?? null;
    box.value = option ? surface.text(option.text) : "";
    show([]);
    node.dispatchEvent(new Event("change"));
  };
  const search = async () => {
    const query = box.value.trim();
    if (!box.matches(":focus")) return undefined;
    if (query.length < (element.min_query_length ?? SHORTEST_QUERY)) return show([]);
    const found = await surface.suggest(block, element, query);
    if (query !== box.value.trim() || !box.matches(":focus")) return undefined;
    found.forEach(remember);
    return show(found);
  };
  const searching = pausing(search);
  box.addEventListener("input", () => {
    if (!box.value && chosen !== null) take(null);
    else searching();
  });
  box.addEventListener("change", (event) => event.stopPropagation());
  box.addEventListener("blur", () => {
    show([]);
    box.value = offered.get(chosen) ?? "";
  });
  box.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      if (rows.length === 0) search();
      else mark(at < 0 && step < 0 ? rows.length - 1 : at + step);
    } else if (event.key === "Escape" && rows.length > 0) {
      event.preventDefault();
      event.stopPropagation();
      show([]);
    } else if (event.key === "Enter" && rows.length > 0) {
      event.preventDefault();
      take(rows[Math.max(0, at)]);
    }
  });
  return { node, value: () => chosen };

  function remember(option) {
    offered.set(option.value, surface.text(option.text));
  }
}
