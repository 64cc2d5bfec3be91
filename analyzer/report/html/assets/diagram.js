// The sequence diagram of one connection: a window of its rows at a time, and a strip with all of its time.

const WINDOW = 200;
const STRIP = { width: 1000, height: 54, lane: 20, flags: 44 };

class Diagram {
  constructor(data, number, findings, back) {
    this.data = data;
    this.back = back;
    const found = parsed("diagram-" + number) || { since: 0, strip: { start: 0, span: 1, frames: [] }, inflated: { client: {}, server: {} }, y: [0], rows: [] };
    Object.assign(this, found);
    this.attach(findings);
    this.first = 0;
    this.at = -1;
    this.root = byId("sequence");
    this.strip_ = this.rows.length ? this.drawStrip() : null;
    this.list = el("ol", { class: "rows", role: "listbox", "aria-label": `Sequence of connection ${number}` });
    this.list.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (row) this.choose(Number(row.dataset.at), true);
    });
    this.pager = el("p", { class: "pager", role: "status" });
    this.root.replaceChildren(...(this.strip_ ? [this.strip_] : []), this.pager,
      el("div", { class: "ends" }, el("span", { class: "client" }, "client"), el("span", { class: "server" }, "server")), this.list);
    this.draw();
  }

  // Each finding goes to its frame's or head's row; the rows made for findings know theirs already.
  attach(findings) {
    const place = new Map();
    this.rows.forEach((row, at) => {
      row.findings = row.kind === "finding" ? [this.data.findings[row.finding]] : [];
      if (row.kind === "frame") {
        place.set(`${row.side} ${row.index}`, at);
        row.inflated = this.inflated[row.side][row.index];
      }
      if (row.kind === "request") place.set(`client head ${row.offset}`, at);
      if (row.kind === "response") place.set(`server head ${row.offset}`, at);
    });
    this.where = new Map();
    this.rows.forEach((row, at) => { if (row.kind === "finding") this.where.set(row.findings[0], at); });
    for (const finding of findings) {
      if (this.where.has(finding)) continue;
      const key = finding.frame !== undefined ? `${finding.direction} ${finding.frame}` : `${finding.direction} head ${finding.offset}`;
      const at = place.get(key);
      if (at === undefined) continue;
      this.rows[at].findings.push(finding);
      this.where.set(finding, at);
    }
  }

  // Frames over time, of the client above and of the server below, and what was found.
  drawStrip() {
    const { start, span, frames } = this.strip;
    const end = Math.max(start + span * frames.length, ...[this.rows[0], this.rows[this.rows.length - 1]].map((row) => row.t), 1);
    const begin = Math.min(0, this.rows[0].t);
    this.x = (ns) => ((ns - begin) * STRIP.width) / (end - begin);
    const most = frames.reduce((high, [a, b]) => Math.max(high, a, b), 1);
    const drawn = svg("svg", { id: "strip", viewBox: `0 0 ${STRIP.width} ${STRIP.height}`, preserveAspectRatio: "none", role: "img",
      "aria-label": `Frames over ${lasting(end - begin)}, of the client above, of the server below, findings at the foot` });
    this.shade = svg("rect", { class: "window", x: 0, y: 0, width: 0, height: STRIP.height });
    if (this.rows.length > WINDOW) drawn.append(this.shade);
    frames.forEach(([client, server], at) => {
      const x = this.x(start + at * span);
      const width = Math.max(this.x(start + (at + 1) * span) - x, 1.5);
      const high = (count) => (count ? Math.max((STRIP.lane * count) / most, 2) : 0);
      if (client) drawn.append(svg("rect", { class: "c-client", x, y: STRIP.lane - high(client), width, height: high(client) }));
      if (server) drawn.append(svg("rect", { class: "c-server", x, y: STRIP.lane + 1, width, height: high(server) }));
    });
    const flagged = new Map();
    this.rows.forEach((row) => {
      if (row.findings.length) flagged.set(Math.round(this.x(row.t) / 4), worst(row.findings));
    });
    for (const [x, severity] of flagged) drawn.append(svg("rect", { class: "flag " + severity, x: Math.min(4 * x, STRIP.width - 4), y: STRIP.flags, width: 4, height: 8 }));
    drawn.addEventListener("click", (event) => {
      const box = drawn.getBoundingClientRect();
      const time = begin + ((event.clientX - box.left) / box.width) * (end - begin);
      const at = this.rows.findIndex((row) => row.t >= time);
      this.choose(at < 0 ? this.rows.length - 1 : at, true);
    });
    const more = this.rows.length > WINDOW ? "; shaded: the rows below" : "";
    return el("figure", { class: "strip" }, drawn, el("figcaption", null, el("span", null, "frames over time"), el("span", null, lasting(end - begin) + more)));
  }

  draw() {
    const end = Math.min(this.first + WINDOW, this.rows.length);
    const top = this.y[this.first];
    const drawn = [];
    for (let at = this.first; at < end; at++) {
      const row = this.rows[at];
      const y = this.y[at] - top;
      if (at > this.first && this.y[at] - this.y[at - 1] > 52) drawn.push(this.pause(at, this.y[at - 1] - top + 26, y));
      drawn.push(this.row(row, at, y));
    }
    this.list.replaceChildren(...drawn);
    this.list.style.height = `${end > this.first ? this.y[end - 1] - top + 26 : 26}px`;
    const before = el("button", { type: "button", disabled: this.first === 0 }, "Earlier");
    const after = el("button", { type: "button", disabled: end >= this.rows.length }, "Later");
    before.addEventListener("click", () => this.show(this.first - WINDOW));
    after.addEventListener("click", () => this.show(this.first + WINDOW));
    const range = this.rows.length > WINDOW ? `Rows ${this.first + 1} to ${end} of ${this.rows.length}` : plural(this.rows.length, "row");
    this.pager.replaceChildren(range, ...(this.rows.length > WINDOW ? [before, after] : []));
    if (this.strip_ && end > this.first) {
      const x = this.x(this.rows[this.first].t);
      this.shade.setAttribute("x", x);
      this.shade.setAttribute("width", Math.max(this.x(this.rows[end - 1].t) - x, 3));
    }
  }

  pause(at, from, to) {
    const part = el("li", { class: "quiet", role: "presentation" }, `${lasting(this.rows[at].t - this.rows[at - 1].t)} of silence`);
    part.style.top = `${from}px`;
    part.style.height = `${to - from}px`;
    return part;
  }

  row(row, at, y) {
    const side = { request: "client", response: "server" }[row.kind] || row.side || "";
    const kind = row.kind === "frame" ? (row.opcode >= 8 ? "control" : "") : { many: "many", end: "end", finding: row.gap ? "note gap" : "note" }[row.kind] || "head";
    const text = el("span", { class: "text" }, el("span", null, this.label(row)));
    if (row.findings.length) {
      const severity = worst(row.findings);
      const rules = [...new Set(row.findings.map((finding) => finding.rule))];
      text.prepend(el("b", { class: severity + " badge" }, rules.slice(0, 3).join(" ") + (rules.length > 3 ? " …" : "")), " ");
    }
    const made = el("li", { class: "row", role: "option", id: `row-${at}`, "data-at": at, tabindex: at === (this.at < 0 ? this.first : this.at) ? 0 : -1,
      "aria-selected": String(at === this.at) },
      el("span", { class: "when" }, seconds(row.t + this.since)), el("span", { class: `lane ${side} ${kind}${row.cut ? " cut" : ""}` }, text));
    made.style.top = `${y}px`;
    return made;
  }

  label(row) {
    if (row.kind === "frame") {
      const code = row.code === undefined ? "" : ` ${row.code}`;
      const text = row.inflated ? row.inflated.text : row.text;
      const shown = text === undefined ? "" : `  ${text.slice(0, 60)}`;
      return `${this.data.opcodes[row.opcode]}${code}${row.fin ? "" : " (more follows)"} ${row.length} B${row.inflated ? ", compressed" : row.rsv && row.rsv[0] && row.opcode < 8 ? ", RSV1" : ""}${row.cut ? ", cut" : ""}${shown}`;
    }
    if (row.kind === "finding") return row.findings[0].text;
    return describe(this.data, row);
  }

  show(first) {
    this.first = Math.max(0, Math.min(first, this.rows.length - 1));
    this.at = -1;
    this.draw();
  }

  choose(at, focus) {
    if (at < 0 || at >= this.rows.length) return;
    if (at < this.first || at >= this.first + WINDOW) this.first = Math.floor(at / WINDOW) * WINDOW;
    this.at = at;
    this.draw();
    showDetail(this.data, this.rows[at], this.since);
    const row = byId(`row-${at}`);
    if (focus) row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  key(event) {
    const at = this.at < 0 ? this.first : this.at;
    keyboard(event, this.rows.length, at, {
      move: (to) => this.choose(Math.max(0, Math.min(to, this.rows.length - 1)), true),
      open: (to) => { this.choose(to, true); byId("detail").focus(); },
      back: this.back,
    });
  }
}

function worst(findings) {
  return ["error", "warning", "info"].find((severity) => findings.some((finding) => finding.severity === severity)) || "info";
}
