import { get, post, send } from './client.ts';
import { forgetPermissions } from './permissions.ts';

/** What the server says of the session. */
export interface Session {
  accessKeyId: string;
  userName: string;
  account: string;
  region: string;
  endpoint: string;
  restricted: boolean; // policies say what the key may do
  node: boolean; // the figures of the node may be seen
  rtmps: boolean; // encoders of channels use it
  expires: string;
}

export interface Credentials {
  accessKeyId?: string;
  secretAccessKey?: string;
  sessionToken?: string;
  link?: string;
  region?: string;
}

export const signIn = (credentials: Credentials): Promise<Session> => {
  forgetPermissions();
  return post('/console/sign-in', credentials);
};
export const signOut = (): Promise<Response> => send('/console/sign-out', { method: 'POST' });
export const currentSession = (signal?: AbortSignal): Promise<Session> => get('/console/session', signal);

/** Takes the code of a sign-in link out of the address, so that it is in no history. */
export function takeLink(): string | undefined {
  const code = /^#sign-in=(\w+)$/.exec(location.hash)?.[1];
  if (code) history.replaceState(null, '', location.pathname);
  return code;
}
