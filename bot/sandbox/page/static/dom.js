// Making DOM nodes. Text only ever becomes text: nothing here parses HTML.

/** Makes an element; `on…` props are listeners, `false`, `null` and `undefined` are left out. */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** Makes an SVG element. */
export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), props, children);
}

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false));
  return node;
}

/** Returns the element with this id. */
export const byId = (id) => document.getElementById(id);

/** Replaces what a node holds. */
export function put(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter(Boolean));
  return node;
}

/** Puts nodes in order without touching those that are in their place: they keep focus and selection. */
export function arrange(parent, nodes) {
  [...parent.children].filter((one) => !nodes.includes(one)).forEach((one) => one.remove());
  nodes.forEach((node, index) => {
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
  });
}

/** Draws again only if the data changed; returns whether it did. */
export function changed(node, data) {
  const now = JSON.stringify(data);
  if (node.drawnFrom === now) return false;
  node.drawnFrom = now;
  return true;
}

/** Tells screen readers something; what came just before is not cut off. */
export function announce(words) {
  const live = byId("live");
  live.append(h("p", {}, words));
  while (live.childElementCount > 5) live.firstElementChild.remove();
}

/** Keeps keyboard focus, and what is selected, in the same control while `redraw` replaces it. */
export function keepingFocus(node, redraw) {
  const active = node.contains(document.activeElement) ? document.activeElement : null;
  const key = active?.dataset.key;
  const selected = [active?.selectionStart, active?.selectionEnd];
  redraw();
  if (!active || document.activeElement === active) return;
  if (node.contains(active)) {
    active.focus({ preventScroll: true });
    return;
  }
  const again = key && [...node.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key);
  (again || node.querySelector("[tabindex='-1']") || node).focus({ preventScroll: true });
  if (again?.setSelectionRange && Number.isInteger(selected[0])) again.setSelectionRange(...selected);
}

let next = 0;
/** Returns a new id for an element. */
export const newId = (what) => `${what}-${(next += 1)}`;

/** Returns a function that waits for a short pause before it calls `act`. */
export function pausing(act, pause = 200) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, pause);
  };
}
