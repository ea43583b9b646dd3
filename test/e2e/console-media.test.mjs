// The console with media: a composition is started through the page, seen there while it runs,
// played as a channel and, once it has ended, as a recording.
import assert from "node:assert/strict";
import { test } from "node:test";

import { eventually, run, serve, server, serverAndBrowser, web } from "./harness.mjs";

serverAndBrowser({ start: () => serve("--rtmp-listen", "127.0.0.1:0") });

let page;
const faults = [];

async function signIn() {
  page = await web.page({ viewport: { width: 1280, height: 800 } });
  page.on("pageerror", (e) => faults.push(e.message));
  await page.goto(server.url + server.log.join("\n").match(/\/console\/#sign-in=\w+/)[0]);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
}

/** Chooses an option of a field. */
async function choose(label, option) {
  await page.getByRole("button", { name: label }).click();
  await page.getByRole("option", { name: option }).click();
}

const look = async (name) => process.env.SCREENSHOTS && page.screenshot({ path: `${process.env.SCREENSHOTS}/console-${name}.png`, fullPage: true });
const idOf = (arn) => arn.split("/")[1];

test("a composition is started, previewed, stopped and played", { timeout: 180_000 }, async () => {
  const { call } = server;
  const { stage } = await call("CreateStage", { name: "show" });
  await server.createChannel("on-air");
  const { storageConfiguration } = await call("CreateStorageConfiguration", { name: "archive", s3: { bucketName: "recordings" } });
  await call("CreateEncoderConfiguration", { name: "small", video: { width: 320, height: 180, framerate: 15, bitrate: 300_000 } });
  run("publish", "--token", await server.token(stage.arn, "alice", ["PUBLISH"]), "--size", "320x180");

  await signIn();
  /** Waits until the player of the page plays. */
  const plays = async (title) => {
    const video = page.frameLocator(`iframe[title="${title}"]`).locator("video");
    const at = () => video.evaluate((v) => v.currentTime).catch(() => 0);
    const begun = await eventually(`${title}: it plays`, at, (t) => t > 0, 90);
    await eventually(`${title}: it goes on`, at, (t) => t > begun + 1, 90);
  };
  await page.goto(`${server.url}/console/compositions/start/${idOf(stage.arn)}`);
  await page.getByText("To a channel").click();
  await choose(/^Channel/, "on-air");
  await choose(/Encoder configuration of the channel/, "small");
  await page.getByText("Into a bucket").click();
  await choose(/Storage configuration/, "archive");
  await choose(/Encoder configuration of the recording/, "small");
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await page.getByRole("heading", { name: /^Composition / }).waitFor();
  await plays("Live preview of the composition");
  await page.getByText("Healthy").waitFor();
  await look("composition-live");

  await page.getByRole("link", { name: /^Channel / }).click();
  await plays("Player of on-air");
  await look("channel-live");
  await page.goBack();

  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Stop", exact: true }).click();
  await eventually("the composition has stopped", () => call("ListCompositions", {}), ({ compositions }) => compositions[0].state === "STOPPED");
  await plays("Player of the recording");
  await page.getByRole("link", { name: /^Recording / }).click();
  await page.getByRole("heading", { name: "Files" }).waitFor();
  await page.getByText("media/hls/multivariant.m3u8").waitFor();
  await plays("Player of the recording");
  await look("recording");
  assert.equal(new URL(page.url()).pathname.startsWith(`/console/recordings/${idOf(storageConfiguration.arn)}/`), true);
});

test("a participant is replicated to another stage, and no longer", { timeout: 120_000 }, async () => {
  const { call } = server;
  const [{ stage }, { stage: other }] = [await call("CreateStage", { name: "here" }), await call("CreateStage", { name: "there" })];
  run("publish", "--token", await server.token(stage.arn, "bob", ["PUBLISH"]), "--size", "320x180");
  await page.goto(`${server.url}/console/stages/${idOf(stage.arn)}`);
  await page.getByRole("link", { name: "bob" }).click();
  await page.getByRole("button", { name: "Replicate", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await choose(/To the stage/, "there");
  await dialog.getByLabel("Reconnect window").fill("5");
  await look("replicate");
  await dialog.getByRole("button", { name: "Replicate", exact: true }).click();
  const replicas = page.getByRole("table", { name: "Replicas" });
  await replicas.getByText("Active").waitFor();
  await look("replicas");
  await replicas.getByRole("link", { name: idOf(other.arn) }).click();
  await page.getByRole("table", { name: "Participants" }).getByText("Replica", { exact: true }).waitFor();
  await page.getByRole("link", { name: "bob" }).click();
  await page.getByRole("link", { name: `of stage ${idOf(stage.arn)}` }).click();
  await replicas.getByRole("radio").check({ force: true });
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await dialog.getByRole("button", { name: "Stop", exact: true }).click();
  await replicas.getByText("Stopped").waitFor();
  await look("replica-stopped");
});

test("no page had a fault", () => assert.deepEqual(faults, []));
