// The state machine as a drawing: which states there are and how they follow comes from the server's table.
import { svg } from "./dom.js";

const PLACES = {
  rejected: [0, 0], pending: [1, 0], expired: [2, 0],
  cancelled: [0, 1], approved: [1, 1], failed: [2, 1],
  creating: [1, 2], deleting: [1, 2], attention: [2, 2],
  created: [1, 3], deleted: [1, 3], unknown: [2, 3],
};
const WIDTH = 84, HEIGHT = 28, LEFT = 46, TOP = 18, ACROSS = 160, DOWN = 70;
/** How far some arrows bend aside, so that they pass no other state. */
const BENDS = { "approved/created": 130, "approved/deleted": 130, "failed/cancelled": 46 };
/** How far arrows bend that have one in the other direction beside them. */
const BESIDE = 12;
/** Where on its arrow a word may stand, and how far beside it, the best first. */
const ALONG = [0.5, 0.45, 0.55, 0.4, 0.6, 0.35, 0.65, 0.3, 0.7, 0.2, 0.8];
const ASIDE = [0, 6, -6, 12, -12, 18, -18];

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
  const curves = table.edges.map((edge) => curve(edge, at(edge.from), at(edge.to), bend(edge)));
  const edges = curves.map((one) => arrow(one, { next: one.edge.from === now, gone: gone.has(`${one.edge.from}/${one.edge.to}`) }));
  const boxes = table.states.map((state) => {
    const { x, y } = at(state);
    const kind = [state === now && "now", request && been.has(state) && "been", table.ends.includes(state) && "end"].filter(Boolean).join(" ");
    return svg("g", { class: `state ${kind}`, "data-state": state },
      svg("rect", { x: x - WIDTH / 2, y: y - HEIGHT / 2, width: WIDTH, height: HEIGHT, rx: table.ends.includes(state) ? 14 : 5 }),
      svg("text", { x, y: y + 4 }, state));
  });
  return svg("svg", { viewBox: `0 0 ${LEFT * 2 + ACROSS * 2} ${TOP * 2 + DOWN * 3}`, role: "img", "aria-label": told(table, now) },
    svg("defs", {}, head("plain"), head("strong")), edges, boxes, labels(curves, now, table.states.map(at)));
}

/** Says in words what the drawing shows. */
function told(table, now) {
  if (!now) return `State diagram with ${table.states.length} states. No request yet.`;
  const next = table.edges.filter((edge) => edge.from === now).map((edge) => `${edge.action.replace("_", " ")} leads to ${edge.to}`);
  return `State diagram. Now ${now}. ${next.length ? `From here: ${next.join(", ")}.` : "This is a final state."}`;
}

function head(name) {
  return svg("marker", { id: `head-${name}`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 6, markerHeight: 6, orient: "auto", class: `head ${name}` }, svg("path", { d: "M0 0 8 4 0 8z" }));
}

/** Returns the way of an arrow from border to border; `point(t)` is a place on it, `side` points across. */
function curve(edge, from, to, bend) {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const side = { x: -(to.y - from.y) / length, y: (to.x - from.x) / length };
  const control = { x: (from.x + to.x) / 2 + side.x * bend * 1.6, y: (from.y + to.y) / 2 + side.y * bend * 1.6 };
  const start = border(from, control);
  const end = border(to, control);
  const mix = (t, axis) => (1 - t) ** 2 * start[axis] + 2 * t * (1 - t) * control[axis] + t ** 2 * end[axis];
  const point = (t) => ({ x: mix(t, "x"), y: mix(t, "y") });
  const points = Array.from({ length: 41 }, (_, index) => point(index / 40));
  return { edge, side, point, points, path: `M${start.x} ${start.y}Q${control.x} ${control.y} ${end.x} ${end.y}` };
}

function arrow(one, { next, gone }) {
  return svg("g", { class: `edge ${next ? "next" : ""} ${gone ? "gone" : ""}` },
    svg("path", { d: one.path, "marker-end": `url(#head-${next || gone ? "strong" : "plain"})` }));
}

/** Returns the words of what may come next, each where the fewest other lines, boxes and words are. */
function labels(curves, now, boxes) {
  const placed = [];
  return curves.filter((one) => one.edge.from === now).map((one) => {
    const words = one.edge.action.replace("_", " ");
    const size = { x: words.length * 3.1 + 4, y: 8 };
    const near = (place, other, room) => Math.abs(place.x - other.x) < size.x + room.x && Math.abs(place.y - other.y) < size.y + room.y;
    const cost = (place) => curves.filter((other) => other !== one && other.points.some((point) => near(place, point, { x: 1, y: 1 }))).length +
      boxes.filter((box) => near(place, box, { x: WIDTH / 2, y: HEIGHT / 2 })).length +
      Number(near(place, one.points.at(-1), { x: 8, y: 8 })) + placed.filter((other) => near(place, other, other.size)).length;
    const places = ASIDE.flatMap((aside) => ALONG.map((along) => {
      const { x, y } = one.point(along);
      return { x: x + one.side.x * aside, y: y + one.side.y * aside, size };
    }));
    const best = Math.min(...places.map(cost));
    const place = places.find((candidate) => cost(candidate) === best);
    placed.push(place);
    return svg("g", { class: "label" },
      svg("rect", { x: place.x - size.x, y: place.y - size.y, width: size.x * 2, height: size.y * 2, rx: 3 }),
      svg("text", { x: place.x, y: place.y + 4 }, words));
  });
}

/** Returns where a line from a box's middle towards a point leaves the box. */
function border(middle, towards) {
  const x = towards.x - middle.x;
  const y = towards.y - middle.y;
  const scale = Math.min(WIDTH / 2 / Math.abs(x || 1e-6), HEIGHT / 2 / Math.abs(y || 1e-6));
  return { x: middle.x + x * scale, y: middle.y + y * scale };
}
