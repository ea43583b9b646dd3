/** A page of a list of the API. */
export interface Page<T> {
  items: T[];
  nextToken?: string;
}

/** How many items a page of a search has, and how many pages of the API it looks through for one. */
export const pageSize = 50;
const maxSearched = 20;

/** A page of what matches. The API has no such filter, so that this looks through its pages. */
export async function search<T>(load: (nextToken: string | undefined) => Promise<Page<T>>, matches: ((item: T) => boolean) | undefined, nextToken: string | undefined): Promise<Page<T>> {
  if (!matches) return load(nextToken);
  const items: T[] = [];
  let token = nextToken;
  for (let n = 0; n < maxSearched; n++) {
    const page = await load(token);
    items.push(...page.items.filter(matches));
    token = page.nextToken;
    if (!token || items.length >= pageSize) break;
  }
  return { items, nextToken: token };
}

interface Resource {
  arn?: string;
  name: string;
  tags?: Record<string, string>;
}

/** Whether the name, the ARN or the tags of a resource have a text; undefined, which matches all, without one. */
export function mentions(text: string): ((resource: Resource) => boolean) | undefined {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return;
  return (r) => [r.name, r.arn ?? '', ...Object.entries(r.tags ?? {}).flat()].some((t) => t.toLowerCase().includes(wanted));
}
