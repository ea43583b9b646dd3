import { onSessionEnd, post } from './client.ts';

/** Whether the signed-in access key may do an action on a resource, and if not, why. */
export interface Permission {
  allowed: boolean;
  because?: string;
}

interface Question {
  action: string;
  resource: string;
}

/** How long an answer is used, in ms, and how many questions are asked at once. */
const lifetime = 10_000;
const maxQuestions = 100;

const known = new Map<string, { asked: number; answer: Promise<Permission> }>();
let waiting: (Question & { resolve(answer: Permission): void })[] = [];

onSessionEnd(forgetPermissions);

/** Forgets all answers: they are those of one access key. */
export function forgetPermissions(): void {
  known.clear();
}

/** Asks the server. What is asked in the same moment is sent together. */
export function askPermission(action: string, resource: string): Promise<Permission> {
  const key = `${action} ${resource}`;
  const before = known.get(key);
  if (before && Date.now() - before.asked < lifetime) return before.answer;
  if (known.size > 1000) known.clear();
  const answer = new Promise<Permission>((resolve) => {
    if (waiting.push({ action, resource, resolve }) === 1) setTimeout(sendQuestions);
  });
  known.set(key, { asked: Date.now(), answer });
  return answer;
}

async function sendQuestions(): Promise<void> {
  const all = waiting;
  waiting = [];
  for (let i = 0; i < all.length; i += maxQuestions) {
    const part = all.slice(i, i + maxQuestions);
    const questions = part.map(({ action, resource }) => ({ action, resource }));
    try {
      const { answers } = await post<{ answers: Permission[] }>('/console/permissions', { questions });
      part.forEach((q, n) => q.resolve(answers[n]!));
    } catch {
      forgetPermissions();
      for (const q of part) q.resolve({ allowed: true }); // the server decides when it is tried
    }
  }
}
