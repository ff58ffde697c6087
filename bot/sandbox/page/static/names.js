// Who and what the ids stand for, and what the reader's clock says.
import { h } from "./dom.js";

/** Resolves ids for the person who looks. */
export class Names {
  constructor(first) {
    this.people = new Map(first.people.map((person) => [person.id, person]));
    this.groups = first.groups;
    this.state = null;
  }

  /** Takes the newest state. */
  update(state) {
    this.state = state;
  }

  /** The person who looks. */
  me() {
    return this.people.get(this.state.me);
  }

  /** UTC epoch milliseconds, as the sandbox has them. */
  now() {
    return this.state.now_ms;
  }

  /** The reader's time zone. */
  zone() {
    return this.me().tz;
  }

  /** A mention of a person. */
  person(id, label) {
    const mine = id === this.state.me ? " me" : "";
    return h("span", { class: `mention${mine}` }, `@${this.people.get(id)?.real_name ?? (label || id)}`);
  }

  /** A mention of a channel, which leads there. */
  channel(id, label) {
    const name = this.state.names[id] ?? this.state.channels.find((one) => one.id === id)?.name ?? (label || id);
    return h("a", { class: "mention", href: this.to(id) }, `#${name}`);
  }

  /** A mention of a user group. */
  group(id, label) {
    return h("span", { class: "mention" }, `@${this.groups[id] ?? (label || id)}`);
  }

  /** Address of a conversation on this page. */
  to(channel, ts = "") {
    return `#${this.me().name}/${channel}${ts && `/${ts}`}`;
  }

  /** Address on this page for the address of a message in Slack, or nothing. */
  card(url) {
    const found = /^https:\/\/[a-z0-9-]+\.slack\.com\/archives\/([A-Z0-9]+)\/p(\d+)(\d{6})$/.exec(url);
    return found ? this.to(found[1], `${found[2]}.${found[3]}`) : null;
  }
}
