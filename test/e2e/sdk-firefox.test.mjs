// Applications on the browser SDK meet in Firefox, which sends and decodes VP8 here:
// Debian's has no H.264 for calls (its codec is a plugin that is downloaded later).
import { browseFirefox, noFirefox as skip, serverAndBrowser, serveWide } from "./harness.mjs";
import { testCalls } from "./sdk-call.mjs";
import { testDevices } from "./sdk-devices.mjs";

serverAndBrowser({ start: serveWide, open: browseFirefox, skip });
testCalls({ skip });
testDevices({ skip });
