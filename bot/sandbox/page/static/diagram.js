// The state machine as a drawing: which states there are and how they follow comes from the server's table.
import { svg } from "./dom.js";

const PLACES = {
  rejected: [0, 0], pending: [1, 0], expired: [2, 0],
  cancelled: [0, 1], approved: [1, 1], failed: [2, 1],
  creating: [1, 2], deleting: [1, 2], attention: [2, 2],
  created: [1, 3], deleted: [1, 3], unknown: [2, 3],
};
const WIDTH = 88, HEIGHT = 28, LEFT = 50, TOP = 22, ACROSS = 142, DOWN = 66;
/** How far some arrows bend aside, so that they pass no other state. */
const BENDS = { "approved/created": 120, "approved/deleted": 120, "failed/cancelled": 48 };
/** How far arrows bend that have one in the other direction beside them. */
const BESIDE = 9;

/** Returns the diagram of a kind of request, with the present state and the way there marked. */
export function diagram(table, request) {
  const at = (state) => {
    const [column, row] = PLACES[state] ?? [0, 2 + (table.states.indexOf(state) % 2)];
    return { x: LEFT + column * ACROSS, y: TOP + row * DOWN };
  };
  const now = request?.state;
  const gone = new Set((request?.moves ?? []).map(([from, to]) => `${from}/${to}`));
  const been = new Set(["pending", ...(request?.moves ?? []).flat()]);
  const back = (edge) => table.edges.some((other) => other.from === edge.to && other.to === edge.from);
  const bend = (edge) => BENDS[`${edge.from}/${edge.to}`] ?? (back(edge) ? -BESIDE : 0);
  const edges = table.edges.map((edge) => arrow(edge, at(edge.from), at(edge.to), bend(edge), { next: edge.from === now, gone: gone.has(`${edge.from}/${edge.to}`) }));
  const boxes = table.states.map((state) => {
    const { x, y } = at(state);
    const kind = [state === now && "now", request && been.has(state) && "been", table.ends.includes(state) && "end"].filter(Boolean).join(" ");
    return svg("g", { class: `state ${kind}`, "data-state": state },
      svg("rect", { x: x - WIDTH / 2, y: y - HEIGHT / 2, width: WIDTH, height: HEIGHT, rx: table.ends.includes(state) ? 14 : 5 }),
      svg("text", { x, y: y + 4 }, state));
  });
  return svg("svg", { viewBox: `0 0 ${LEFT * 2 + ACROSS * 2} ${TOP * 2 + DOWN * 3}`, role: "img", "aria-label": told(table, now) },
    svg("defs", {}, head("plain"), head("strong")), edges, boxes);
}

/** Says in words what the drawing shows. */
function told(table, now) {
  if (!now) return `State diagram with ${table.states.length} states. No request yet.`;
  const next = table.edges.filter((edge) => edge.from === now).map((edge) => `${edge.action.replace("_", " ")} leads to ${edge.to}`);
  return `State diagram. Now ${now}. ${next.length ? `From here: ${next.join(", ")}.` : "This is an end."}`;
}

function head(name) {
  return svg("marker", { id: `head-${name}`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 6, markerHeight: 6, orient: "auto", class: `head ${name}` }, svg("path", { d: "M0 0 8 4 0 8z" }));
}

function arrow(edge, from, to, bend, { next, gone }) {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const side = { x: -(to.y - from.y) / length, y: (to.x - from.x) / length };
  const control = { x: (from.x + to.x) / 2 + side.x * bend * 1.6, y: (from.y + to.y) / 2 + side.y * bend * 1.6 };
  const start = border(from, control);
  const end = border(to, control);
  const middle = { x: (start.x + 2 * control.x + end.x) / 4, y: (start.y + 2 * control.y + end.y) / 4 };
  const strong = next || gone;
  return svg("g", { class: `edge ${next ? "next" : ""} ${gone ? "gone" : ""}` },
    svg("path", { d: `M${start.x} ${start.y}Q${control.x} ${control.y} ${end.x} ${end.y}`, "marker-end": `url(#head-${strong ? "strong" : "plain"})` }),
    next && svg("text", { x: middle.x, y: middle.y + 3 }, edge.action.replace("_", " ")));
}

/** Returns where a line from a box's middle towards a point leaves the box. */
function border(middle, towards) {
  const x = towards.x - middle.x;
  const y = towards.y - middle.y;
  const scale = Math.min(WIDTH / 2 / Math.abs(x || 1e-6), HEIGHT / 2 / Math.abs(y || 1e-6));
  return { x: middle.x + x * scale, y: middle.y + y * scale };
}
