// The bytes of a frame, coloured by field. Which field lies where comes from the page's data, not from here.

function unhex(hex) {
  const found = /^(?:[0-9a-f]{2})*$/i.test(hex || "") ? (hex || "") : "";
  return Uint8Array.from({ length: found.length / 2 }, (_, at) => parseInt(found.substr(2 * at, 2), 16));
}

const hexOf = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
const printable = (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".");

// RFC 6455 5.3
function unmasked(payload, key) {
  return key.length === 4 ? payload.map((byte, at) => byte ^ key[at % 4]) : payload;
}

// The fields of the frame that begins with these bytes: [name, first bit, width, colour], width 0 for the rest.
function fieldsOf(data, bytes) {
  const known = data.fields[hexOf(bytes.subarray(0, 2)).replace(" ", "")] || [];
  return known.map(([name, bit, width, colour]) => ({ name, bit, width: width || Math.max(bytes.length * 8 - bit, 0), colour, open: !width }));
}

function fieldValue(data, bytes, clear, field) {
  const first = field.bit >> 3;
  const end = (field.bit + field.width + 7) >> 3;
  if (field.open) return field.name === "close reason" ? "" : plural(Math.max(bytes.length - first, 0), "byte") + " shown";
  if (end > bytes.length) return "cut";
  const part = (field.name === "close code" ? clear : bytes).subarray(first, end);
  if (field.name === "masking key") return hexOf(part);
  let bits = "";
  for (const byte of part) bits += byte.toString(2).padStart(8, "0");
  bits = bits.substr(field.bit - 8 * first, field.width);
  if (field.width === 1) return bits;
  if (field.name === "opcode") return `${bits} ${data.opcodes[parseInt(bits, 2)]}`;
  const value = BigInt("0b" + bits).toString();
  return field.width < 8 ? `${bits} = ${value}` : value;
}

// Eight to a line, each in the colour of its field; `mark` is [first, count] of those a finding is about.
function hexDump(bytes, colourAt, mark, label) {
  const shown = el("pre", { class: "hex", "aria-label": label });
  for (let line = 0; line < bytes.length; line += 8) {
    shown.append(line.toString(16).padStart(4, "0") + "  ");
    const end = Math.min(line + 8, bytes.length);
    for (let at = line; at < end; at++) {
      const marked = mark && at >= mark[0] && at < mark[0] + mark[1];
      const colour = colourAt(at);
      shown.append(el("span", { class: `${colour ? "f-" + colour : ""}${marked ? " mark" : ""}` }, hexOf([bytes[at]])), at + 1 < end ? " " : "");
    }
    shown.append(" ".repeat(3 * (line + 8 - end) + 2), Array.from(bytes.subarray(line, end), printable).join(""), "\n");
  }
  return shown;
}

// The first two bytes, bit by bit, as RFC 6455 5.2 draws them.
function bitRow(bytes, fields) {
  const shown = el("div", { class: "bits mono", role: "img", "aria-label": "The first bits of the frame" });
  for (let bit = 0; bit < Math.min(bytes.length, 2) * 8; bit++) {
    const field = fields.find((each) => bit >= each.bit && bit < each.bit + each.width);
    const value = (bytes[bit >> 3] >> (7 - (bit & 7))) & 1;
    shown.append(el("span", { class: field ? "f-" + field.colour : "", title: field ? field.name : "" }, String(value)));
  }
  return shown;
}

// All there is to show of a frame's bytes: bits, fields, hex as sent and unmasked, text.
function frameBytes(data, frame, mark) {
  const bytes = unhex(frame.bytes);
  const fields = fieldsOf(data, bytes);
  const body = frame.header;
  const key = unhex(frame.key);
  const clear = bytes.slice();
  clear.set(unmasked(bytes.subarray(body), key), Math.min(body, bytes.length));
  const last = fields.length ? fields[fields.length - 1] : null;
  const colourAt = (at) => {
    const inside = fields.filter((field) => (field.bit >> 3) <= at && at < (field.bit + field.width + 7) >> 3);
    const found = inside.sort((a, b) => b.width - a.width)[0] || (at >= body ? last : null);
    return found ? found.colour : "";
  };
  const rows = fields.map((field) => el("tr", { class: "field" },
    el("td", { class: "f-" + field.colour }, field.name),
    el("td", { class: "mono number" }, field.open ? `${field.bit} …` : field.width > 1 ? `${field.bit}–${field.bit + field.width - 1}` : String(field.bit)),
    el("td", { class: "mono" }, fieldValue(data, bytes, clear, field))));
  const kept = Math.max(bytes.length - body, 0);
  const parts = [
    bitRow(bytes, fields),
    el("table", { class: "fields", "aria-label": "Fields of the frame" },
      el("thead", null, el("tr", null, el("th", { scope: "col" }, "field"), el("th", { scope: "col", class: "number" }, "bits"), el("th", { scope: "col" }, "value"))),
      el("tbody", null, ...rows)),
    el("h3", null, key.length ? "On the wire (payload masked)" : "On the wire (payload not masked)"),
    hexDump(bytes, colourAt, mark, "Bytes on the wire"),
  ];
  if (kept && key.length) {
    parts.push(el("h3", null, "Payload, unmasked"), hexDump(clear.subarray(body), (at) => colourAt(body + at), mark && [mark[0] - body, mark[1]], "Payload, unmasked"));
  }
  if (kept < frame.length) parts.push(el("p", { class: "dim" }, `${kept} of ${plural(frame.length, "payload byte")} shown${frame.cut ? " (the frame is not complete in the capture)" : ""}`));
  if (frame.inflated) {
    const { bytes: hex, size, frames, text } = frame.inflated;
    const start = unhex(hex);
    const of = start.length < size ? `the first ${start.length} of ` : "";
    parts.push(el("h3", null, "Inflated"),
      el("p", { class: "dim" }, `${of}${plural(size, "byte")}${frames > 1 ? `, of a message in ${frames} frames` : ""}`),
      hexDump(start, () => "payload", null, "Payload, inflated"));
    if (text !== undefined) parts.push(el("h3", null, "As text"), el("p", null, el("code", { id: "payload-text" }, text)));
  } else if (frame.text !== undefined) {
    parts.push(el("h3", null, frame.code === undefined ? "Payload as text" : "Close reason"), el("p", null, el("code", { id: "payload-text" }, frame.text)));
  } else if (frame.rsv && frame.rsv[0] && frame.opcode < 8) {
    parts.push(el("p", { class: "dim" }, "RSV1 is set: the payload is compressed, or the bit is wrong. What it inflates to is not known here."));
  }
  return parts;
}
