// Socket.IO as its documentation shows it: a room for each user, and `GET /go` emits into them.
const http = require("http");
const { Server } = require("socket.io");

const [port] = process.argv.slice(2).map(Number);
const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

const web = http.createServer(async (request, response) => {
  const url = new URL(request.url, "http://here");
  if (url.pathname === "/go") {
    const asked = Object.fromEntries(url.searchParams);
    response.end("going");
    await go(Number(asked.users), Number(asked.rounds), Number(asked.burst), Number(asked.rate));
  } else if (url.pathname === "/ready") {
    response.end(String(io.engine.clientsCount));
  }
});

const io = new Server(web, { transports: ["websocket"], perMessageDeflate: false });
io.on("connection", (socket) => socket.join(socket.handshake.query.user));

// The same event for each user in turn, `burst` of them at once, at `rate` events a second.
async function go(users, rounds, burst, rate) {
  const began = performance.now() / 1000;
  let told = 0;
  for (let round = 0; round < rounds; round++) {
    for (let user = 0; user < users; user++) {
      for (let n = 0; n < burst; n++) {
        const at = told++;
        io.to(String(user)).emit("event", event(at));
      }
      const early = began + told / rate - performance.now() / 1000;
      if (early > 0.002) await pause(early);
    }
  }
}

function event(n) {
  return {
    t: "event", cls: "durable", type: "journal.phase.advanced.v1", n,
    id: "0f8fad5b-d9cb-569f-a165-70867728950e", at: "2026-01-01T00:00:00Z",
    journal: "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    data: {
      journal_id: "7c9e6679-7425-40de-944b-e07fc1f90ae7",
      user_id: "1b4e28ba-2fa1-41d2-883f-0016d3cca427", n, at: "2026-01-01T00:00:00Z",
      percent: 7, phase: "curation", agent: "content_curator", part: "days", done: 1, parts: 30,
    },
  };
}

web.listen(port, "127.0.0.1");
