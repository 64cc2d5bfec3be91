// A table that is filtered, sorted and turned page by page: however many rows, few elements.

const ROWS = 100;

class Table {
  // `columns`: [title, row => cell, kind, row => sort key]; `open(row)` on click and Enter.
  constructor(root, label, noun, columns, rows, open) {
    Object.assign(this, { root, noun, columns, rows, open, kept: rows, page: 0, at: 0, sorted: -1, down: false, chosen: null });
    this.status = el("p", { class: "pager", role: "status", "aria-live": "polite" });
    this.count = el("span");
    this.before = el("button", { type: "button" }, "Previous");
    this.after = el("button", { type: "button" }, "Next");
    this.before.addEventListener("click", () => this.turn(this.page - 1));
    this.after.addEventListener("click", () => this.turn(this.page + 1));
    this.status.append(this.count, this.before, this.after);
    this.head = columns.map(([title, , kind], at) => {
      const button = el("button", { type: "button" }, title);
      button.addEventListener("click", () => this.sort(at));
      return el("th", { scope: "col", "aria-sort": "none", class: kind === "number" ? kind : null }, button);
    });
    this.body = el("tbody");
    this.body.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (row) this.choose([...this.body.children].indexOf(row));
    });
    root.append(this.status, el("div", { class: "scroll" }, el("table", { "aria-label": label }, el("thead", null, el("tr", null, ...this.head)), this.body)));
    this.draw();
  }

  filter(keep) {
    this.keep = keep;
    this.kept = this.rows.filter(keep);
    this.order();
    this.turn(0);
  }

  sort(column) {
    this.down = this.sorted === column && !this.down;
    this.sorted = column;
    this.head.forEach((cell, at) => cell.setAttribute("aria-sort", at !== column ? "none" : this.down ? "descending" : "ascending"));
    this.order();
    this.turn(0);
  }

  order() {
    if (this.sorted < 0) return;
    const key = this.columns[this.sorted][3];
    const sign = this.down ? -1 : 1;
    this.kept = [...this.kept].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      return x === y ? 0 : x === null || x === undefined ? 1 : y === null || y === undefined ? -1 : x < y ? -sign : sign;
    });
  }

  turn(page) {
    this.page = Math.max(0, Math.min(page, Math.ceil(this.kept.length / ROWS) - 1));
    this.at = 0;
    this.draw();
  }

  draw() {
    const first = this.page * ROWS;
    const shown = this.kept.slice(first, first + ROWS);
    this.body.replaceChildren(...shown.map((row, at) => el("tr", { tabindex: at === this.at ? 0 : -1, "aria-selected": String(row === this.chosen) },
      ...this.columns.map(([, cell, kind]) => el("td", { class: kind }, cell(row))))));
    const range = this.kept.length > ROWS ? `, ${first + 1} to ${first + shown.length} shown` : "";
    const of = this.kept.length === this.rows.length ? "" : ` of ${this.rows.length}`;
    this.count.textContent = `${this.kept.length}${of} ${this.noun}${this.rows.length === 1 ? "" : "s"}${range}`;
    this.before.hidden = this.after.hidden = this.kept.length <= ROWS;
    this.before.disabled = this.page === 0;
    this.after.disabled = first + ROWS >= this.kept.length;
  }

  move(to, focus) {
    const rows = this.body.children;
    if (to < 0 || to >= rows.length) return;
    if (rows[this.at]) rows[this.at].tabIndex = -1;
    this.at = to;
    rows[to].tabIndex = 0;
    if (focus) rows[to].focus();
  }

  choose(at) {
    const row = this.kept[this.page * ROWS + at];
    if (!row) return;
    for (const each of this.body.children) each.setAttribute("aria-selected", "false");
    this.body.children[at].setAttribute("aria-selected", "true");
    this.chosen = row;
    this.move(at, true);
    this.open(row, this.body.children[at]);
  }

  key(event) {
    const to = { Home: 0, End: this.body.children.length - 1 }[event.key];
    keyboard(event, this.body.children.length, this.at, { move: (at) => this.move(to ?? at, true), open: (at) => this.choose(at) });
  }
}
