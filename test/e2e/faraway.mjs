// A TCP proxy that makes a server far away.
import { once } from "node:events";
import { connect, createServer } from "node:net";

/** Passes on connections to a port, each way so many milliseconds later, and counts them. */
export async function faraway(port, target, delay) {
  let connections = 0;
  const later = (from, to) => {
    from.on("data", (data) => setTimeout(() => to.write(data), delay));
    from.on("end", () => setTimeout(() => to.end(), delay));
    from.on("error", () => to.destroy());
  };
  const proxy = createServer((client) => {
    connections++;
    // A handshake takes a round trip, too, before the client may send.
    const onward = connect(target, "127.0.0.1");
    client.pause();
    setTimeout(() => client.resume(), 2 * delay);
    later(client, onward);
    later(onward, client);
  }).listen(port, "127.0.0.1");
  await once(proxy, "listening");
  return { connections: () => connections, close: () => proxy.close() };
}
