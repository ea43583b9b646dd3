// What a browser does becomes an event: at a webhook whose receiver dies in
// between, and on a bus, matched by a rule of that bus.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";

import { CreateEventBusCommand, EventBridgeClient, PutRuleCommand, PutTargetsCommand } from "@aws-sdk/client-eventbridge";
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";

import { binary, browse, eventually, freePort, launch, serve } from "./harness.mjs";

const root = new URL("../..", import.meta.url).pathname;
const emulator = process.env.ROSTRUM_MOTO_SERVER;
const region = "eu-west-1";
let server, web, dir, receiverBinary;

before(async () => {
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: "AKIAEMULATOR", AWS_SECRET_ACCESS_KEY: "emulated" }); // the server's, for the bus
  dir = mkdtempSync(join(tmpdir(), "rostrum-e2e-events-"));
  receiverBinary = join(dir, "receiver");
  execFileSync("go", ["build", "-o", receiverBinary, "./examples/webhook-receiver"], { cwd: root });
  server = await serve();
  web = await browse();
});
after(async () => {
  await web?.stop();
  await server?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const target = (...args) => JSON.parse(execFileSync(binary, ["targets", "add", ...args, "--json", "--data-dir", server.dir, "--region", region], { encoding: "utf8" }).split("\n")[0]);

/** The receiver of docs/events.md; received fills with what it printed. */
function receive(port, secret, received) {
  const child = launch(receiverBinary, { env: { LISTEN: `127.0.0.1:${port}`, ROSTRUM_WEBHOOK_SECRET: secret }, stdio: ["ignore", "pipe", "inherit"] });
  createInterface({ input: child.stdout }).on("line", (l) => received.push(JSON.parse(l)));
  return child;
}

async function publishAndLeave(arn, user) {
  const page = await web.page();
  const { id } = await page.evaluate((t) => participant.publish(t, {}), await server.token(arn, user));
  await eventually("the publication is kept", async () => {
    const { activeSessionId: sessionId } = (await server.call("GetStage", { arn })).stage;
    return sessionId ? (await server.call("ListParticipants", { stageArn: arn, sessionId, filterByPublished: true })).participants.map((p) => p.participantId) : [];
  }, (ids) => ids.includes(id));
  await page.evaluate((i) => participant.unpublish(i), id);
  await page.close();
  return id;
}

test("a receiver that dies in between misses nothing of what a browser did", async (t) => {
  const port = await freePort();
  const { secret } = target("hook", "--webhook", `http://127.0.0.1:${port}/`, "--allow-private");
  assert.ok(secret, "adding a webhook prints its secret");
  const received = [];
  let receiver = receive(port, secret, received);
  t.after(() => receiver.kill());
  const { stage } = await server.call("CreateStage", { name: "events" });
  const first = await publishAndLeave(stage.arn, "ann");
  await eventually("the first participant's events", () => received.map((e) => e.detail.event_name), (names) => names.length === 2);

  receiver.kill("SIGKILL");
  await once(receiver, "exit");
  const second = await publishAndLeave(stage.arn, "bob"); // nobody receives
  receiver = receive(port, secret, received);
  await eventually("what happened meanwhile", () => received.length, (n) => n === 4, 60);
  receiver.kill();
  assert.deepEqual(
    received.map((e) => [e.detail.event_name, e.detail.participant_id, e.detail.user_id]),
    [["Participant Published", first, "ann"], ["Participant Unpublished", first, "ann"], ["Participant Published", second, "bob"], ["Participant Unpublished", second, "bob"]],
  );
  for (const e of received) {
    assert.deepEqual([e.source, e["detail-type"], e.resources], ["aws.ivs", "IVS Stage Update", [stage.arn]]);
  }
  t.diagnostic(`${received.length} events, in order, none twice`);
});

test("the same event arrives on a bus and is matched by its rule", { skip: emulator ? false : "ROSTRUM_MOTO_SERVER names no EventBridge emulator" }, async (t) => {
  const port = await freePort();
  const moto = launch(emulator, ["-H", "127.0.0.1", "-p", `${port}`], { stdio: "ignore" });
  t.after(() => moto.kill());
  const config = { endpoint: `http://127.0.0.1:${port}`, region, credentials: { accessKeyId: "AKIAEMULATOR", secretAccessKey: "emulated" } };
  await eventually("the emulator", () => fetch(config.endpoint).then(() => true, () => false), (up) => up, 60);
  const bus = new EventBridgeClient(config);
  const queues = new SQSClient(config);
  const { QueueUrl } = await queues.send(new CreateQueueCommand({ QueueName: "matched" }));
  await bus.send(new CreateEventBusCommand({ Name: "stages" }));
  await bus.send(new PutRuleCommand({ Name: "published", EventBusName: "stages", EventPattern: JSON.stringify({ source: ["rostrum.ivs"], detail: { event_name: ["Participant Published"] } }) }));
  await bus.send(new PutTargetsCommand({ Rule: "published", EventBusName: "stages", Targets: [{ Id: "queue", Arn: `arn:aws:sqs:${region}:123456789012:matched` }] }));
  target("bus", "--bus", "stages", "--bus-endpoint", config.endpoint, "--bus-region", region);

  const { stage } = await server.call("CreateStage", { name: "bus" });
  const id = await publishAndLeave(stage.arn, "carol");
  const matched = await eventually("the event in the rule's queue", async () => (await queues.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))).Messages ?? [], (m) => m.length > 0, 60);
  const event = JSON.parse(matched[0].Body);
  assert.equal(event.detail.event_name, "Participant Published");
  assert.equal(event.detail.participant_id, id);
  assert.deepEqual(event.resources, [stage.arn]);
  bus.destroy();
  queues.destroy();
});
