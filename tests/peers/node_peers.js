// Peers made of npm packages: ws, socket.io and socket.io-client, found through NODE_PATH.
//
//   node node_peers.js serve STACK PORT
//   node node_peers.js talk STACK URL SCENE [plain]
//
// STACK is ws or socketio; scenes and answers are those of python_peers.py.
"use strict";
const assert = require("node:assert");
const http = require("node:http");
const HOST = "127.0.0.1";
const WIDE = 66000;

const told = (text) => (text.startsWith("length ") ? String(text.length) : text);

function serveWs(port) {
  const { WebSocketServer } = require("ws");
  const server = new WebSocketServer({ host: HOST, port, path: "/", perMessageDeflate: { threshold: 0 } });
  server.on("connection", (socket) => {
    socket.on("message", (data, binary) => {
      const text = binary ? "" : data.toString();
      if (text === "close") return socket.close(4000, "enough");
      if (text === "ping") socket.ping("from the server");
      socket.send(binary ? data : told(text), { binary });
    });
    socket.on("error", () => {});
  });
  process.on("SIGTERM", () => {
    server.clients.forEach((socket) => socket.close(1001, "going away"));
    server.close(() => process.exit());
  });
}

function talkWs(url, scene, plain) {
  const WebSocket = require("ws");
  const socket = new WebSocket(url, { perMessageDeflate: plain ? false : { threshold: 0 } });
  const heard = [];
  let waiting = null;
  socket.on("message", (data, binary) => {
    const message = binary ? data : data.toString();
    const answer = waiting;
    waiting = null;
    if (answer) answer(message);
    else heard.push(message);
  });
  socket.on("error", () => {});
  const receive = () => (heard.length ? Promise.resolve(heard.shift()) : new Promise((done) => { waiting = done; }));
  const echoed = async (message) => {
    socket.send(message);
    assert.deepStrictEqual(await receive(), message);
  };
  socket.on("open", async () => {
    await echoed("Hello");
    if (scene === "quiet") return console.log("ready");
    if (scene === "closed") return socket.send("close");
    if (scene === "large") {
      socket.send("length ".padEnd(WIDE, "."));
      assert.strictEqual(await receive(), String(WIDE));
    }
    const large = "WebSocket ".repeat(plain ? 300 : 7000);
    const binary = Buffer.from([...Array(256).keys()]);
    const sizes = ["x".repeat(125), "x".repeat(126)];
    for (const message of ["Grüße, 世界", binary, "", Buffer.alloc(0), ...sizes, large]) await echoed(message);
    socket.ping("from the client");
    await echoed("ping");
    for (let number = 0; number < 10; number++) socket.send("message " + number);
    for (let number = 0; number < 10; number++) assert.strictEqual(await receive(), "message " + number);
    return socket.close(1000, "bye");
  });
}

// socket.io opens with long polling and then goes over to WebSocket, with Pings of its own inside messages.
function serveSocketio(port) {
  const { Server } = require("socket.io");
  const web = http.createServer();
  const server = new Server(web, { pingInterval: 400, pingTimeout: 5000, perMessageDeflate: { threshold: 0 } });
  server.on("connection", (socket) => {
    socket.on("say", (message, answer) => answer(message));
    socket.on("close", () => socket.disconnect(true));
  });
  web.listen(port, HOST);
  process.on("SIGTERM", () => server.close(() => process.exit()));
}

function talkSocketio(url, scene, plain) {
  const { io } = require("socket.io-client");
  const socket = io(url.replace("ws:", "http:"), {
    reconnection: false,
    transports: plain ? ["websocket"] : ["polling", "websocket"],
  });
  const say = async (message) => assert.deepStrictEqual(await socket.emitWithAck("say", message), message);
  socket.on("connect", async () => {
    if (!plain) await new Promise((done) => socket.io.engine.once("upgrade", done));
    await say("Hello");
    if (scene === "quiet") return console.log("ready");
    if (scene === "closed") return socket.emit("close");
    for (const message of ["Grüße, 世界", "", "x".repeat(125), "WebSocket ".repeat(300)]) await say(message);
    await say(Buffer.from([...Array(256).keys()]));
    for (let number = 0; number < 10; number++) await say({ number });
    await new Promise((done) => setTimeout(done, 900)); // for its Pings
    return socket.disconnect();
  });
}

const [mode, stack, where, scene, plain] = process.argv.slice(2);
const name = mode + stack[0].toUpperCase() + stack.slice(1);
({ serveWs, talkWs, serveSocketio, talkSocketio })[name](mode === "serve" ? Number(where) : where, scene, plain === "plain");
