// Block Kit as Slack draws it. Source: https://docs.slack.dev/reference/block-kit/blocks
import { post } from "./api.js";
import { arrange, h, keepingFocus, newId } from "./dom.js";
import { acting, dispatch, field, keyOf } from "./elements.js";
import { mrkdwn, words } from "./mrkdwn.js";

/**
 * Where blocks are drawn: a message, a modal or the Home tab.
 * `names` resolves ids; `where` names the surface in posts; `sent` hears what became of each.
 * `fields` collects what is filled in: block and action id → function. `acted` is what became of the last act.
 */
export class Surface {
  constructor(names, where, sent = (answer) => answer, level = 3) {
    this.names = names;
    this.where = where;
    this.sent = sent;
    this.level = level;
    this.fields = new Map();
    this.errors = new Map();
  }

  /** Brings to the app what was pressed, chosen or typed. */
  act(block, element, value) {
    this.acted = this.sent(post("click", { ...this.where, ...this.named(block, element), value, values: this.values() }));
    return this.acted;
  }

  /** Asks the app for the options of an external select. */
  async suggest(block, element, query) {
    const told = await this.sent(post("suggest", { ...this.where, ...this.named(block, element), query, values: this.values() }));
    return told.options ?? [];
  }

  named(block, element) {
    return { action: element.action_id, block_id: block.block_id };
  }

  text(object) {
    return object.type === "mrkdwn" ? words(object.text, this.names) : object.text;
  }

  nodes(object) {
    return object.type === "mrkdwn" ? mrkdwn(object.text, this.names) : [object.text];
  }

  channels() {
    return this.names.state.channels.map((one) => ({ value: one.id, words: `#${one.name}` }));
  }

  /** What is filled in now, by block and action id. */
  values() {
    return Object.fromEntries([...this.fields].map(([key, read]) => [key, read()]));
  }

  /** Forgets the fields of a block that is drawn no more. */
  forget(id) {
    for (const key of this.fields.keys()) if (key.startsWith(`${id}/`)) this.fields.delete(key);
    this.errors.delete(id);
  }
}

/** Returns blocks as nodes. */
export function blocks(list, surface) {
  return list.map((block) => draw(block, surface, {}));
}

/**
 * Draws blocks into a node. One that did not change stays as it is; one that did keeps what was typed into it,
 * as Slack does where block and action ids stay the same. `kept` is what was typed before, by block and action id.
 */
export function redrawBlocks(node, list, surface, kept = surface.values()) {
  const before = node.drawnBlocks ?? new Map();
  const now = new Map(list.map((block) => {
    const data = JSON.stringify(block);
    const old = before.get(block.block_id);
    if (old?.data === data) return [block.block_id, old];
    surface.forget(block.block_id);
    return [block.block_id, { data, node: draw(block, surface, kept) }];
  }));
  for (const id of before.keys()) if (!now.has(id)) surface.forget(id);
  node.drawnBlocks = now;
  keepingFocus(node, () => arrange(node, [...now.values()].map((one) => one.node)));
}

function draw(block, surface, kept) {
  switch (block.type) {
    case "header": return h(`h${surface.level}`, { class: "b-header" }, block.text.text);
    case "divider": return h("hr", { class: "b-divider" });
    case "section": return section(block, surface, kept);
    case "context": return context(block, surface);
    case "actions": return h("div", { class: "b-actions" }, block.elements.map((element) => acting(block, element, surface, kept)));
    case "input": return inputBlock(block, surface, kept);
    default: return h("div", { class: "b-context" }, `[${block.type}]`);
  }
}

function section(block, surface, kept) {
  const body = h("div", { class: "b-text" },
    block.text && h("div", { class: "b-mrkdwn" }, surface.nodes(block.text)),
    block.fields && h("div", { class: "b-fields" }, block.fields.map((one) => h("div", { class: "b-mrkdwn" }, surface.nodes(one)))));
  return h("div", { class: "b-section" }, body, block.accessory && h("div", { class: "b-accessory" }, acting(block, block.accessory, surface, kept)));
}

function context(block, surface) {
  return h("div", { class: "b-context" }, block.elements.map((element) => h("span", { class: "b-mrkdwn" }, surface.nodes(element))));
}

function inputBlock(block, surface, kept) {
  const id = newId("input");
  const error = h("p", { class: "b-error", id: `${id}-error`, hidden: true });
  const hint = block.hint && h("p", { class: "b-hint", id: `${id}-hint` }, block.hint.text);
  const { node, value } = field(block, block.element, surface, id, kept[keyOf(block, block.element)]);
  const control = node.control ?? node;
  const label = h("label", { class: "b-label", for: id }, block.label.text, block.optional && h("span", { class: "b-optional" }, " (optional)"));
  control.setAttribute("aria-describedby", [`${id}-error`, hint && `${id}-hint`].filter(Boolean).join(" "));
  if (!block.optional) control.setAttribute("aria-required", "true");
  surface.fields.set(keyOf(block, block.element), value);
  if (block.dispatch_action) dispatch(block, surface, node, value);
  surface.errors.set(block.block_id, (sentence) => {
    error.textContent = sentence ?? "";
    error.hidden = !sentence;
    if (sentence) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
    return sentence ? control : null;
  });
  return h("div", { class: "b-input" }, label, node, error, hint);
}
