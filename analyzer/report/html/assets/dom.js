"use strict";
// The page is made of text nodes and elements only: no markup is ever parsed, so what strangers sent stays text.

function el(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "class") made.className = value;
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  for (const child of children) if (child !== null && child !== undefined) made.append(child);
  return made;
}

function svg(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

const byId = (id) => document.getElementById(id);

function parsed(id) {
  const found = byId(id);
  return found === null ? null : JSON.parse(found.textContent);
}

// Nanoseconds as seconds with six decimals.
function seconds(ns) {
  return (ns / 1e9).toFixed(6);
}

// A length of time in the unit that keeps it short.
function lasting(ns) {
  for (const [size, unit] of [[3600e9, "h"], [60e9, "min"], [1e9, "s"], [1e6, "ms"]]) {
    if (ns >= size) return `${Number((ns / size).toPrecision(3))} ${unit}`;
  }
  return `${Math.round(ns / 1e3)} µs`;
}

const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

// Arrow keys, Home, End, Enter and Escape for items of which one at a time can be reached by Tab.
function keyboard(event, items, at, act) {
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items - 1, PageDown: at + 10, PageUp: at - 10 }[event.key];
  if (to !== undefined) act.move(to);
  else if (event.key === "Enter" || event.key === " ") act.open(at);
  else if (event.key === "Escape" && act.back) act.back();
  else return;
  event.preventDefault();
}
