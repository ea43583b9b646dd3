// @ts-check
// Requests by messages of the events socket, in place of HTTP. docs/protocol.md
// describes them.

/** @typedef {import('../../../web/sdk/src/wire.ts').Reply} Reply */
/** @typedef {import('../../../web/sdk/src/wire.ts').ClientMessage} ClientMessage */

const replyTimeout = 5000; // ms, after which a server is taken for one that does not know requests

/** Makes requests while a socket is open. */
export class Requests {
  constructor() {
    /** @type {WebSocket | undefined} */
    this.socket = undefined;
    /** @type {Map<string, (reply: Reply | undefined) => void>} by id */
    this.waiting = new Map();
    this.last = 0;
  }

  /** Uses a socket from now on, or none. What waits gets no reply. */
  use(/** @type {WebSocket | undefined} */ socket) {
    this.socket = socket;
    for (const done of this.waiting.values()) done(undefined);
    this.waiting.clear();
  }

  /**
   * Makes a request.
   * @param {ClientMessage['type']} type
   * @param {object} payload
   * @returns {Promise<Reply | undefined>} undefined if there is no reply, and HTTP has to do
   */
  async send(type, payload) {
    const { socket } = this;
    if (socket?.readyState !== WebSocket.OPEN) return undefined;
    const id = `${++this.last}`;
    socket.send(JSON.stringify({ type, id, payload }));
    return new Promise((resolve) => {
      const late = setTimeout(() => this.socket === socket && this.use(undefined), replyTimeout);
      this.waiting.set(id, (reply) => {
        clearTimeout(late);
        resolve(reply);
      });
    });
  }

  /**
   * Passes on the reply to a request.
   * @param {string} id
   * @param {Reply} reply
   */
  replied(id, reply) {
    this.waiting.get(id)?.(reply);
    this.waiting.delete(id);
  }
}
