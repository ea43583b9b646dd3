import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';

import { DeviceError, DeviceFailure, listDevices, openCamera, openMicrophone, openScreen, setSpeaker } from './devices.ts';

/** Has the browser's devices, or none where it is undefined. */
function install(t: TestContext, mediaDevices: object | undefined, secure = true): void {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator') ?? { configurable: true, value: undefined };
  Object.defineProperty(globalThis, 'navigator', { configurable: true, value: { mediaDevices } });
  Object.assign(globalThis, { isSecureContext: secure });
  t.after(() => Object.defineProperty(globalThis, 'navigator', before));
}

const failureOf = (what: Promise<unknown>): Promise<DeviceFailure> =>
  what.then(
    () => assert.fail('it did not fail'),
    (error) => {
      assert.ok(error instanceof DeviceError && error.message.length > 10);
      return error.failure;
    },
  );

test('each failure of a browser says what to do', async (t) => {
  for (const [name, expected] of [
    ['NotAllowedError', DeviceFailure.DENIED],
    ['SecurityError', DeviceFailure.DENIED],
    ['NotFoundError', DeviceFailure.NOT_FOUND],
    ['NotReadableError', DeviceFailure.IN_USE],
    ['AbortError', DeviceFailure.IN_USE],
    ['OverconstrainedError', DeviceFailure.OVERCONSTRAINED],
    ['SomethingNew', DeviceFailure.FAILED],
  ] as const) {
    const refuse = () => Promise.reject(new DOMException('the browser has its own text', name));
    install(t, { getUserMedia: refuse, getDisplayMedia: refuse });
    for (const open of [openCamera, openMicrophone, openScreen]) assert.equal(await failureOf(open()), expected, name);
  }
});

test('a page without devices is told whether https would help', async (t) => {
  for (const [secure, expected] of [[false, DeviceFailure.INSECURE_PAGE], [true, DeviceFailure.UNSUPPORTED]] as const) {
    install(t, undefined, secure);
    for (const open of [openCamera, openMicrophone, openScreen, listDevices]) assert.equal(await failureOf(open()), expected);
  }
  install(t, {});
  assert.equal(await failureOf(openScreen()), DeviceFailure.UNSUPPORTED);
  assert.equal(await failureOf(setSpeaker({} as HTMLMediaElement, 'x')), DeviceFailure.UNSUPPORTED);
});

test('a chosen device is asked for exactly; constraints of the application come on top', async (t) => {
  const asked: unknown[] = [];
  install(t, { getUserMedia: async (constraints: object) => (asked.push(constraints), { getTracks: () => ['track'] }) });
  assert.equal(await openMicrophone('mic', { echoCancellation: false }), 'track');
  assert.equal(await openCamera(), 'track');
  assert.deepEqual(asked, [
    { audio: { deviceId: { exact: 'mic' }, echoCancellation: false } },
    { video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } } },
  ]);
});
