// What stands beside the diagram: one frame, one head, one finding, with the rules about it.

function facts(pairs) {
  const list = el("dl");
  for (const [name, value] of pairs) if (value !== null && value !== undefined && value !== "") list.append(el("dt", null, name), el("dd", null, value));
  return list;
}

// One finding, with what its rule says.
function findingPart(data, finding) {
  const rule = data.rules[finding.rule];
  const part = el("section", { class: "finding " + finding.severity, "aria-label": `${finding.severity} ${finding.rule}` },
    el("h3", null, el("span", { class: "badge " + finding.severity }, finding.severity), ` ${finding.rule} ${finding.name}`),
    el("p", null, finding.text + (finding.count > 1 ? ` (${finding.count} times)` : "")),
    facts([
      ["expected", finding.expected], ["found", finding.found], ["after", finding.cause],
      ["field", finding.header],
      ["packet", finding.packet], ["file", finding.file],
      ["stream byte", finding.byte === undefined ? "" : finding.byte + (finding.offset !== undefined && finding.byte > finding.offset ? ` (+${finding.byte - finding.offset})` : "")],
      ["file byte", finding.file_offset],
      ["the peer", finding.code === undefined ? "" : `${rule ? rule.duty : "may fail"} the connection with close code ${finding.code}`],
      ["section", finding.rfc],
      ["weight", finding.secondary ? "secondary: the peer had already failed the connection" : ""],
    ]));
  if (rule) part.append(el("div", { class: "prose" }, rule.title === finding.text ? null : el("p", null, el("b", null, rule.title + ".")), ...rule.prose.map((text) => el("p", null, text))));
  return part;
}

// The bytes a finding is about, where no frame or head shows them.
function evidencePart(finding) {
  if (!finding.evidence) return [];
  const { hex, mark } = finding.evidence;
  return [el("h3", null, "The bytes in question"), hexDump(unhex(hex), () => "", mark, "The bytes in question")];
}

// Where a finding points to within its frame.
function markOf(findings) {
  for (const finding of findings) {
    const evidence = finding.evidence;
    if (evidence && finding.offset !== undefined) return [evidence.at - finding.offset + evidence.mark[0], evidence.mark[1]];
  }
  return null;
}

function describe(data, row) {
  if (row.kind === "frame") return `${row.side} frame ${row.index}: ${data.opcodes[row.opcode]}, ${plural(row.length, "byte")}${row.fin ? "" : ", more follows"}`;
  if (row.kind === "request" || row.kind === "response") return row.lines[0];
  if (row.kind === "many") return `${row.frames[0] + row.frames[1]} frames within ${lasting(row.span)}: client ${row.frames[0]} (${plural(row.bytes[0], "byte")}), server ${row.frames[1]} (${plural(row.bytes[1], "byte")})`;
  if (row.kind === "end") return `At the end: ${row.text}`;
  return row.findings.map((finding) => `${finding.rule} ${finding.text}`).join("; ");
}

function showDetail(data, row, since) {
  const detail = byId("detail");
  const parts = [el("h3", { id: "detail-title" }, describe(data, row))];
  const time = row.t === undefined ? "" : `+${seconds(row.t + since)} s`;
  if (row.kind === "frame") {
    parts.push(facts([
      ["packet", row.last === undefined ? row.packet : `${row.packet} to ${row.last}`], ["time", time],
      ["stream byte", row.offset], ["size", `${plural(row.header, "byte")} of header, ${row.length} of payload`],
      ["close code", row.code], ["cut", row.cut ? "the frame is not complete in the capture" : ""],
    ]));
    if (row.bytes === undefined) parts.push(el("p", { class: "dim" }, "The result this page was made from holds no bytes of frames: analyze the capture with -f html to see them."));
    else parts.push(...frameBytes(data, row, markOf(row.findings)));
  } else if (row.kind === "request" || row.kind === "response") {
    const named = new Set(row.findings.map((finding) => (finding.header || "").toLowerCase()));
    const lines = el("pre", { class: "head-lines", "aria-label": "Lines of the " + row.kind });
    row.lines.forEach((line, at) => {
      const marked = at > 0 && named.has(line.split(":")[0].toLowerCase());
      lines.append(el("span", { class: marked ? "mark" : null }, line), "\n");
    });
    if (row.more) lines.append(`and ${row.more} fields more`);
    parts.push(facts([["packet", row.packet], ["time", time], ["stream byte", row.offset], ["size", plural(row.size, "byte")]]), lines);
  } else if (time) {
    parts.push(facts([["time", time]]));
    if (row.kind === "many") parts.push(el("p", { class: "dim" }, "Too many to be shown one by one; the numbers are exact."));
  }
  const beside = [];
  for (const finding of row.findings || []) {
    beside.push(findingPart(data, finding));
    if (row.kind !== "frame") beside.push(...evidencePart(finding));
  }
  detail.replaceChildren(el("div", null, ...parts), ...(beside.length ? [el("div", null, ...beside)] : []));
  detail.setAttribute("aria-labelledby", "detail-title");
  detail.scrollTop = 0;
}
