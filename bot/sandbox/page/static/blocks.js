// Block Kit as Slack draws it. Source: https://docs.slack.dev/reference/block-kit/blocks
import { h, newId } from "./dom.js";
import { acting, field } from "./elements.js";
import { icon } from "./icons.js";
import { mrkdwn, words } from "./mrkdwn.js";
import { richText, table } from "./richtext.js";

/**
 * Where blocks are drawn: a message, a modal or the Home tab.
 * `names` resolves ids; `send(block, element, value)` brings an action to the app.
 * `fields` collects what is filled in: block id → function.
 */
export class Surface {
  constructor(names, send, level = 3) {
    this.names = names;
    this.send = send;
    this.level = level;
    this.fields = new Map();
    this.errors = new Map();
  }

  act(block, element, value) {
    return this.send(block, element, value);
  }

  text(object) {
    return object.type === "mrkdwn" ? words(object.text, this.names) : object.text;
  }

  nodes(object) {
    return object.type === "mrkdwn" ? mrkdwn(object.text, this.names) : [object.text];
  }

  people() {
    return [...this.names.people.values()].filter((one) => !one.is_bot).map((one) => ({ value: one.id, words: one.real_name }));
  }

  channels() {
    return this.names.state.channels.map((one) => ({ value: one.id, words: `#${one.name}` }));
  }

  /** What is filled in now, by block id. */
  values() {
    return Object.fromEntries([...this.fields].map(([id, read]) => [id, read()]));
  }
}

/** Returns blocks as nodes; `kept` is what was typed before a redraw, by block id. */
export function blocks(list, surface, kept = {}) {
  return list.map((block) => draw(block, surface, kept[block.block_id]));
}

function draw(block, surface, kept) {
  switch (block.type) {
    case "header": return h(`h${surface.level}`, { class: "b-header" }, block.text.text);
    case "divider": return h("hr", { class: "b-divider" });
    case "section": return section(block, surface);
    case "context": return context(block, surface);
    case "actions": return h("div", { class: "b-actions" }, block.elements.map((element) => acting(block, element, surface)));
    case "input": return inputBlock(block, surface, kept);
    case "rich_text": return richText(block, surface.names);
    case "table": return table(block, surface.names);
    case "image": return picture(block);
    case "markdown": return h("div", { class: "b-section" }, block.text);
    default: return h("div", { class: "b-context" }, `[${block.type}]`);
  }
}

function section(block, surface) {
  const body = h("div", { class: "b-text" },
    block.text && h("div", { class: "b-mrkdwn" }, surface.nodes(block.text)),
    block.fields && h("div", { class: "b-fields" }, block.fields.map((one) => h("div", { class: "b-mrkdwn" }, surface.nodes(one)))));
  return h("div", { class: "b-section" }, body, block.accessory && h("div", { class: "b-accessory" }, acting(block, block.accessory, surface)));
}

function context(block, surface) {
  return h("div", { class: "b-context" }, block.elements.map((element) =>
    element.type === "image" ? picture(element) : h("span", { class: "b-mrkdwn" }, surface.nodes(element))));
}

// Nothing is loaded from outside, so a picture is told by its words.
const picture = (block) => h("span", { class: "b-image", role: "img", "aria-label": block.alt_text }, icon("picture"), ` ${block.alt_text}`);

function inputBlock(block, surface, kept) {
  const id = newId("input");
  const error = h("p", { class: "b-error", id: `${id}-error`, hidden: true });
  const hint = block.hint && h("p", { class: "b-hint", id: `${id}-hint` }, block.hint.text);
  const { node, value } = field(block, block.element, surface, id, kept);
  const group = node.classList.contains("choices");
  const label = h(group ? "span" : "label", { class: "b-label", id: `${id}-label`, for: group ? null : id },
    block.label.text, block.optional && h("span", { class: "b-optional" }, " (optional)"));
  if (group) node.setAttribute("aria-labelledby", `${id}-label`);
  node.setAttribute("aria-describedby", [`${id}-error`, hint && `${id}-hint`].filter(Boolean).join(" "));
  if (!block.optional && !group) node.setAttribute("aria-required", "true");
  surface.fields.set(block.block_id, value);
  surface.errors.set(block.block_id, (sentence) => {
    error.textContent = sentence ?? "";
    error.hidden = !sentence;
    if (sentence) node.setAttribute("aria-invalid", "true");
    else node.removeAttribute("aria-invalid");
    return sentence ? node : null;
  });
  return h("div", { class: "b-input" }, label, node, error, hint);
}
