// The line to type in: messages and slash commands, with completion of the usage hint.
import { post } from "./api.js";
import { h, put } from "./dom.js";
import { listbox } from "./listbox.js";

const EXAMPLES = ["10b 2x128MB qlora4", "llama-3.1-8b 4xr16 lora", "70b 10x500MB qlora8"];
const ABOUT = {
  help: "how to ask",
  preview: "the numbers, to you alone; nothing is stored",
  policy: "who may approve a request, and why",
  list: "what waits and what is under way",
  mine: "what you asked for",
  show: "one request, by its id",
  history: "search what was asked",
  specs: "what exists in the cluster",
};

/** Draws the composer once; returns `{ update, write, focus }`. */
export function composer(form, command, page) {
  const box = h("textarea", { id: "message", rows: 1, "aria-label": "Message or command", "aria-describedby": "usage", spellcheck: "false", maxlength: 12000 });
  const usage = h("p", { id: "usage", class: "usage" });
  const send = h("button", { type: "submit", class: "btn primary" }, "Send");
  const known = rowsOf(command);
  const take = (row) => {
    box.value = row.text;
    changed();
    box.focus();
  };
  const { list, show, isOpen, marked } = listbox(box, "completions", "Completions", (row) => [h("code", {}, row.shown ?? row.text.trim()), h("span", {}, row.about)], take);
  const changed = () => {
    box.rows = Math.min(6, box.value.split("\n").length);
    usage.textContent = box.value.startsWith(command.command) ? `${command.command} ${command.usage_hint}` : "Type / for commands, @peftsize to ask in a thread. Enter sends, Shift + Enter breaks the line.";
    show(box.value.startsWith("/") && !box.value.includes("\n") ? known.filter((row) => row.text.startsWith(box.value) && row.text !== box.value) : []);
  };
  box.addEventListener("input", changed);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Tab" && !event.shiftKey && marked()) { event.preventDefault(); take(marked()); }
    else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      if (isOpen() && marked()) take(marked());
      else form.requestSubmit();
    }
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { person, channel, thread } = page.here();
    const text = box.value;
    if (!text.trim()) return;
    box.value = "";
    changed();
    const told = await page.sent(post("say", { person, channel, text, thread_ts: thread }));
    if (!told.ok && !box.value) box.value = text;
  });
  put(form, list, h("div", { class: "line" }, box, send), usage);
  changed();
  return {
    update: (name) => box.setAttribute("placeholder", `Message ${name}`),
    write: (text) => { box.value = text; changed(); show([]); box.focus(); },
    focus: () => box.focus(),
  };
}

function rowsOf(command) {
  const verbs = command.usage_hint.split("|").map((one) => one.trim()).filter((one) => one in ABOUT);
  return [
    { text: `${command.command} `, shown: command.command, about: command.description },
    ...EXAMPLES.map((text) => ({ text: `${command.command} ${text}`, about: "an example that runs" })),
    ...verbs.map((verb) => ({ text: `${command.command} ${verb}`, about: ABOUT[verb] })),
    { text: "/invite @peftsize", about: "let the app into this channel" },
    { text: "/remove @peftsize", about: "take it out again" },
  ];
}
