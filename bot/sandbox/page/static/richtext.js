// The rich_text and table blocks. Source: https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
import { h } from "./dom.js";
import { link, moment } from "./mrkdwn.js";

/** Returns a rich_text block. */
export function richText(block, names) {
  return h("div", { class: "b-rich" }, block.elements.map((part) => section(part, names)));
}

/** Returns a table block. */
export function table(block, names) {
  const [head, ...rows] = block.rows;
  const cells = (row, tag) => row.map((cell) => h(tag, tag === "th" ? { scope: "col" } : {}, inCell(cell, names)));
  return h(
    "div",
    { class: "b-table", tabindex: "0", role: "group", "aria-label": "Table" },
    h("table", {}, h("thead", {}, h("tr", {}, cells(head, "th"))), h("tbody", {}, rows.map((row) => h("tr", {}, cells(row, "td"))))),
  );
}

function inCell(cell, names) {
  return cell.type === "rich_text" ? richText(cell, names) : String(cell.text ?? "");
}

function section(part, names) {
  const inside = () => run(part.elements, names);
  switch (part.type) {
    case "rich_text_list":
      return h(part.style === "ordered" ? "ol" : "ul", { class: `indent-${Math.min(part.indent ?? 0, 4)}` }, part.elements.map((item) => h("li", {}, run(item.elements, names))));
    case "rich_text_quote": return h("blockquote", {}, inside());
    case "rich_text_preformatted": return h("pre", { tabindex: "0", role: "group", "aria-label": "Code" }, h("code", {}, inside()));
    default: return h("p", {}, inside());
  }
}

const run = (elements, names) => elements.map((element) => styled(piece(element, names), element.style ?? {}));

function piece(element, names) {
  switch (element.type) {
    case "text": return element.text;
    case "link": return link(element.url, element.text || element.url, names);
    case "user": return names.person(element.user_id, "");
    case "usergroup": return names.group(element.usergroup_id, "");
    case "channel": return names.channel(element.channel_id, "");
    case "broadcast": return h("span", { class: "mention" }, `@${element.range}`);
    case "date": return moment(element.timestamp, element.format, element.fallback ?? "", names);
    case "emoji": return element.unicode ? String.fromCodePoint(...element.unicode.split("-").map((one) => parseInt(one, 16))) : `:${element.name}:`;
    default: return "";
  }
}

function styled(node, style) {
  const tags = { bold: "strong", italic: "em", strike: "s", code: "code" };
  return Object.entries(tags).reduce((inner, [name, tag]) => (style[name] ? h(tag, {}, inner) : inner), node);
}
