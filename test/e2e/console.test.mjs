// The console in a browser: every page, in two sizes and both schemes, looked over by axe; a
// stage from its creation to its end; and operators who may only read.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { consoleViolations } from "./axe.mjs";
import { binary, eventually, server, serverAndBrowser, web } from "./harness.mjs";

serverAndBrowser();

const hostile = `<img src=x onerror="document.title='hostile'">`;
const desktop = { viewport: { width: 1280, height: 800 }, colorScheme: "light" };
let page, arn, id, session;
const faults = [];

/** A page of the console, whose faults are kept. */
async function open(path, options = desktop) {
  const opened = await web.page(options);
  opened.on("pageerror", (e) => faults.push(e.message));
  opened.on("console", (m) => m.type() === "error" && /Content Security Policy|React/.test(m.text()) && faults.push(m.text()));
  await opened.goto(server.url + path);
  return opened;
}

async function signIn(opened, accessKey, secret) {
  await opened.getByLabel("Access key id").fill(accessKey);
  await opened.getByLabel("Secret access key").fill(secret);
  await opened.getByRole("button", { name: "Sign in" }).click();
  await opened.getByRole("heading", { name: "Overview" }).waitFor();
}

/** A live stage, with a participant whose name is hostile. */
async function goLive() {
  ({ arn } = (await server.call("CreateStage", { name: "console" })).stage);
  id = arn.split("/")[1];
  const publisher = await web.page();
  const token = (await server.call("CreateParticipantToken", { stageArn: arn, userId: "ann", attributes: { name: hostile } })).participantToken.token;
  await publisher.evaluate((t) => participant.publish(t, {}), token);
  session = await eventually("the stage is live", async () => (await server.call("GetStage", { arn })).stage.activeSessionId, Boolean);
}

test("the link that the server prints signs in, once", async () => {
  await goLive();
  const link = server.log.join("\n").match(/\/console\/#sign-in=\w+/)[0];
  page = await open(link);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  assert.ok(!page.url().includes("sign-in"), `the code stays in ${page.url()}`);
  const second = await open(link);
  await second.getByText("The link was used already").waitFor();
  await signIn(second, "E2EACCESSKEY", "e2e-secret-of-the-suite");
  await second.close();
  assert.equal((await fetch(server.url, { headers: { Accept: "text/html" }, redirect: "manual" })).headers.get("location"), "/console/");
  assert.match((await fetch(server.url)).headers.get("content-type"), /json/);
});

test("every page is accessible, in two sizes and both schemes", async () => {
  const { participants } = await server.call("ListParticipants", { stageArn: arn, sessionId: session });
  const pages = {
    overview: ["/", () => page.getByRole("link", { name: "console" }).first().waitFor()],
    stages: ["/stages", () => page.getByRole("link", { name: "console" }).waitFor()],
    stage: [`/stages/${id}`, () => page.getByRole("link", { name: "ann" }).waitFor()],
    session: [`/stages/${id}/${session}`, () => page.getByRole("link", { name: "ann" }).waitFor()],
    participant: [`/stages/${id}/${session}/${participants[0].participantId}`, async () => {
      await page.getByText("Publish started").waitFor();
      await page.locator(".chart canvas").first().waitFor(); // the first figures come after five seconds
    }],
    compositions: ["/compositions", () => page.getByText("There are no compositions").waitFor()],
    composition: ["/compositions/AbsentAbsent", () => page.getByText("Reading the composition").waitFor()],
    events: ["/events", () => page.getByRole("link", { name: "Participant Published" }).first().waitFor()],
    keys: ["/keys", () => page.getByText("Yours").waitFor()],
    targets: ["/targets", () => page.getByText("No events are delivered").waitFor()],
    server: ["/server", () => page.getByText("signed in to the console").first().waitFor()],
    token: ["/token", () => page.getByLabel("Participant token").waitFor()],
  };
  const violated = [];
  for (const [name, [path, shown]] of Object.entries(pages)) {
    await page.goto(`${server.url}/console${path}`);
    await shown();
    await page.getByRole("heading", { level: 1 }).first().waitFor();
    for (const [look, width, colorScheme] of [["desktop-light", 1280, "light"], ["phone-dark", 390, "dark"]]) {
      await page.setViewportSize({ width, height: 800 });
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await eventually("the scheme", () => page.evaluate(() => document.body.classList.contains("awsui-dark-mode")), (dark) => dark === (colorScheme === "dark"));
      await eventually(`${name}, ${look}: it is no wider than the window`, () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), Boolean);
      if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/console-${name}-${look}.png` });
      violated.push(...(await consoleViolations(page)).map((v) => [name, look, ...v]));
    }
    await page.setViewportSize(desktop.viewport);
    await page.emulateMedia({ colorScheme: "light" });
  }
  assert.deepEqual(violated, []);
});

test("the quality of a participant is explained, in charts and in a table", async () => {
  const { participants } = await server.call("ListParticipants", { stageArn: arn, sessionId: session });
  await page.goto(`${server.url}/console/stages/${id}/${session}/${participants[0].participantId}`);
  await page.getByRole("img", { name: /^Bitrate from/ }).waitFor();
  await page.locator(".moment").last().press("Enter");
  await page.getByRole("button", { name: "All that is shown" }).waitFor();
  await page.getByText(/^Between .+: /).waitFor();
  await page.getByText("As a table").click();
  await page.getByRole("table", { name: "Quality" }).getByText("fps").first().waitFor();
});

test("a stage is watched: video flows, and names are text", async () => {
  await page.goto(`${server.url}/console/stages/${id}`);
  await page.getByRole("button", { name: "Watch" }).click();
  await page.locator("figcaption").getByText(hostile).waitFor();
  await eventually("a picture", () => page.evaluate(() => document.querySelector("video")?.videoWidth), (width) => width > 0);
  if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/console-watch.png` });
  assert.notEqual(await page.title(), "hostile");
});

test("a stage is created, gets a token, and is deleted", async () => {
  await page.goto(`${server.url}/console/stages`);
  await page.getByRole("button", { name: "Create stage" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill("made-here");
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("heading", { name: "made-here" }).waitFor();
  await page.getByRole("button", { name: "Create token" }).click();
  await dialog.getByLabel("User id").fill("zoe");
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  const link = await dialog.getByRole("link", { name: "Open the stage page" }).getAttribute("href");
  assert.equal(JSON.parse(Buffer.from(link.split("#")[1].split(".")[1], "base64url")).user_id, "zoe");
  await dialog.getByRole("button", { name: "Close", exact: true }).last().click();
  await page.getByRole("button", { name: "Delete" }).first().click();
  await dialog.getByRole("button", { name: "Delete" }).click();
  await page.getByText("made-here is deleted").waitFor();
  assert.deepEqual((await server.call("ListStages")).stages.map((s) => s.name), ["console"]);
});

test("an access key is made, tested, edited, revoked and deleted", async () => {
  await page.goto(`${server.url}/console/keys`);
  await page.getByRole("button", { name: "Create access key" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("User").fill(hostile);
  await dialog.getByText("What policies allow").click();
  const policy = dialog.getByRole("textbox", { name: "Policy" });
  await policy.fill("{");
  await dialog.getByText("This is not JSON").waitFor();
  await policy.fill('{"Version":"2012-10-17","Statement":[{"Effekt":"Allow"}]}');
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await dialog.getByText("Effekt").last().waitFor(); // the server says what is wrong
  await policy.fill('{"Version":"2012-10-17","Statement":[{"Sid":"Look","Effect":"Allow","Action":"ivs:Get*","Resource":"*"}]}');
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await dialog.getByText("The secret is shown only now").waitFor();
  if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/console-key-made.png` });
  await dialog.getByRole("button", { name: "Close", exact: true }).last().click();
  const row = page.getByRole("row").filter({ hasText: hostile });
  await row.getByRole("radio").click();
  await page.getByRole("button", { name: "Test policies" }).click();
  await dialog.getByRole("button", { name: "Ask" }).click();
  await dialog.getByText("its Action does not include ivs:DeleteStage").waitFor();
  if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/console-may.png` });
  await dialog.getByRole("button", { name: "Cancel" }).click();
  for (const [action, done] of [["Revoke", "is revoked"], ["Delete", "is deleted"]]) {
    await page.getByRole("button", { name: action, exact: true }).click();
    await dialog.getByRole("button", { name: action, exact: true }).click();
    await page.getByText(done).waitFor();
  }
  await row.waitFor({ state: "detached" });
  assert.notEqual(await page.title(), "hostile");
});

test("events are filtered by a pattern and delivered to a target again; settings are shown", async () => {
  const file = `${server.dir}/delivered.jsonl`;
  await page.goto(`${server.url}/console/targets`);
  await page.getByRole("button", { name: "Add target" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("to-file");
  await dialog.getByText("File", { exact: true }).click();
  await dialog.getByLabel("Path of the file").fill(file);
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByText("to-file gets events").waitFor();
  await page.goto(`${server.url}/console/events`);
  await page.getByText("Filter by an event pattern").click();
  await page.getByRole("textbox", { name: "Event pattern" }).fill('{"detail":{"event_name":["Participant Published"]}}');
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await eventually("one kind of event", () => page.getByRole("table").locator("tbody tr").allInnerTexts(), (rows) => rows.length > 0 && rows.every((r) => r.includes("Participant Published")));
  await page.getByRole("link", { name: "Participant Published" }).first().click();
  await dialog.getByText('"event_name": "Participant Published"').waitFor();
  if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/console-event.png` });
  await dialog.getByRole("button", { name: "Target" }).click();
  await page.getByRole("option", { name: "to-file" }).click();
  await dialog.getByRole("button", { name: "Deliver again" }).click();
  await page.getByText("to-file accepted the event").waitFor();
  assert.match(readFileSync(file, "utf8"), /Participant Published/);
  await page.goto(`${server.url}/console/server`);
  await page.getByRole("tab", { name: "Settings" }).click();
  const setting = page.getByRole("row").filter({ hasText: "secret_key" });
  await setting.waitFor();
  assert.ok(!(await page.content()).includes("e2e-secret-of-the-suite"), "a secret is shown");
  if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/console-settings.png` });
  await page.getByRole("tab", { name: "Checks" }).click();
  await page.getByRole("cell", { name: "safety" }).or(page.getByRole("rowheader", { name: "safety" })).first().waitFor();
  if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/console-checks.png` });
});

test("who may only read is offered nothing that fails, and signs out for good", async () => {
  const made = execFileSync(binary, ["keys", "create", "--user", "reader", "--policy", "IVSReadOnlyAccess", "--json", "--data-dir", server.dir, "--region", "eu-west-1"], { encoding: "utf8" });
  const key = JSON.parse(made.split("\n")[0]);
  const reader = await open("/console/");
  await reader.evaluate(() => fetch("/console/sign-out", { method: "POST", headers: { "X-Rostrum-Console": "1" } }));
  await reader.context().clearCookies();
  await reader.reload();
  await signIn(reader, key.accessKeyId, key.secretAccessKey);
  await reader.goto(`${server.url}/console/stages`);
  await reader.getByRole("link", { name: "console" }).waitFor();
  await reader.getByRole("button", { name: "Create stage" }).hover();
  await reader.getByRole("tooltip").getByText("No policy of your access key allows ivs:CreateStage here.").waitFor();
  for (const [path, actions] of Object.entries({ "/stages": ["Create stage"], [`/stages/${id}`]: ["Create token", "Tags", "Delete", "Watch", "Replicate"], "/compositions": ["Start composition"], "/channels": ["Create channel"], "/encoder-configurations": ["Create"], "/storage-configurations": ["Create"], "/ingest-configurations": ["Create"], "/public-keys": ["Import"] })) {
    await reader.goto(`${server.url}/console${path}`);
    for (const name of actions) await reader.locator("button[aria-disabled=true]").getByText(name, { exact: true }).waitFor();
  }
  for (const path of ["/keys", "/targets", "/server"]) {
    await reader.goto(`${server.url}/console${path}`);
    await reader.getByText("without policies").waitFor();
    assert.equal(await reader.getByRole("link", { name: /Access keys|Targets|Server/ }).count(), 0);
  }
  const denied = await reader.evaluate(async (arn) => {
    const headers = { "X-Rostrum-Console": "1", "Content-Type": "application/json" };
    return (await fetch("/DeleteStage", { method: "POST", headers, body: JSON.stringify({ arn }) })).status;
  }, arn);
  assert.equal(denied, 403);
  await reader.getByRole("button", { name: "reader: account" }).click();
  await reader.getByRole("menuitem", { name: "Sign out" }).click();
  await reader.getByLabel("Access key id").waitFor();
  await reader.goto(`${server.url}/console/stages`);
  await reader.getByLabel("Access key id").waitFor();
  await reader.close();
});

test("no page had a fault", () => assert.deepEqual(faults, []));
