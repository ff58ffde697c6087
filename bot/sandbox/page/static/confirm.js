// The question that a button asks before it counts.
import { h, newId } from "./dom.js";

/** Shows a confirm object as a dialog; resolves to whether it was confirmed. */
export function ask(question) {
  const title = newId("confirm");
  const body = newId("confirm");
  const yes = h("button", { type: "button", class: `btn ${question.style ?? "primary"}`, autofocus: true }, question.confirm?.text ?? "Yes");
  const no = h("button", { type: "button", class: "btn" }, question.deny?.text ?? "Cancel");
  const dialog = h("dialog", { class: "confirm", role: "alertdialog", "aria-labelledby": title, "aria-describedby": body },
    h("h2", { id: title }, question.title?.text ?? "Are you sure?"),
    h("p", { id: body }, question.text?.text ?? ""),
    h("footer", {}, no, yes));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    const end = (answer) => () => {
      dialog.close();
      dialog.remove();
      resolve(answer);
    };
    yes.addEventListener("click", end(true));
    no.addEventListener("click", end(false));
    dialog.addEventListener("cancel", end(false));
  });
}
