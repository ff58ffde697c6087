// Small pictures, drawn here so that none depends on a font.
import { svg } from "./dom.js";

const PATHS = {
  lock: "M4 7V5a4 4 0 0 1 8 0v2h1v8H3V7zm2 0h4V5a2 2 0 0 0-4 0z",
  eye: "M8 3C4 3 1.3 6 .5 8 1.300 10 4 13 8 13s6.700-3 7.500-5C14.700 6 12 3 8 3zm0 2a3 3 0 1 1 0 6 3 3 0 0 1 0-6zm0 1.500a1.500 1.500 0 1 0 0 3 1.500 1.500 0 0 0 0-3z",
  bars: "M1 9h3v6H1zm5.500-4h3v10h-3zM12 1h3v14h-3z",
  hash: "M6 1 5.400 5H2v2h3.100l-.3 2H1.500v2h3L4 15h2l.6-4h3L9 15h2l.6-4H14.500V9h-2.600l.3-2H15V5h-2.500L13 1h-2l-.6 4h-3L8 1zm1.100 6h3l-.3 2h-3z",
};

/** Returns a picture; screen readers pass it over. */
export function icon(name) {
  return svg("svg", { class: `icon icon-${name}`, viewBox: "0 0 16 16", width: 14, height: 14, "aria-hidden": "true" },
    svg("path", { d: PATHS[name], "fill-rule": "evenodd" }));
}
