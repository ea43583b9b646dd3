// The stage page: built by web/sdk from web/stage; DO NOT EDIT.
"use strict";
(() => {
  var __create = Object.create;
  var __defProp = Object.defineProperty;
  var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
  var __getOwnPropNames = Object.getOwnPropertyNames;
  var __getProtoOf = Object.getPrototypeOf;
  var __hasOwnProp = Object.prototype.hasOwnProperty;
  var __commonJS = (cb, mod) => function __require() {
    try {
      return mod || (0, cb[__getOwnPropNames(cb)[0]])((mod = { exports: {} }).exports, mod), mod.exports;
    } catch (e) {
      throw mod = 0, e;
    }
  };
  var __copyProps = (to, from, except, desc) => {
    if (from && typeof from === "object" || typeof from === "function") {
      for (let key of __getOwnPropNames(from))
        if (!__hasOwnProp.call(to, key) && key !== except)
          __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
    }
    return to;
  };
  var __toESM = (mod, isNodeMode, target) => (target = mod != null ? __create(__getProtoOf(mod)) : {}, __copyProps(
    // If the importer is in node compatibility mode or this is not an ESM
    // file that has been converted to a CommonJS file using a Babel-
    // compatible transform (i.e. "__esModule" has not been set), then set
    // "default" to the CommonJS "module.exports" for node compatibility.
    isNodeMode || !mod || !mod.__esModule ? __defProp(target, "default", { value: mod, enumerable: true }) : target,
    mod
  ));

  // global:rostrum-sdk
  var require_rostrum_sdk = __commonJS({
    "global:rostrum-sdk"(exports, module) {
      module.exports = IVSBroadcastClient;
    }
  });

  // ../stage/src/page.ts
  var import_rostrum_sdk8 = __toESM(require_rostrum_sdk());

  // ../stage/src/call.ts
  var import_rostrum_sdk5 = __toESM(require_rostrum_sdk());

  // ../stage/src/arrangement.ts
  var minWidth = 100;
  var stripShares = [0.22, 0.28, 0.34, 0.4];
  function grid(count, space, x0 = 0, y0 = 0) {
    if (count === 0) return [];
    const { gap, ratio, caption } = space;
    const widthIn = (columns2) => {
      const rows2 = Math.ceil(count / columns2);
      const across = (space.width - gap * (columns2 - 1)) / columns2;
      const down = ((space.height - gap * (rows2 - 1)) / rows2 - caption) * ratio;
      return Math.min(across, down);
    };
    let columns = 1;
    for (let c = 2; c <= count; c++) if (widthIn(c) > widthIn(columns)) columns = c;
    let width = widthIn(columns);
    if (width < Math.min(minWidth, space.width)) {
      columns = Math.max(1, Math.min(count, Math.floor((space.width + gap) / (minWidth + gap))));
      width = (space.width - gap * (columns - 1)) / columns;
    }
    const height = width / ratio + caption;
    const rows = Math.ceil(count / columns);
    const top = Math.max(0, (space.height - rows * height - (rows - 1) * gap) / 2);
    return Array.from({ length: count }, (_, i) => {
      const row = Math.floor(i / columns);
      const inRow = Math.min(columns, count - row * columns);
      const left = (space.width - inRow * width - (inRow - 1) * gap) / 2;
      return { x: x0 + left + i % columns * (width + gap), y: y0 + top + row * (height + gap), width, height };
    });
  }
  function spotlight(count, spot, space) {
    if (count < 2) return grid(count, space);
    const { width, height, gap, ratio, caption } = space;
    const beside = width > height * 1.1;
    const arrange = (share) => {
      const across = beside ? Math.max(minWidth, width * share, width - gap - (height - caption) * ratio) : width;
      const down = beside ? height : Math.max(minWidth / ratio + caption, height * share, height - gap - (width / ratio + caption));
      const main = beside ? { ...space, width: width - across - gap } : { ...space, height: height - down - gap };
      const [large] = grid(1, main);
      const others = beside ? grid(count - 1, { ...space, width: across }, main.width + gap) : grid(count - 1, { ...space, height: down }, 0, main.height + gap);
      others.splice(spot, 0, large);
      return others;
    };
    const fits = (places) => places.every((place2) => place2.y + place2.height <= height + 1);
    return stripShares.map(arrange).find(fits) ?? arrange(stripShares[0]);
  }

  // ../stage/src/dom.ts
  function byId(id) {
    return document.getElementById(id);
  }
  function find(selector, within) {
    return within.querySelector(selector);
  }
  var fromTemplate = (id) => byId(id).content.firstElementChild.cloneNode(true);
  function element(name, properties = {}, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }
  function setIcon(within, name) {
    find("use", within).setAttribute("href", `#icon-${name}`);
  }
  function setTool(tool, icon, label, off = false) {
    setIcon(tool, icon);
    find(".label", tool).textContent = label;
    tool.classList.toggle("off", off);
  }
  function setOptions(select, options, chosen = select.value) {
    const shown = [...select.options].map(({ value, text }) => `${value} ${text}`).join("\n");
    if (shown !== options.map(({ value, text }) => `${value} ${text}`).join("\n")) select.replaceChildren(...options.map(({ value, text }) => new Option(text, value)));
    if (options.some(({ value }) => value === chosen)) select.value = chosen;
  }
  var views = ["enter", "lobby", "call", "ended"];
  function showView(name, title) {
    for (const view of views) byId(view).hidden = view !== name;
    for (const dialog of document.querySelectorAll("dialog")) dialog.close();
    document.body.dataset["view"] = name;
    document.title = `${title} · Rostrum`;
    find("h1", byId(name)).focus();
  }
  function openDialog(id) {
    byId(id).showModal();
    placeStatus();
  }
  function placeStatus() {
    const place2 = document.querySelector("dialog[open]") ?? find("main", document);
    for (const id of ["toasts", "happened"]) if (byId(id).parentElement !== place2) place2.append(byId(id));
  }
  document.addEventListener("close", placeStatus, { capture: true });
  var toastFor = 8e3;
  function toast(text, action) {
    const note = fromTemplate("toast");
    const close = () => note.remove();
    find("p", note).textContent = text;
    find(".close", note).onclick = close;
    const button = find(".action", note);
    button.hidden = !action;
    button.textContent = action?.label ?? "";
    button.onclick = () => {
      close();
      action?.run();
    };
    if (!action) setTimeout(close, toastFor);
    placeStatus();
    const toasts = byId("toasts");
    for (const other of [...toasts.children]) if (find("p", other).textContent === text) other.remove();
    toasts.append(note);
  }
  function closeToasts() {
    byId("toasts").replaceChildren();
  }
  function initialsOf(name) {
    const words = name.split(/[\s._@-]+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
    const letters = words.length > 1 ? [words[0], words.at(-1)].map((word) => [...word].find((c) => /[\p{L}\p{N}]/u.test(c))) : [...words[0] ?? ""].filter((c) => /[\p{L}\p{N}]/u.test(c)).slice(0, 2);
    return letters.join("").toUpperCase() || "?";
  }

  // ../stage/src/board.ts
  var [narrowest, widest] = [9 / 16, 16 / 9];
  var Board = class {
    element = byId("tiles");
    tiles = [];
    observer = new ResizeObserver(() => this.arrange());
    current = "grid";
    pinned;
    speaker;
    constructor() {
      this.observer.observe(this.element);
    }
    get all() {
      return this.tiles;
    }
    get layout() {
      return this.current;
    }
    set layout(layout) {
      this.current = layout;
      if (layout === "grid") this.pin(void 0);
      this.arrange();
    }
    find(id) {
      return this.tiles.find((tile) => tile.id === id);
    }
    /** Adds a tile: those of others come first. */
    add(tile) {
      const at = tile.own ? this.tiles.length : this.tiles.filter(({ own }) => !own).length;
      this.element.insertBefore(tile.element, this.tiles[at]?.element ?? null);
      this.tiles.splice(at, 0, tile);
      this.arrange();
    }
    remove(tile) {
      this.tiles.splice(this.tiles.indexOf(tile), 1);
      tile.remove();
      if (this.speaker === tile) this.speaker = void 0;
      if (this.pinned === tile) this.pinned = void 0;
      this.arrange();
    }
    /** Keeps one tile in the spotlight, or none. */
    pin(tile) {
      this.pinned = tile;
      for (const other of this.tiles) other.pinned = other === tile;
      if (tile) this.current = "spotlight";
      this.arrange();
    }
    isPinned(tile) {
      return this.pinned === tile;
    }
    /** Marks who speaks. The last one stays in the spotlight. */
    setSpeaker(id) {
      for (const tile of this.tiles) tile.speaking = tile.id === id;
      this.speaker = this.tiles.find((tile) => tile.id === id && !tile.own) ?? this.speaker;
      this.arrange();
    }
    close() {
      this.observer.disconnect();
      for (const tile of [...this.tiles]) this.remove(tile);
    }
    /** Puts the tiles where they fit best. */
    arrange() {
      const { element: element2, tiles } = this;
      const style = getComputedStyle(element2);
      const length = (name) => parseFloat(style.getPropertyValue(name)) || 0;
      const [width, height] = [element2.clientWidth, element2.clientHeight];
      if (width === 0 || height === 0) return;
      const space = { width, height, gap: length("--gap"), caption: length("--caption"), ratio: this.ratio() };
      const spot = this.current === "spotlight" && tiles.length > 1 ? tiles.indexOf(this.pinned ?? this.speaker ?? tiles[0]) : -1;
      const places = spot < 0 ? grid(tiles.length, space) : spotlight(tiles.length, spot, space);
      tiles.forEach((tile, i) => {
        tile.spotlit = i === spot;
        place(tile.element, places[i]);
      });
    }
    /** The shape of most pictures, so that the tiles leave little space unused. */
    ratio() {
      const ratios = this.tiles.flatMap(({ ratio }) => ratio ?? []).sort((a, b) => a - b);
      const usual = ratios[Math.floor(ratios.length / 2)] ?? widest;
      return Math.min(widest, Math.max(narrowest, usual));
    }
  };
  function place({ style }, { x, y, width, height }) {
    style.translate = `${Math.round(x)}px ${Math.round(y)}px`;
    style.width = `${Math.floor(width)}px`;
    style.height = `${Math.floor(height)}px`;
  }

  // ../stage/src/screen.ts
  var import_rostrum_sdk2 = __toESM(require_rostrum_sdk());

  // ../stage/src/link.ts
  var import_rostrum_sdk = __toESM(require_rostrum_sdk());
  var maxNameLength = 80;
  function parseLink(text) {
    const fragment = text.trim().split("#").at(-1);
    const [token = "", ...rest] = fragment.split("&");
    const claims = claimsOf(token);
    if (!claims) return void 0;
    const fields = new URLSearchParams(rest.join("&"));
    const screen = fields.get("screen") ?? void 0;
    return {
      fragment,
      token,
      claims,
      screen: screen && claimsOf(screen) ? screen : void 0,
      invitations: fields.getAll("invite").filter((invitation) => claimsOf(invitation)),
      stageName: fields.get("stage")?.slice(0, maxNameLength)
    };
  }
  function claimsOf(token) {
    try {
      const claims = (0, import_rostrum_sdk.parseToken)(token);
      return isAddress(claims.whip_url) && isAddress(claims.events_url) ? claims : void 0;
    } catch {
      return void 0;
    }
  }
  function whyNoScreen(screen, own, now = Date.now()) {
    if (originOf(screen) !== originOf(own)) return "The token for the screen is for another server.";
    if (screen.topic !== own.topic) return "The token for the screen is for another stage.";
    if (screen.jti === own.jti) return "The token for the screen is your own. The screen needs a second one.";
    if (!screen.capabilities?.allow_publish) return "The token for the screen does not allow publishing.";
    if (screen.exp !== void 0 && 1e3 * screen.exp <= now) return "The token for the screen has expired.";
    return void 0;
  }
  var isAddress = (url) => URL.canParse(url) && /^(https?|wss?):$/.test(new URL(url).protocol);
  var originOf = ({ events_url }) => new URL(events_url.replace(/^ws/, "http")).origin;
  var pageAt = (origin, fragment) => `${origin}/stage/#${fragment}`;

  // ../stage/src/screen.ts
  var SharedScreen = class _SharedScreen {
    constructor(tracks, camera2, token, stopped) {
      this.tracks = tracks;
      this.camera = camera2;
      this.token = token;
      this.stopped = stopped;
    }
    tracks;
    camera;
    token;
    stopped;
    stage;
    cameraWasMuted;
    // undefined unless the screen takes the camera's place
    open = true;
    /** Asks what to share, and shares it until the signal. It is undefined if sharing stopped before it came about. */
    static async start(camera2, token, signal, stopped) {
      const tracks = await (0, import_rostrum_sdk2.openScreen)();
      if (signal.aborted) {
        for (const track of tracks) track.stop();
        return void 0;
      }
      const screen = new _SharedScreen(tracks, camera2, token, stopped);
      screen.video.contentHint = "detail";
      screen.video.addEventListener("ended", () => screen.stop());
      signal.addEventListener("abort", () => screen.stop());
      try {
        await (token ? screen.publish(token) : screen.replaceCamera());
      } catch (error) {
        screen.stop(error);
        throw error;
      }
      return screen.open ? screen : void 0;
    }
    get video() {
      return this.tracks.find(({ kind }) => kind === "video");
    }
    /** The participant that the screen is; undefined in place of the camera. */
    get participantId() {
      return this.token && claimsOf(this.token)?.jti;
    }
    stop(error) {
      if (!this.open) return;
      this.open = false;
      for (const track of this.tracks) track.stop();
      this.stage?.leave();
      if (this.cameraWasMuted !== void 0) {
        void this.camera.replace();
        this.camera.stream?.setMuted(this.cameraWasMuted || !this.camera.isOpen);
      }
      this.stopped(error);
    }
    async publish(token) {
      const streams = this.tracks.map((track) => new import_rostrum_sdk2.LocalStageStream(track, track.kind === "video" ? { simulcast: { enabled: true } } : { stereo: true, maxAudioBitrateKbps: 96 }));
      this.stage = new import_rostrum_sdk2.Stage(token, {
        stageStreamsToPublish: () => streams,
        shouldPublishParticipant: () => true,
        shouldSubscribeToParticipant: () => import_rostrum_sdk2.SubscribeType.NONE
      });
      this.stage.on(import_rostrum_sdk2.StageEvents.ERROR, (error) => this.stop(error));
      this.stage.on(import_rostrum_sdk2.StageEvents.STAGE_LEFT, (reason) => this.stop(reason === import_rostrum_sdk2.StageLeftReason.USER_INITIATED ? void 0 : new Error("its token is not accepted any more.")));
      await this.stage.join();
    }
    async replaceCamera() {
      const { camera: camera2 } = this;
      this.cameraWasMuted = camera2.stream?.isMuted ?? false;
      await camera2.replace(this.video);
      if (this.open) camera2.stream?.setMuted(false);
    }
  };

  // ../stage/src/sentences.ts
  var import_rostrum_sdk3 = __toESM(require_rostrum_sdk());
  function localTime(seconds, now = /* @__PURE__ */ new Date()) {
    const at = new Date(1e3 * seconds);
    const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    return at.toDateString() === now.toDateString() ? `today at ${time}` : `on ${at.toLocaleDateString([], { dateStyle: "long" })} at ${time}`;
  }
  var askAgain = "Ask whoever invited you for a new link.";
  function describeRefusal(error, claims) {
    if (!(error instanceof import_rostrum_sdk3.StageError)) return { title: "Something went wrong", text: `The page met an error: ${error.message ?? error}`, ways: ["again", "other-link"] };
    return refusal(error, claims) ?? unreachable(error.message, claims);
  }
  function refusal(error, claims) {
    const endings = {
      [import_rostrum_sdk3.StageErrorCode.TOKEN_EXPIRED]: () => ({ title: "This link has expired", text: `${claims.exp ? `It was valid until ${localTime(claims.exp)}.` : "Its time is over."} ${askAgain}`, ways: ["other-link"] }),
      [import_rostrum_sdk3.StageErrorCode.TOKEN_MALFORMED]: () => ({ title: "This link is not valid", text: `The server does not accept it; perhaps a part got lost on the way. ${sentence(error.message)}${askAgain}`, ways: ["other-link"] }),
      [import_rostrum_sdk3.StageErrorCode.TOKEN_NOT_ALLOWED]: () => ({ title: "This link does not allow it", text: `${sentence(error.message)}${askAgain}`, ways: ["other-link"] }),
      [import_rostrum_sdk3.StageErrorCode.STAGE_AT_CAPACITY]: () => ({ title: "The stage is full", text: "As many people are on it as the server allows. Try again when somebody has left.", ways: ["again", "other-link"] }),
      [import_rostrum_sdk3.StageErrorCode.STAGE_DELETED]: () => ended(import_rostrum_sdk3.StageLeftReason.STAGE_DELETED),
      [import_rostrum_sdk3.StageErrorCode.PARTICIPANT_DISCONNECTED]: () => ended(import_rostrum_sdk3.StageLeftReason.PARTICIPANT_DISCONNECTED, error.message),
      [import_rostrum_sdk3.StageErrorCode.CANCELED]: () => ended(import_rostrum_sdk3.StageLeftReason.USER_INITIATED)
    };
    return endings[error.code]?.();
  }
  function unreachable(detail, claims) {
    const origin = originOf(claims);
    if (origin === location.origin) return { title: "No connection", text: `${sentence(detail)}Check your network, and try again.`, ways: ["again", "other-link"] };
    return {
      title: "This link is for another server",
      text: `It connects to ${origin}, but this page came from ${location.origin} and may connect to that only. Open the link where it belongs.`,
      ways: ["open-there", "other-link"]
    };
  }
  function describeLeft(reason, error, claims) {
    if (reason !== import_rostrum_sdk3.StageLeftReason.UNKNOWN || error?.category !== import_rostrum_sdk3.StageErrorCategory.JOIN_ERROR) return ended(reason, error?.message);
    if (error.serverCode === "TOKEN_REUSED") return ended(import_rostrum_sdk3.StageLeftReason.TOKEN_REUSED);
    return refusal(error, claims) ?? ended(reason, error.message);
  }
  function ended(reason, detail = "") {
    switch (reason) {
      case import_rostrum_sdk3.StageLeftReason.USER_INITIATED:
        return { title: "You left the stage", text: "Your camera and microphone are off.", ways: ["again", "other-link"] };
      case import_rostrum_sdk3.StageLeftReason.PARTICIPANT_DISCONNECTED:
        return { title: "You were removed from the stage", text: `${sentence(detail)}This link can not be used any more. ${askAgain}`, ways: ["other-link"] };
      case import_rostrum_sdk3.StageLeftReason.STAGE_DELETED:
        return { title: "The stage was deleted", text: "The call is over for everybody.", ways: ["other-link"] };
      case import_rostrum_sdk3.StageLeftReason.TOKEN_REUSED:
        return { title: "You joined somewhere else", text: "This link is now used in another tab or on another device, and works in one at a time.", ways: ["again", "other-link"] };
      case import_rostrum_sdk3.StageLeftReason.FAILED_EXCHANGE:
        return { title: "Your access has ended", text: `The server did not accept your new token. ${sentence(detail)}${askAgain}`, ways: ["other-link"] };
      default:
        return { title: "The connection was lost", text: `${sentence(detail)}Check your network, and join again.`, ways: ["again", "other-link"] };
    }
  }
  function describeDevice(kind, error) {
    if (!(error instanceof import_rostrum_sdk3.DeviceError)) return `The ${kind} can not be used: ${error.message}`;
    switch (error.failure) {
      case import_rostrum_sdk3.DeviceFailure.INSECURE_PAGE:
        return `Browsers give a ${kind} only to pages with https. Open this page by its https address; here you can watch and listen.`;
      case import_rostrum_sdk3.DeviceFailure.UNSUPPORTED:
        return kind === "screen" ? "This browser can not share a screen. Use a browser on a computer." : `This browser gives no ${kind} to this page. Try another browser.`;
      case import_rostrum_sdk3.DeviceFailure.DENIED:
        return kind === "screen" ? "The screen is not shared." : `The ${kind} is not allowed. Allow it in the settings of this site (beside the address), then try again.`;
      case import_rostrum_sdk3.DeviceFailure.NOT_FOUND:
        return `No ${kind} was found. Connect one, then try again.`;
      case import_rostrum_sdk3.DeviceFailure.IN_USE:
        return `The ${kind} does not start. Close other programs that use it, then try again.`;
      case import_rostrum_sdk3.DeviceFailure.OVERCONSTRAINED:
        return `The chosen ${kind} is gone. Choose another one.`;
      case import_rostrum_sdk3.DeviceFailure.FAILED:
        return `The ${kind} does not start: ${error.message}`;
    }
  }
  var mayPass = (error) => !(error instanceof import_rostrum_sdk3.DeviceError && [import_rostrum_sdk3.DeviceFailure.INSECURE_PAGE, import_rostrum_sdk3.DeviceFailure.UNSUPPORTED].includes(error.failure));
  var ofBoth = {
    [import_rostrum_sdk3.DeviceFailure.INSECURE_PAGE]: "Browsers give camera and microphone only to pages with https. Open this page by its https address; here you can watch and listen.",
    [import_rostrum_sdk3.DeviceFailure.UNSUPPORTED]: "This browser gives neither camera nor microphone to this page. Try another browser.",
    [import_rostrum_sdk3.DeviceFailure.DENIED]: "Camera and microphone are not allowed. Allow them in the settings of this site (beside the address), then try again.",
    [import_rostrum_sdk3.DeviceFailure.NOT_FOUND]: "No camera and no microphone were found. Connect them, then try again."
  };
  function describeBoth(camera2, microphone2) {
    if (!(camera2 instanceof import_rostrum_sdk3.DeviceError) || !(microphone2 instanceof import_rostrum_sdk3.DeviceError) || camera2.failure !== microphone2.failure) return void 0;
    return ofBoth[camera2.failure];
  }
  function describeFailure(error) {
    const publishing = error.category === "PUBLISH_ERROR";
    switch (error.code) {
      case import_rostrum_sdk3.StageErrorCode.STAGE_AT_CAPACITY:
        return publishing ? "Others don’t see or hear you: as many people publish as the server allows." : "Somebody can not be shown: the server is at its capacity.";
      case import_rostrum_sdk3.StageErrorCode.CODEC_MISMATCH:
        return publishing ? "Others don’t see you: this browser has no video codec that the server takes. Try another browser." : "Somebody can not be shown: this browser lacks their codec. Try another browser.";
      case import_rostrum_sdk3.StageErrorCode.TOKEN_NOT_ALLOWED:
        return publishing ? "Your link does not allow you to publish." : "Your link does not allow you to watch.";
      case import_rostrum_sdk3.StageErrorCode.TIMEOUT:
        return publishing ? "Others don’t see or hear you: your media do not get through to the server. A firewall may block them." : "Pictures do not get through from the server. A firewall may block them.";
      default:
        return `${publishing ? "Others don’t see or hear you" : "Somebody can not be shown"}: ${error.message}`;
    }
  }
  var noPicture = {
    [import_rostrum_sdk3.NoPictureReason.NOT_ON_STAGE]: "Not here",
    [import_rostrum_sdk3.NoPictureReason.NOT_PUBLISHING]: "Not publishing",
    [import_rostrum_sdk3.NoPictureReason.NOT_ALLOWED]: "Your link does not allow you to watch",
    [import_rostrum_sdk3.NoPictureReason.NOT_WANTED]: "Video is turned off in your settings",
    [import_rostrum_sdk3.NoPictureReason.CONNECTING]: "Connecting …",
    [import_rostrum_sdk3.NoPictureReason.RECONNECTING]: "Reconnecting …",
    [import_rostrum_sdk3.NoPictureReason.FAILED]: "No connection",
    [import_rostrum_sdk3.NoPictureReason.AUDIO_ONLY]: "No camera",
    [import_rostrum_sdk3.NoPictureReason.VIDEO_STOPPED]: "Camera off",
    [import_rostrum_sdk3.NoPictureReason.BANDWIDTH]: "Your connection is too slow for video",
    [import_rostrum_sdk3.NoPictureReason.NOTHING_SENT]: "No video arrives",
    [import_rostrum_sdk3.NoPictureReason.CODEC]: "This browser lacks the codec. Try another browser"
  };
  function sentence(detail) {
    const text = detail.trim();
    if (!text) return "";
    return `${text[0].toUpperCase()}${text.slice(1)}${/[.!?…]$/.test(text) ? "" : "."} `;
  }

  // ../stage/src/tile.ts
  var import_rostrum_sdk4 = __toESM(require_rostrum_sdk());

  // ../stage/src/statistics.ts
  var Statistics = class {
    constructor(local) {
      this.local = local;
    }
    local;
    before;
    /** What to show of the streams; empty until there is something to compare with. */
    async measure(streams) {
      const reports = await Promise.all(streams.map((stream) => stream.requestRTCStats()));
      const now = this.sum(reports.flatMap((report) => [...report?.values() ?? []]));
      const { before } = this;
      this.before = now;
      return now && before && now.at > before.at ? this.describe(now, before) : [];
    }
    sum(entries) {
      const streams = entries.filter(({ type }) => type === (this.local ? "outbound-rtp" : "inbound-rtp"));
      if (streams.length === 0) return void 0;
      const total = (name) => streams.reduce((sum, s) => sum + (s[name] ?? 0), 0);
      const videos = streams.filter(({ kind }) => kind === "video");
      const active = videos.filter((s) => s["frameWidth"] && s["active"] !== false && s["framesPerSecond"] > 0);
      const best = active.sort((a, b) => b["frameWidth"] - a["frameWidth"])[0];
      const transport = entries.find(({ type }) => type === "transport");
      const pair = entries.find(({ id, type, state, nominated }) => transport ? id === transport["selectedCandidatePairId"] : type === "candidate-pair" && nominated && state === "succeeded");
      const candidate = entries.find(({ id }) => id === pair?.["localCandidateId"]);
      const protocol = candidate?.["relayProtocol"] ?? candidate?.["protocol"];
      return {
        at: streams[0]["timestamp"],
        bytes: total(this.local ? "bytesSent" : "bytesReceived"),
        packets: total("packetsReceived"),
        lost: total("packetsLost"),
        reportedLoss: Math.max(0, ...entries.filter(({ type }) => type === "remote-inbound-rtp").map((s) => s["fractionLost"] ?? 0)),
        width: best?.["frameWidth"],
        height: best?.["frameHeight"],
        framesPerSecond: best?.["framesPerSecond"],
        layers: videos.length,
        activeLayers: active.length,
        roundTrip: pair?.["currentRoundTripTime"],
        path: protocol && `${protocol.toUpperCase()}${candidate?.["candidateType"] === "relay" ? " relay" : ""}`
      };
    }
    describe(now, before) {
      const figures = [];
      if (now.width) figures.push(`${now.width}×${now.height}`, `${Math.round(now.framesPerSecond ?? 0)} fps`);
      if (now.layers > 1) figures.push(`${now.activeLayers} of ${now.layers} layers`);
      const rate = 8 * Math.max(0, now.bytes - before.bytes) / (now.at - before.at);
      figures.push(rate < 1e3 ? `${Math.round(rate)} kbit/s` : `${(rate / 1e3).toFixed(1)} Mbit/s`);
      const lost = Math.max(0, now.lost - before.lost);
      const loss = this.local ? now.reportedLoss : lost / Math.max(1, lost + now.packets - before.packets);
      figures.push(`${(100 * loss).toFixed(loss > 0 && loss < 0.1 ? 1 : 0)} % lost`);
      if (now.roundTrip !== void 0) figures.push(`${Math.round(1e3 * now.roundTrip)} ms`);
      if (now.path) figures.push(now.path);
      return figures.map((figure) => figure.replaceAll(" ", " "));
    }
  };

  // ../stage/src/tile.ts
  var Tile = class {
    constructor(id, own, listener) {
      this.id = id;
      this.own = own;
      this.listener = listener;
      this.statistics = new Statistics(own);
      this.element.classList.toggle("own", own);
      this.video.muted = own;
      this.video.srcObject = this.media;
      this.video.onresize = () => listener.resized();
      this.pin.onclick = () => listener.pinned(this);
      this.layers.onchange = () => listener.layerChosen(this, this.layers.value);
    }
    id;
    own;
    listener;
    element = fromTemplate("tile");
    video = find("video", this.element);
    nameLine = find(".name", this.element);
    note = find(".note", this.element);
    avatar = find(".avatar", this.element);
    figures = find(".figures", this.element);
    microphone = find(".microphone", this.element);
    layers = find(".layers", this.element);
    pin = find(".pin", this.element);
    media = new MediaStream();
    statistics;
    streams = [];
    /** Width by height of the picture; undefined without one. */
    get ratio() {
      return this.hasPicture && this.video.videoWidth ? this.video.videoWidth / this.video.videoHeight : void 0;
    }
    get hasPicture() {
      return !this.element.classList.contains("without");
    }
    /** Mirrors the picture, as one knows oneself. */
    set mirrored(mirrored) {
      this.element.classList.toggle("mirrored", mirrored);
    }
    set spotlit(spotlit) {
      this.element.classList.toggle("spot", spotlit);
    }
    set pinned(pinned) {
      this.pin.setAttribute("aria-pressed", String(pinned));
    }
    set speaking(speaking) {
      this.element.classList.toggle("speaking", speaking);
    }
    addStreams(streams) {
      this.streams.push(...streams);
      for (const { mediaStreamTrack: track } of streams) if (!this.own || track.kind === "video") this.media.addTrack(track);
      this.play();
    }
    removeStreams(streams) {
      this.streams = this.streams.filter((s) => !streams.includes(s));
      for (const { mediaStreamTrack } of streams) this.media.removeTrack(mediaStreamTrack);
    }
    /** Shows another track for the video: what is sent has changed. */
    showTrack(track) {
      if (track && this.media.getVideoTracks()[0] === track) return;
      for (const old of this.media.getVideoTracks()) this.media.removeTrack(old);
      if (track) this.media.addTrack(track);
      this.play();
    }
    /** Plays; where the browser refuses audio before a gesture, the picture alone. */
    play() {
      this.video.muted = this.own;
      this.video.play().catch((error) => {
        if (error.name !== "NotAllowedError") return;
        this.video.muted = true;
        this.video.play().catch(() => {
        });
        this.listener.silenced();
      });
    }
    /** Shows who it is, and why there is no picture. */
    describe(info, name, reason, addition = "") {
      this.nameLine.textContent = this.nameLine.title = name + addition;
      this.video.setAttribute("aria-label", `Video of ${name}`);
      this.layers.setAttribute("aria-label", `Quality of ${name}`);
      this.pin.setAttribute("aria-label", `Keep ${name} in the spotlight`);
      this.avatar.textContent = initialsOf(name);
      this.note.textContent = reason ? noPicture[reason] : "";
      this.element.classList.toggle("without", reason !== void 0);
      const silent = info.audioMuted || !this.streams.some(({ streamType }) => streamType === import_rostrum_sdk4.StreamType.AUDIO);
      setIcon(this.microphone, silent ? "mic-off" : "mic");
      this.microphone.classList.toggle("off", silent);
      find(".label", this.microphone).textContent = silent ? "Microphone off" : "Microphone on";
      this.showLayers();
    }
    /** Offers the layers of the video, if there are several. */
    showLayers() {
      const video = this.streams.find(({ streamType }) => streamType === import_rostrum_sdk4.StreamType.VIDEO);
      const layers = this.own ? [] : video?.getLayers() ?? [];
      this.layers.hidden = layers.length < 2;
      const selected = layers.length > 1 ? video?.getSelectedLayer() : void 0;
      setOptions(this.layers, [
        { value: "", text: selected ? `Auto (${selected.height}p)` : "Auto" },
        ...layers.map(({ label, height }) => ({ value: label, text: height ? `${height}p` : label }))
      ]);
    }
    async measure() {
      const figures = await this.statistics.measure(this.streams);
      this.figures.textContent = figures.join(" · ");
    }
    hideFigures() {
      this.figures.textContent = "";
    }
    remove() {
      this.video.srcObject = null;
      this.element.remove();
    }
  };

  // ../stage/src/call.ts
  var Call = class {
    constructor(link2, camera2, microphone2, receive, listener) {
      this.link = link2;
      this.camera = camera2;
      this.microphone = microphone2;
      this.receive = receive;
      this.listener = listener;
      this.tileListener = {
        pinned: (tile) => {
          this.board.pin(this.board.isPinned(tile) ? void 0 : tile);
          listener.changed();
        },
        layerChosen: (tile, label) => {
          this.chosenLayers.set(tile.id, label);
          this.stage.refreshStrategy();
        },
        resized: () => this.board.arrange(),
        silenced: () => listener.silenced()
      };
      this.stage = new import_rostrum_sdk5.Stage(link2.token, this.strategy());
      this.listen();
    }
    link;
    camera;
    microphone;
    receive;
    listener;
    board = new Board();
    stage;
    screen;
    closing = new AbortController();
    startsScreen = false;
    chosenLayers = /* @__PURE__ */ new Map();
    // by participant id
    speaker = "";
    // the id of the device
    publishState = import_rostrum_sdk5.StageParticipantPublishState.NOT_PUBLISHED;
    tileListener;
    async join() {
      await this.stage.join();
      this.showLocal();
    }
    leave() {
      this.stage.leave();
    }
    /** All participants that are not this page's own screen. */
    get participants() {
      return this.stage.participants.filter(({ id }) => id !== this.screen?.participantId);
    }
    /** The strategy's answers are different: a device came or went, or something else is to be received. */
    refresh() {
      this.stage.refreshStrategy();
      this.showLocal();
    }
    /** Shows and sends what the devices have now. */
    showLocal() {
      const { localParticipant: info } = this.stage;
      if (!info || this.stage.connectionState === import_rostrum_sdk5.StageConnectionState.DISCONNECTED) return;
      const { stream } = this.camera;
      const publishes = this.streams.length > 0;
      const tile = this.board.find(info.id) ?? (publishes ? this.addTile(info.id, true) : void 0);
      if (!tile) return;
      tile.showTrack(stream?.mediaStreamTrack);
      tile.mirrored = !this.screen || this.screen.participantId !== void 0;
      const reason = !stream ? import_rostrum_sdk5.NoPictureReason.AUDIO_ONLY : stream.isMuted ? import_rostrum_sdk5.NoPictureReason.VIDEO_STOPPED : void 0;
      tile.describe({ audioMuted: this.microphone.stream?.isMuted ?? true }, nameOf(info), reason, ` (you)${publishNotes[this.publishState] ?? ""}`);
      this.listener.changed();
    }
    /** Has others heard on another speaker. */
    async useSpeaker(id) {
      this.speaker = id;
      await Promise.all(this.board.all.filter(({ own }) => !own).map(({ video }) => (0, import_rostrum_sdk5.setSpeaker)(video, id)));
    }
    /** Shares one screen at a time. A token that works is used from then on. */
    async shareScreen(token) {
      if (this.screen || this.startsScreen) return;
      this.startsScreen = true;
      try {
        this.screen = await SharedScreen.start(this.camera, token, this.closing.signal, (error) => this.screenStopped(error));
      } finally {
        this.startsScreen = false;
      }
      if (!this.screen) return;
      this.link.screen = token;
      const id = this.screen.participantId;
      if (id) {
        const known = this.board.find(id);
        if (known) this.board.remove(known);
        const tile = this.addTile(id, true);
        tile.showTrack(this.screen.video);
        tile.describe({ audioMuted: true }, "Your screen", void 0);
      }
      this.refresh();
    }
    /** Ends everything that the page shows of the call. */
    close() {
      this.closing.abort();
      this.board.close();
    }
    get streams() {
      return [this.microphone.stream, this.camera.stream].filter((stream) => stream !== void 0);
    }
    strategy() {
      return {
        stageStreamsToPublish: () => this.streams,
        shouldPublishParticipant: () => true,
        shouldSubscribeToParticipant: ({ id }) => {
          if (id === this.screen?.participantId) return import_rostrum_sdk5.SubscribeType.NONE;
          return this.receive === "audio" ? import_rostrum_sdk5.SubscribeType.AUDIO_ONLY : import_rostrum_sdk5.SubscribeType.AUDIO_VIDEO;
        },
        preferredLayerForStream: ({ id }, stream) => {
          if (isUnseen() || this.receive === "lowest" && !this.chosenLayers.get(id)) return stream.getLowestQualityLayer();
          return this.chosenLayers.get(id) || void 0;
        }
      };
    }
    listen() {
      const { stage, listener } = this;
      document.addEventListener("visibilitychange", () => stage.refreshStrategy(), { signal: this.closing.signal });
      const show = (info, ..._) => this.show(info);
      for (const event of [
        import_rostrum_sdk5.StageEvents.STAGE_PARTICIPANT_METADATA_CHANGED,
        import_rostrum_sdk5.StageEvents.STAGE_STREAM_MUTE_CHANGED,
        import_rostrum_sdk5.StageEvents.STAGE_STREAM_LAYERS_CHANGED,
        import_rostrum_sdk5.StageEvents.STAGE_STREAM_LAYER_SELECTED,
        import_rostrum_sdk5.StageEvents.STAGE_PARTICIPANT_PICTURE_CHANGED
      ]) stage.on(event, show);
      stage.on(import_rostrum_sdk5.StageEvents.STAGE_PARTICIPANT_PUBLISH_STATE_CHANGED, (info, state) => {
        if (info.isLocal) this.publishState = state;
        show(info);
      });
      stage.on(import_rostrum_sdk5.StageEvents.STAGE_PARTICIPANT_JOINED, (info) => {
        if (!info.isLocal && stage.connectionState === import_rostrum_sdk5.StageConnectionState.CONNECTED) listener.happened(`${nameOf(info)} joined`);
        show(info);
      });
      stage.on(import_rostrum_sdk5.StageEvents.STAGE_PARTICIPANT_LEFT, (info) => {
        this.removeTile(info.id);
        if (!info.isLocal && stage.connectionState === import_rostrum_sdk5.StageConnectionState.CONNECTED) listener.happened(`${nameOf(info)} left`);
      });
      stage.on(import_rostrum_sdk5.StageEvents.STAGE_PARTICIPANT_STREAMS_ADDED, (info, streams) => {
        const tile = this.board.find(info.id) ?? this.addTile(info.id, info.isLocal);
        tile.addStreams(streams);
        show(info);
      });
      stage.on(import_rostrum_sdk5.StageEvents.STAGE_PARTICIPANT_STREAMS_REMOVED, (info, streams) => {
        this.board.find(info.id)?.removeStreams(streams);
        show(info);
      });
      stage.on(import_rostrum_sdk5.StageEvents.STAGE_ACTIVE_SPEAKER_CHANGED, (info) => this.board.setSpeaker(info?.id));
      stage.on(import_rostrum_sdk5.StageEvents.STAGE_CONNECTION_STATE_CHANGED, () => listener.changed());
      let last;
      stage.on(import_rostrum_sdk5.StageEvents.ERROR, (error) => {
        last = error;
        if (error.category !== "JOIN_ERROR") listener.failed(describeFailure(error), () => this.refresh());
      });
      stage.on(import_rostrum_sdk5.StageEvents.STAGE_LEFT, (reason, error) => {
        this.close();
        listener.ended(describeLeft(reason, error ?? (reason === import_rostrum_sdk5.StageLeftReason.UNKNOWN ? last : void 0), this.link.claims));
      });
    }
    /** Shows a participant as it is now. */
    show(info) {
      if (info.isLocal) return this.showLocal();
      if (info.id === this.screen?.participantId) return;
      const tile = this.board.find(info.id) ?? (info.isPublishing ? this.addTile(info.id, false) : void 0);
      if (tile && !info.isPublishing) this.removeTile(info.id);
      else tile?.describe(info, nameOf(info), this.stage.whyNoPicture(info.id));
      if (tile?.hasPicture) this.board.arrange();
      this.listener.changed();
    }
    addTile(id, own) {
      const tile = new Tile(id, own, this.tileListener);
      if (!own && this.speaker) (0, import_rostrum_sdk5.setSpeaker)(tile.video, this.speaker).catch(() => {
      });
      this.board.add(tile);
      return tile;
    }
    removeTile(id) {
      const tile = this.board.find(id);
      if (tile) this.board.remove(tile);
      this.listener.changed();
    }
    screenStopped(error) {
      const id = this.screen?.participantId;
      this.screen = void 0;
      if (id) this.removeTile(id);
      if (error) {
        this.link.screen = void 0;
        this.listener.failed(`The screen is not shared: ${error.message}`);
      }
      this.refresh();
    }
  };
  var isUnseen = () => document.hidden && !document.pictureInPictureElement;
  var publishNotes = { [import_rostrum_sdk5.StageParticipantPublishState.ATTEMPTING_PUBLISH]: " · connecting …", [import_rostrum_sdk5.StageParticipantPublishState.ERRORED]: " · not sent" };
  var nameOf = ({ attributes, userId, id }) => attributes["name"] || userId || id;

  // ../stage/src/lobby.ts
  var import_rostrum_sdk7 = __toESM(require_rostrum_sdk());

  // ../stage/src/local-media.ts
  var import_rostrum_sdk6 = __toESM(require_rostrum_sdk());
  var open = { camera: import_rostrum_sdk6.openCamera, microphone: import_rostrum_sdk6.openMicrophone };
  var configuration = { camera: { simulcast: { enabled: true } }, microphone: {} };
  var Device = class {
    // the one before is void
    constructor(kind, changed, failed = () => {
    }) {
      this.kind = kind;
      this.changed = changed;
      this.failed = failed;
    }
    kind;
    changed;
    failed;
    stream;
    /** Why the last attempt to open it failed; another device may be in use all the same. */
    error;
    borrowed;
    // sent in place of the device's
    own;
    mutedByLoss = false;
    // not by the user
    chosen;
    // the id of the device, also for the next call
    requests = 0;
    get isOn() {
      return this.stream !== void 0 && !this.stream.isMuted && this.isOpen;
    }
    get isOpen() {
      return this.own?.readyState === "live";
    }
    /** The id of the device that is used. */
    get id() {
      return this.own?.getSettings().deviceId ?? "";
    }
    /** The device's own track, whatever is sent. */
    get track() {
      return this.own;
    }
    /** Opens a device, by default the one that was chosen last, and goes on with it in place of the former one. */
    async open(id) {
      const number = ++this.requests;
      try {
        const track = await (id ? this.request(id) : this.requestChosen());
        if (number !== this.requests) return track.stop();
        this.chosen = id || this.chosen;
        track.addEventListener("ended", () => this.lost(track));
        await this.use(track);
        this.error = void 0;
      } catch (error) {
        if (number !== this.requests) return;
        this.error = error;
        if (!this.isOpen && !this.borrowed) this.muteForLoss();
        this.failed(error);
      }
      this.changed();
    }
    /** Turns it on, opening it if need be, or off. */
    async toggle() {
      if (!this.stream || !this.isOpen) {
        await this.open();
        if (this.isOpen) this.stream?.setMuted(false);
      } else this.stream.setMuted(!this.stream.isMuted);
      this.changed();
    }
    /** Sends another track in place of the device's, or the device's again. */
    async replace(track) {
      this.borrowed = track;
      const sent = track ?? this.own;
      if (sent) await this.send(sent);
      else this.stream = void 0;
    }
    close() {
      this.requests++;
      this.own?.stop();
      this.stream = this.own = this.borrowed = this.error = void 0;
      this.mutedByLoss = false;
    }
    /** Asks for the device that was chosen last, or for any if that one is gone. */
    async requestChosen() {
      try {
        return await this.request(this.chosen);
      } catch (error) {
        if (!this.chosen || !(error instanceof import_rostrum_sdk6.DeviceError) || error.failure !== import_rostrum_sdk6.DeviceFailure.OVERCONSTRAINED) throw error;
        return this.request(void 0);
      }
    }
    /** Asks the browser for a device. Phones open one camera at a time: the former one is closed then. */
    async request(id) {
      const number = this.requests;
      try {
        return await open[this.kind](id);
      } catch (error) {
        if (number !== this.requests || !this.isOpen || !(error instanceof import_rostrum_sdk6.DeviceError) || error.failure !== import_rostrum_sdk6.DeviceFailure.IN_USE) throw error;
        this.own.stop();
        return open[this.kind](id);
      }
    }
    async use(track) {
      this.own?.stop();
      this.own = track;
      if (this.borrowed) return;
      await this.send(track);
      if (this.mutedByLoss) this.stream?.setMuted(false);
      this.mutedByLoss = false;
    }
    /** Without a device nothing is sent, and others are told so. */
    muteForLoss() {
      this.mutedByLoss ||= this.stream !== void 0 && !this.stream.isMuted;
      this.stream?.setMuted(true);
    }
    async send(track) {
      if (this.stream) await this.stream.replaceTrack(track);
      else this.stream = new import_rostrum_sdk6.LocalStageStream(track, configuration[this.kind]);
    }
    /** The device was unplugged, or its use was forbidden; another one takes its place if there is one. */
    lost(track) {
      if (track === this.own) void this.open();
    }
  };
  var LevelMeter = class {
    context;
    source;
    analyser;
    track;
    /** Measures another track from now on; undefined ends it. */
    use(track) {
      if (track === this.track) return;
      this.track = track;
      this.source?.disconnect();
      this.source = void 0;
      if (!track) {
        void this.context?.close();
        this.context = void 0;
        return;
      }
      this.context ??= new AudioContext();
      this.analyser = new AnalyserNode(this.context, { fftSize: 1024 });
      this.source = new MediaStreamAudioSourceNode(this.context, { mediaStream: new MediaStream([track]) });
      this.source.connect(this.analyser);
    }
    /** The loudness from 0 to 1. */
    get level() {
      if (!this.analyser || !this.source) return 0;
      if (this.context?.state === "suspended") void this.context.resume();
      const wave = new Float32Array(this.analyser.fftSize);
      this.analyser.getFloatTimeDomainData(wave);
      const power = wave.reduce((sum, v) => sum + v * v, 0) / wave.length;
      const decibel = 10 * Math.log10(power + 1e-9);
      return Math.min(1, Math.max(0, (decibel + 60) / 50));
    }
  };
  async function playTestSound(setSpeaker3) {
    const context = new AudioContext();
    const out = context.createMediaStreamDestination();
    const gain = new GainNode(context, { gain: 0.15 });
    gain.connect(out);
    const audio = new Audio();
    audio.srcObject = out.stream;
    await setSpeaker3(audio);
    await audio.play();
    const last = [523, 659, 784].map((frequency, i) => {
      const note = new OscillatorNode(context, { frequency });
      note.connect(gain);
      note.start(context.currentTime + i * 0.25);
      note.stop(context.currentTime + i * 0.25 + 0.22);
      return note;
    }).at(-1);
    await new Promise((resolve) => last.onended = resolve);
    await context.close();
  }

  // ../stage/src/lobby.ts
  var selects = (kind) => document.querySelectorAll(`select[data-device=${kind}]`);
  var Lobby = class {
    constructor(devices, listener) {
      this.devices = devices;
      this.listener = listener;
      for (const kind of ["camera", "microphone"]) {
        for (const select of selects(kind)) select.onchange = () => void this.devices[kind].open(select.value);
        byId(`lobby-${kind}`).onclick = () => void this.devices[kind].toggle();
      }
      for (const select of selects("speaker")) select.onchange = () => void this.chooseSpeaker(select.value);
      for (const button of document.querySelectorAll(".test-speaker")) button.onclick = () => void this.testSpeaker(button);
      if (navigator.mediaDevices) (0, import_rostrum_sdk7.onDevicesChanged)(() => void this.list());
    }
    devices;
    listener;
    speaker = "";
    // the id of the device
    meter = new LevelMeter();
    preview = byId("preview");
    isOpen = false;
    metering = 0;
    /** Shows who joins, opens the devices if they are to be used, and lists them. */
    async open(name, mayPublish) {
      this.close();
      this.isOpen = true;
      find(".avatar", byId("lobby")).textContent = initialsOf(name);
      byId("stage-set").hidden = !mayPublish;
      byId("watch-only").hidden = mayPublish;
      for (const field of document.querySelectorAll(".publishes")) field.hidden = !mayPublish;
      this.show();
      if (mayPublish) {
        this.watchLevel();
        await Promise.all(Object.values(this.devices).map((device) => device.open()));
      }
      await this.list();
    }
    /** Shows what the devices do now; without a lobby, in the settings of the call only. */
    show() {
      void this.list();
      if (!this.isOpen) return;
      const { camera: camera2, microphone: microphone2 } = this.devices;
      setTool(byId("lobby-camera"), camera2.isOn ? "camera" : "camera-off", camera2.isOn ? "Turn camera off" : "Turn camera on", !camera2.isOn);
      setTool(byId("lobby-microphone"), microphone2.isOn ? "mic" : "mic-off", microphone2.isOn ? "Turn microphone off" : "Turn microphone on", !microphone2.isOn);
      const track = camera2.track;
      if (track && this.preview.srcObject?.getVideoTracks()[0] !== track) this.preview.srcObject = new MediaStream([track]);
      byId("stage-set").classList.toggle("without", !camera2.isOn);
      byId("preview-note").textContent = camera2.isOn ? "" : camera2.error && !camera2.isOpen ? "No camera" : camera2.stream ? "Camera is off" : "Starting …";
      this.meter.use(microphone2.isOn ? microphone2.track : void 0);
      this.showProblems();
    }
    /** Ends the preview and the measuring. */
    close() {
      this.isOpen = false;
      cancelAnimationFrame(this.metering);
      this.meter.use(void 0);
      this.preview.srcObject = null;
    }
    showProblems() {
      const { camera: camera2, microphone: microphone2 } = this.devices;
      const failed = Object.values(this.devices).filter(({ error }) => error);
      const both = describeBoth(camera2.error, microphone2.error);
      const problems = both ? [{ devices: failed, text: both }] : failed.map((device) => ({ devices: [device], text: describeDevice(device.kind, device.error) }));
      const shown = problems.map(({ text }) => text).join("\n");
      const list = byId("problems");
      if (list.dataset["shown"] === shown) return;
      list.dataset["shown"] = shown;
      list.replaceChildren(...problems.map(({ devices, text }) => element("li", {}, text, ...devices.some(({ error }) => mayPass(error)) ? [" ", this.againButton(devices)] : [])));
    }
    againButton(devices) {
      return element("button", { type: "button", className: "quiet", textContent: "Try again", onclick: () => void Promise.all(devices.map((device) => device.open())) });
    }
    async list() {
      const { cameras, microphones, speakers } = navigator.mediaDevices ? await (0, import_rostrum_sdk7.listDevices)() : { cameras: [], microphones: [], speakers: [] };
      const all = { camera: cameras, microphone: microphones, speaker: speakers };
      for (const [kind, devices] of Object.entries(all)) {
        const named = devices.filter(({ deviceId }) => deviceId);
        const options = named.map(({ deviceId, label }, i) => ({ value: deviceId, text: label || `${kind[0].toUpperCase()}${kind.slice(1)} ${i + 1}` }));
        const chosen = kind === "speaker" ? this.speaker : this.devices[kind].id;
        const none = kind === "speaker" || this.devices[kind].isOpen ? "Default" : `No ${kind}`;
        for (const select of selects(kind)) {
          setOptions(select, options.length > 0 ? options : [{ value: "", text: none }], chosen || void 0);
          select.disabled = options.length === 0;
          if (kind === "speaker") select.closest(".field").hidden = !("setSinkId" in HTMLMediaElement.prototype);
        }
      }
    }
    async chooseSpeaker(id) {
      this.speaker = id;
      for (const select of selects("speaker")) select.value = id;
      await this.listener.speakerChosen(id).catch((error) => this.listener.failed(describeDevice("speaker", error)));
    }
    async testSpeaker(button) {
      button.disabled = true;
      await playTestSound(async (audio) => {
        if (this.speaker) await (0, import_rostrum_sdk7.setSpeaker)(audio, this.speaker);
      }).catch((error) => this.listener.failed(describeDevice("speaker", error)));
      button.disabled = false;
    }
    watchLevel() {
      const level = byId("level");
      const show = () => {
        level.style.setProperty("--level", this.meter.level.toFixed(2));
        this.metering = requestAnimationFrame(show);
      };
      show();
    }
  };

  // ../stage/src/page.ts
  var measureEvery = 1e3;
  var slowAfter = 3e3;
  var link;
  var call;
  var joined = false;
  var [camera, microphone] = ["camera", "microphone"].map((kind) => new Device(kind, devicesChanged, (error) => deviceFailed(kind, error)));
  var lobby = new Lobby({ camera, microphone }, { speakerChosen: async (id) => call?.useSpeaker(id), failed: toast });
  function devicesChanged() {
    lobby.show();
    call?.refresh();
    showTools();
  }
  function deviceFailed(kind, error) {
    if (joined) toast(describeDevice(kind, error));
  }
  function open2(text) {
    const parsed = parseLink(text);
    history.replaceState(null, "", location.pathname);
    call?.leave();
    if (!parsed) return askForLink(text ? "This is not a link to a stage. Perhaps a part got lost on the way." : "");
    link = parsed;
    openLobby();
  }
  function askForLink(problem) {
    closeDevices();
    byId("enter-problem").textContent = problem;
    byId("token").value = "";
    showView("enter", "Join a stage");
  }
  var stageName = () => link?.stageName ?? `Stage ${link?.claims.topic ?? ""}`;
  function ownName() {
    const { claims } = link;
    return nameOf({ attributes: claims.attributes ?? {}, userId: claims.user_id ?? "", id: claims.jti });
  }
  function openLobby() {
    const current = link;
    closeDevices();
    const mayPublish = current.claims.capabilities?.allow_publish ?? false;
    for (const name of document.querySelectorAll(".stage-name")) name.textContent = stageName();
    byId("own-name").textContent = ownName();
    showJoining(false);
    showView("lobby", stageName());
    void lobby.open(ownName(), mayPublish);
    void checkLink(current).then((ending) => ending && link === current && !call && showEnding(ending));
  }
  async function checkLink({ token, claims }) {
    try {
      const answer = await fetch(`${claims.events_url.replace(/^ws/, "http")}/${claims.topic}`, { headers: { Authorization: `Bearer ${token}` } });
      if (![401, 403, 404].includes(answer.status)) return void 0;
      const { code, detail, title } = await answer.json();
      return describeRefusal(new import_rostrum_sdk8.StageError(import_rostrum_sdk8.StageErrorCode[code] ?? import_rostrum_sdk8.StageErrorCode.FAILED, import_rostrum_sdk8.StageErrorCategory.JOIN_ERROR, detail ?? title ?? "", code), claims);
    } catch {
      return unreachable("The server does not answer.", claims);
    }
  }
  async function join() {
    const current = link;
    showJoining(true);
    const slow = setTimeout(() => byId("joining").textContent = `${new URL(originOf(current.claims)).host} does not answer yet. Still trying …`, slowAfter);
    const receive = byId("receive").value;
    call = new Call(current, camera, microphone, receive, { changed: showCall, happened, failed: (text, run) => toast(text, run && { label: "Try again", run }), silenced: () => byId("silenced").hidden = false, ended: callEnded });
    const joining = call;
    try {
      if (lobby.speaker) void call.useSpeaker(lobby.speaker);
      await call.join();
      joined = true;
      lobby.close();
      showView("call", stageName());
      showCall();
    } catch (error) {
      joining.close();
      if (call === joining) call = void 0;
      if (error instanceof import_rostrum_sdk8.StageError && error.code === import_rostrum_sdk8.StageErrorCode.CANCELED) return;
      showEnding(describeRefusal(error, current.claims));
    } finally {
      clearTimeout(slow);
      showJoining(false);
    }
  }
  function showJoining(joining) {
    byId("join").disabled = joining;
    byId("cancel").hidden = !joining;
    byId("joining").textContent = joining ? "Joining …" : "";
  }
  function callEnded(ending) {
    call = void 0;
    if (!joined) return;
    joined = false;
    showEnding(ending);
  }
  function showEnding({ title, text, ways }) {
    closeDevices();
    closeToasts();
    byId("silenced").hidden = true;
    byId("ended-title").textContent = title;
    byId("ended-text").textContent = text;
    const actions = {
      again: () => element("button", { type: "button", className: "primary", textContent: "Join again", onclick: openLobby }),
      "other-link": () => element("button", { type: "button", textContent: "Use another link", onclick: () => askForLink("") }),
      "open-there": () => element("a", { className: "primary button", href: pageAt(originOf(link.claims), link.fragment), textContent: `Open it at ${new URL(originOf(link.claims)).host}`, rel: "noreferrer" })
    };
    byId("ways").replaceChildren(...ways.map((way) => actions[way]()));
    showView("ended", title);
  }
  function closeDevices() {
    lobby.close();
    camera.close();
    microphone.close();
  }
  function showCall() {
    if (!call || !joined) return;
    const { participants, connectionState } = call.stage;
    const people = call.participants;
    byId("state").textContent = people.length === 1 ? "1 person" : `${people.length} people`;
    find(".count", byId("people-tool")).textContent = String(people.length);
    byId("reconnecting").hidden = connectionState === import_rostrum_sdk8.StageConnectionState.CONNECTED;
    const others = participants.filter(({ isLocal, isPublishing }) => !isLocal && isPublishing);
    byId("alone").hidden = others.length > 0 || call.screen !== void 0;
    byId("alone-text").textContent = people.length > 1 ? "Nobody else has a camera or microphone on. As soon as somebody does, you see them here." : "You are the only one here.";
    byId("alone").classList.toggle("whole", call.board.all.length === 0);
    byId("alone-invite").hidden = people.length > 1;
    showPeople();
    showTools();
  }
  function showTools() {
    if (!call) return;
    const mayPublish = link.claims.capabilities?.allow_publish ?? false;
    const replaced = call.screen !== void 0 && call.screen.participantId === void 0;
    setTool(byId("microphone-tool"), microphone.isOn ? "mic" : "mic-off", microphone.isOn ? "Mute" : "Unmute", !microphone.isOn);
    setTool(byId("camera-tool"), camera.isOn ? "camera" : "camera-off", camera.isOn ? "Camera off" : "Camera on", !camera.isOn);
    byId("camera-tool").disabled = replaced;
    setTool(byId("screen-tool"), "screen", call.screen ? "Stop sharing" : "Share screen");
    byId("screen-tool").classList.toggle("active", call.screen !== void 0);
    for (const tool of ["microphone-tool", "camera-tool", "screen-tool"]) byId(tool).hidden = !mayPublish;
    if (!("getDisplayMedia" in (navigator.mediaDevices ?? {}))) byId("screen-tool").hidden = true;
    const grid2 = call.board.layout === "grid";
    setTool(byId("layout-tool"), grid2 ? "spotlight" : "grid", grid2 ? "Spotlight" : "Grid");
  }
  function showPeople() {
    const rows = call.participants.map((info) => {
      const row = fromTemplate("person");
      find(".name", row).textContent = `${nameOf(info)}${info.isLocal ? " (you)" : ""}`;
      const states = { microphone: info.isPublishing && !info.audioMuted, camera: info.isPublishing && !info.videoStopped };
      for (const [kind, on] of Object.entries(states)) {
        const icon = find(`.${kind}`, row);
        setIcon(icon, `${kind === "microphone" ? "mic" : kind}${on ? "" : "-off"}`);
        icon.classList.toggle("off", !on);
        find(".label", icon).textContent = `${kind} ${on ? "on" : "off"}`;
      }
      return row;
    });
    byId("people-list").replaceChildren(...rows);
  }
  function happened(text) {
    byId("happened").textContent = text;
  }
  function openPeople() {
    const { invitations, claims } = link;
    byId("invitations").replaceChildren(
      ...invitations.map((token, i) => {
        const url = pageAt(originOf(claims), token + (link.stageName ? `&stage=${encodeURIComponent(link.stageName)}` : ""));
        const { user_id, attributes } = claimsOf(token);
        const row = fromTemplate("invitation");
        find(".name", row).textContent = attributes?.["name"] || user_id || `Invitation ${i + 1}`;
        find("button", row).onclick = () => void copy(url, row);
        return row;
      })
    );
    byId("with-invitations").hidden = invitations.length === 0;
    byId("without-invitations").hidden = invitations.length > 0;
    byId("command").textContent = `aws ivs-realtime create-participant-token --stage-arn ${claims.resource ?? claims.topic} --user-id NAME`;
    byId("page-address").textContent = pageAt(originOf(claims), "TOKEN");
    openDialog("people");
  }
  async function copy(link2, row) {
    try {
      await navigator.clipboard.writeText(link2);
      toast("The link is copied. Send it to one person: each link lets one in.");
    } catch {
      const field = element("input", { readOnly: true, value: link2, ariaLabel: `Link for ${find(".name", row).textContent}` });
      find("button", row).replaceWith(field);
      field.focus();
      field.select();
      toast("Copy the link that is selected, and send it to one person: each link lets one in.");
    }
  }
  async function toggle(device) {
    await device.toggle();
    happened(`${device.kind === "camera" ? "Camera" : "Microphone"} ${device.isOn ? "on" : "off"}`);
  }
  async function toggleScreen() {
    if (call?.screen) return call.screen.stop();
    const { screen, claims } = link;
    const problem = screen && whyNoScreen(claimsOf(screen), claims);
    if (screen && !problem) return shareScreen(screen);
    link.screen = void 0;
    if (problem) toast(problem);
    openDialog("share");
  }
  async function shareScreen(token) {
    try {
      await call?.shareScreen(token);
    } catch (error) {
      if (!(error instanceof import_rostrum_sdk8.StageError)) toast(describeDevice("screen", error));
    }
  }
  async function measure() {
    if (!call || !joined || !byId("statistics").checked) return;
    await Promise.all(call.board.all.map((tile) => tile.measure()));
  }
  byId("enter-form").onsubmit = (event) => {
    event.preventDefault();
    open2(byId("token").value);
  };
  byId("join").onclick = () => void join();
  byId("cancel").onclick = () => call?.leave();
  byId("microphone-tool").onclick = () => void toggle(microphone);
  byId("camera-tool").onclick = () => void toggle(camera);
  byId("screen-tool").onclick = () => void toggleScreen();
  byId("layout-tool").onclick = () => {
    if (!call) return;
    call.board.layout = call.board.layout === "grid" ? "spotlight" : "grid";
    showTools();
  };
  byId("people-tool").onclick = byId("alone-invite").onclick = openPeople;
  byId("settings-tool").onclick = () => openDialog("settings");
  byId("leave-tool").onclick = () => call?.leave();
  byId("silenced").onclick = () => {
    byId("silenced").hidden = true;
    for (const tile of call?.board.all ?? []) tile.play();
  };
  byId("share-form").onsubmit = (event) => {
    const field = byId("screen-token");
    const pasted = field.value.trim();
    const second = parseLink(pasted);
    const problem = second ? whyNoScreen(second.claims, link.claims) : pasted && "That is no token.";
    if (problem) {
      event.preventDefault();
      return toast(problem);
    }
    field.value = "";
    void shareScreen(second?.token);
  };
  byId("receive").onchange = ({ target }) => {
    if (!call) return;
    call.receive = target.value;
    call.refresh();
  };
  byId("statistics").onchange = ({ target }) => {
    const { checked } = target;
    byId("tiles").classList.toggle("measured", checked);
    for (const tile of call?.board.all ?? []) tile.hideFigures();
    call?.board.arrange();
    void measure();
  };
  for (const dialog of document.querySelectorAll("dialog")) {
    find(".close", dialog).onclick = () => dialog.close();
    dialog.onclick = ({ target }) => {
      if (target === dialog) dialog.close();
    };
  }
  setInterval(() => void measure(), measureEvery);
  addEventListener("keydown", (event) => {
    if (!call || !joined || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    const tool = { d: "microphone-tool", e: "camera-tool" }[event.key];
    if (!tool) return;
    event.preventDefault();
    if (!event.repeat && !byId(tool).hidden) byId(tool).click();
  });
  addEventListener("beforeunload", (event) => joined && event.preventDefault());
  addEventListener("hashchange", () => location.hash.length > 1 && open2(location.hash));
  open2(location.hash.slice(1));
})();
