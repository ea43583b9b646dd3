// @ts-check
// The events socket of a stage. docs/protocol.md describes its messages.

import { reasonOf } from './connection.js';
import { Client, Server } from './wire.js';

/** @typedef {import('../../../web/sdk/src/wire.ts').ServerMessage} ServerMessage */
/** @typedef {{ jti: string, topic: string, whip_url: string, events_url: string, capabilities?: { allow_publish?: boolean, allow_subscribe?: boolean } }} Claims */

const pingInterval = 2500;
const answerTimeout = 6000; // ms without an answer, after which the socket is given up

/**
 * Runs one socket until it ends. It returns the reason if there is no point in
 * another one.
 * @param {Claims} claims
 * @param {string} token
 * @param {import('./requests.js').Requests} requests use the socket while it is open
 * @param {(message: ServerMessage) => void} onMessage gets all but the replies to requests
 * @returns {Promise<string | undefined>}
 */
export function runSocket(claims, token, requests, onMessage) {
  const socket = new WebSocket(`${claims.events_url}/${claims.topic}`, [token]);
  /** @type {string | undefined} */
  let final;
  let received = performance.now();
  return new Promise((resolve) => {
    const pinging = setInterval(() => {
      if (performance.now() - received > answerTimeout) end(); // a close handshake would wait for the network, too
      else if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: Client.Ping }));
    }, pingInterval);
    const end = () => {
      clearInterval(pinging);
      socket.onmessage = socket.onclose = null;
      requests.use(undefined);
      socket.close();
      resolve(final);
    };
    socket.onopen = () => requests.use(socket);
    socket.onclose = end;
    socket.onmessage = ({ data }) => {
      received = performance.now();
      /** @type {ServerMessage} */
      const message = JSON.parse(data);
      if (message.type === Server.Reply) return requests.replied(message.id, message.payload);
      final = finalReason(message) ?? final;
      onMessage(message);
    };
  });
}

/**
 * Tells whether a message is the last one that there will be.
 * @param {ServerMessage} message
 */
function finalReason(message) {
  switch (message.type) {
    case Server.Kicked:
      return `You were removed from the stage. ${message.payload?.detail || message.payload?.reason || ''}`;
    case Server.StageDeleted:
      return 'The stage was deleted.';
  }
}

/**
 * Asks why a socket was refused: browsers don't say, but a plain request to the same
 * URL is answered with the reason.
 * @param {Claims} claims
 * @param {string} token
 * @returns {Promise<string | undefined>}
 */
export async function refusal(claims, token) {
  try {
    const url = `${claims.events_url.replace(/^ws/, 'http')}/${claims.topic}`;
    const answer = await fetch(url, { headers: { Authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(2000) });
    return [401, 403, 404].includes(answer.status) ? (reasonOf(await answer.text()) ?? 'The token is refused.') : undefined;
  } catch {
    return undefined;
  }
}
