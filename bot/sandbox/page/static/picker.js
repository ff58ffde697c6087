// An external select: type, and choose from what the app offers.
import { h, pausing } from "./dom.js";
import { listbox } from "./listbox.js";

const SHORTEST_QUERY = 3;
/** What the options that were offered so far say, by value: a redraw shows the chosen one again. */
const offered = new Map();

/** Returns the field and what reads its value; `kept` is the value that was chosen before. */
export function picker(block, element, surface, id, kept) {
  const remember = (option) => offered.set(option.value, surface.text(option.text));
  if (element.initial_option) remember(element.initial_option);
  let chosen = kept === undefined ? element.initial_option?.value ?? null : kept;
  const box = h("input", { id, type: "text", autocomplete: "off", placeholder: element.placeholder?.text ?? "Type to search…", value: offered.get(chosen) ?? "", autofocus: element.focus_on_load === true });
  const take = (option) => {
    chosen = option?.value ?? null;
    box.value = offered.get(chosen) ?? "";
    show([]);
    node.dispatchEvent(new Event("change"));
  };
  const { list, show, isOpen, marked, first } = listbox(box, `${id}-list`, "Options",
    (option) => [surface.text(option.text), option.description && h("span", {}, surface.text(option.description))], take);
  const node = h("span", { class: "picker" }, box, list);
  node.control = box;

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
  box.addEventListener("input", () => (!box.value && chosen !== null ? take(null) : searching()));
  box.addEventListener("change", (event) => event.stopPropagation());
  box.addEventListener("blur", () => { box.value = offered.get(chosen) ?? ""; });
  box.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && !isOpen()) search();
    else if (event.key === "Enter" && isOpen()) {
      event.preventDefault();
      take(marked() ?? first());
    }
  });
  return { node, value: () => chosen };
}
