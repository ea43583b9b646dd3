// A Rostrum server for tests, in a container or, without an engine, as a process.
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export const accessKey = "ROSTRUMTEST";
export const secretKey = "rostrum-test-secret";
export const region = "us-east-1";
const command = ["serve", "--json"];

/** A port of this machine that is free by TCP and UDP. */
export async function freePort() {
  for (;;) {
    const tcp = createServer().listen(0);
    await once(tcp, "listening");
    const { port } = tcp.address();
    const udp = createSocket("udp4");
    const free = await new Promise((resolve) => udp.once("error", () => resolve(false)).bind(port, () => resolve(true)));
    await new Promise((resolve) => tcp.close(resolve));
    udp.close();
    if (free) return port;
  }
}

/** The settings of a server at given ports, the same inside and outside: tokens and candidates name them. */
export function environment(port, mediaPort, seed = "") {
  return {
    ROSTRUM_EPHEMERAL: "true",
    ROSTRUM_LISTEN: `0.0.0.0:${port}`,
    ROSTRUM_MEDIA_PORT: `${mediaPort}`,
    ROSTRUM_PUBLIC_URL: `http://127.0.0.1:${port}`,
    ROSTRUM_PUBLIC_IP: "127.0.0.1",
    ROSTRUM_RTMP_LISTEN: "127.0.0.1:0",
    ROSTRUM_INSECURE: "true", // the ports are published on loopback alone
    ROSTRUM_ACCESS_KEY: accessKey,
    ROSTRUM_SECRET_KEY: secretKey,
    ROSTRUM_REGION: region,
    ...(seed && { ROSTRUM_SEED: seed }),
  };
}

/** Waits for the line that a server prints once it is ready: endpoint, accessKeyId, secretAccessKey, region, seed. */
async function banner(output) {
  for await (const line of createInterface({ input: output })) {
    if (line.startsWith("{")) return JSON.parse(line);
  }
  throw new Error("Rostrum ended before it was ready");
}

/** A running server. */
class Server {
  constructor(says, stop) {
    Object.assign(this, says);
    this.stop = stop;
  }

  /** The configuration of an AWS SDK client: new IVSRealTimeClient(server.client()). */
  client() {
    return {
      endpoint: this.endpoint,
      region: this.region,
      credentials: { accessKeyId: this.accessKeyId, secretAccessKey: this.secretAccessKey },
    };
  }
}

/** Starts a server in a container. Seed is the text of a seed. */
export async function start({ image = "rostrum:latest", seed = "" } = {}) {
  const { GenericContainer, Wait } = await import("testcontainers");
  const [port, mediaPort] = [await freePort(), await freePort()];
  const container = new GenericContainer(image)
    .withCommand(command)
    .withEnvironment(environment(port, mediaPort, seed && "/seed.yaml"))
    .withExposedPorts({ container: port, host: port }, { container: mediaPort, host: mediaPort }, { container: mediaPort, host: mediaPort, protocol: "udp" })
    .withWaitStrategy(Wait.forLogMessage(/^\{.*"endpoint"/));
  if (seed) container.withCopyContentToContainer([{ content: seed, target: "/seed.yaml" }]);
  const started = await container.start();
  return new Server(await banner(await started.logs()), () => started.stop());
}

/** Starts a server as a process of this machine. */
export async function startProcess({ program = "rostrum", seed = "" } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "rostrum-"));
  const path = seed && join(folder, "seed.yaml");
  if (seed) await writeFile(path, seed);
  const env = { ...process.env, ...environment(await freePort(), await freePort(), path) };
  const child = spawn(program, command, { env, stdio: ["ignore", "pipe", "ignore"] });
  return new Server(await banner(child.stdout), async () => {
    if (child.exitCode === null && child.signalCode === null && child.kill()) await once(child, "exit");
    await rm(folder, { recursive: true });
  });
}
