// What the page does: window.play(URL, SCENE) with the scenes of python_peers.py; resolves when the scene is over,
// in the quiet one when it is open.
window.play = async (url, scene) => {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  window.kept = socket;
  const heard = [];
  let waiting = null;
  socket.onmessage = ({ data }) => {
    const answer = waiting;
    waiting = null;
    if (answer) answer(data);
    else heard.push(data);
  };
  window.closed = new Promise((done) => { socket.onclose = ({ code }) => done(code); });
  const receive = () => (heard.length ? heard.shift() : new Promise((done) => { waiting = done; }));
  const echoed = async (message) => {
    socket.send(message);
    const answer = await receive();
    const same = typeof message === "string" ? answer === message : answer.byteLength === message.byteLength;
    if (!same) throw new Error("another answer");
  };
  await new Promise((done) => { socket.onopen = done; });
  await echoed("Hello");
  if (scene === "quiet") return "ready";
  if (scene === "closed") {
    socket.send("close");
    return window.closed;
  }
  const sizes = ["", "x".repeat(125), "x".repeat(126), "WebSocket ".repeat(7000)];
  for (const message of ["Grüße, 世界", Uint8Array.from(Array(256).keys()).buffer, ...sizes]) await echoed(message);
  await echoed("ping");
  for (let number = 0; number < 10; number++) socket.send("message " + number);
  for (let number = 0; number < 10; number++) await receive();
  socket.close(1000, "bye");
  return window.closed;
};
