import { createContext, useContext } from 'react';

import type { Session } from '../api/session.ts';

export const SessionContext = createContext<Session | undefined>(undefined);

/** The session of the user that is signed in. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('nobody is signed in');
  return session;
}

/** The ARN of a resource of the session's account and region; with the id "*" all of its type. */
export function useArn(type: string, id: string): string {
  const { account, region } = useSession();
  return `arn:aws:ivs:${region}:${account}:${type}/${id}`;
}
