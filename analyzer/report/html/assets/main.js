// The page as a whole: the two tables, and what opens from them.

const SHORT = 30;

(() => {
  const data = parsed("data");
  const ranks = { error: 0, warning: 1, info: 2 };
  const inputs = Object.fromEntries(["text", "rule", "connection", "direction", "error", "warning", "info"].map((name) => [name, byId("filter-" + name)]));
  let diagram = null;
  let origin = null;

  function number(value) {
    return value === undefined ? "" : String(value);
  }

  const findings = new Table(byId("findings"), "Findings", "finding", [
    ["severity", (row) => el("span", { class: "badge " + row.severity }, row.severity), "", (row) => ranks[row.severity]],
    ["rule", (row) => el("b", null, row.rule), "id", (row) => row.rule],
    ["connection", (row) => number(row.connection), "number", (row) => row.connection],
    ["sent by", (row) => row.direction || "", "", (row) => row.direction],
    ["frame", (row) => number(row.frame), "number", (row) => row.frame],
    ["packet", (row) => number(row.packet), "number", (row) => row.packet],
    ["what", (row) => row.text + (row.count > 1 ? ` (${row.count} times)` : ""), "", (row) => row.text],
    ["expected", (row) => row.expected || "", "", (row) => row.expected],
    ["found", (row) => row.found || "", "", (row) => row.found],
  ], data.findings, (row, from) => openFinding(row, from));

  const connections = new Table(byId("connections"), "Connections", "connection", [
    ["#", (row) => String(row.number), "number", (row) => row.number],
    ["client", (row) => row.client, "id", (row) => row.client],
    ["server", (row) => row.server, "id", (row) => row.server],
    ["request", (row) => row.request, "", (row) => row.request],
    ["frames", (row) => row.frames.join(" / "), "number", (row) => row.frames[0] + row.frames[1]],
    ["messages", (row) => row.messages.join(" / "), "number", (row) => row.messages[0] + row.messages[1]],
    ["ended", (row) => row.ended, "", (row) => row.ended],
    ["errors, warnings", (row) => String(row.blamed), "number", (row) => row.blamed],
  ], data.connections, (row, from) => open(row.number, from));

  function open(connection, from) {
    origin = from;
    const row = data.connections.find((each) => each.number === connection);
    const mine = data.findings.filter((finding) => finding.connection === connection);
    byId("view").hidden = false;
    byId("view-title").textContent = `Connection ${connection}`;
    byId("view-facts").textContent = row
      ? `${row.client} → ${row.server}, ${row.request}, ended: ${row.ended}` + row.reasons.map((reason, at) => (reason ? `, the ${at ? "server" : "client"} says: ${reason}` : "")).join("")
      : "";
    const charts = byId("charts-" + connection);
    byId("view-charts").replaceChildren(...(charts ? [charts.content.cloneNode(true)] : []));
    byId("detail").replaceChildren(el("p", { class: "dim" }, "Choose a row of the diagram: its bytes, and the rules it breaks, appear here."));
    diagram = new Diagram(data, connection, mine, goBack);
    // Below a short diagram, where there is room; else above, where they are seen.
    if (diagram.rows.length > SHORT) byId("view-split").before(byId("view-charts"));
    else byId("sequence").after(byId("view-charts"));
    if (!diagram.rows.length) byId("sequence").replaceChildren(el("p", { class: "dim" }, "No diagram: the page holds those of the first connections only, or the result held nothing to draw."));
    byId("view").scrollIntoView({ block: "start" });
    byId("view-title").focus({ preventScroll: true });
  }

  function openFinding(finding, from) {
    if (finding.connection === undefined) {
      byId("view").hidden = false;
      byId("view-title").textContent = "The capture as a whole";
      byId("view-facts").textContent = "";
      byId("view-charts").replaceChildren();
      byId("sequence").replaceChildren();
      diagram = null;
      origin = from;
    } else {
      open(finding.connection, from);
    }
    const at = diagram === null ? undefined : diagram.where.get(finding);
    if (at === undefined) {
      showDetail(data, { kind: "finding", findings: [finding] }, 0);
      byId("view").scrollIntoView({ block: "start" });
      byId("detail").focus({ preventScroll: true });
    } else {
      diagram.choose(at, true);
    }
  }

  function goBack() {
    if (origin && origin.isConnected) {
      origin.focus();
      origin.scrollIntoView({ block: "nearest" });
    }
  }

  byId("detail").addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const row = diagram && diagram.at >= 0 ? byId(`row-${diagram.at}`) : null;
    if (row) row.focus();
    else goBack();
    event.preventDefault();
  });
  byId("view-title").addEventListener("keydown", (event) => {
    if (event.key === "Escape") goBack();
  });

  function haystack(row) {
    return [row.rule, row.name, row.text, row.expected, row.found, row.header, row.file].join("\n").toLowerCase();
  }

  function refresh() {
    const text = inputs.text.value.toLowerCase();
    const connection = inputs.connection.value === "" ? null : Number(inputs.connection.value);
    findings.filter((row) => inputs[row.severity].checked
      && (inputs.rule.value === "" || row.rule === inputs.rule.value)
      && (inputs.direction.value === "" || row.direction === inputs.direction.value)
      && (connection === null || row.connection === connection)
      && (text === "" || haystack(row).includes(text)));
    for (const button of document.querySelectorAll("#rules button")) {
      button.setAttribute("aria-pressed", String(button.dataset.rule === inputs.rule.value));
    }
  }

  for (const rule of [...new Set(data.findings.map((row) => row.rule))].sort()) inputs.rule.append(el("option", { value: rule }, rule));
  const serious = data.findings.some((row) => row.severity !== "info");
  inputs.info.checked = data.verbose || !serious;
  inputs.info.defaultChecked = inputs.info.checked;
  byId("filters").addEventListener("input", refresh);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("reset", () => setTimeout(refresh));
  for (const button of document.querySelectorAll("#rules button")) {
    button.addEventListener("click", () => {
      const same = inputs.rule.value === button.dataset.rule;
      inputs.rule.value = same ? "" : button.dataset.rule;
      if (!same) inputs[button.dataset.severity].checked = true;
      refresh();
    });
  }
  refresh();
  // report.html#MK-002 opens the first finding of that rule.
  const named = data.findings.find((row) => row.rule === location.hash.slice(1));
  const first = data.connections.find((row) => row.blamed) || data.connections[0];
  if (named) {
    inputs.rule.value = named.rule;
    inputs[named.severity].checked = true;
    refresh();
    openFinding(named, null);
  } else if (first) {
    open(first.number, null);
    window.scrollTo(0, 0);
    document.activeElement.blur();
  }
})();
