/** Finds an element of the page. */
export function byId<E extends HTMLElement = HTMLElement>(id: string): E {
  return document.getElementById(id) as E;
}

/** Finds an element within another. */
export function find<E extends Element = HTMLElement>(selector: string, within: ParentNode): E {
  return within.querySelector<E>(selector)!;
}

/** Copies the content of a template. */
export const fromTemplate = (id: string): HTMLElement => byId<HTMLTemplateElement>(id).content.firstElementChild!.cloneNode(true) as HTMLElement;

/** Makes an element. */
export function element<K extends keyof HTMLElementTagNameMap>(name: K, properties: Partial<HTMLElementTagNameMap[K]> = {}, ...children: (Node | string)[]): HTMLElementTagNameMap[K] {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Shows the icon of the page with this name in an element that has one. */
export function setIcon(within: Element, name: string): void {
  find<SVGUseElement>('use', within).setAttribute('href', `#icon-${name}`);
}

/** Sets what a tool of the toolbar does next, and its icon. */
export function setTool(tool: HTMLElement, icon: string, label: string, off = false): void {
  setIcon(tool, icon);
  find('.label', tool).textContent = label;
  tool.classList.toggle('off', off);
}

/** Fills a select. The chosen value stays chosen if it is still there. */
export function setOptions(select: HTMLSelectElement, options: { value: string; text: string }[], chosen = select.value): void {
  const shown = [...select.options].map(({ value, text }) => `${value} ${text}`).join('\n');
  if (shown !== options.map(({ value, text }) => `${value} ${text}`).join('\n')) select.replaceChildren(...options.map(({ value, text }) => new Option(text, value)));
  if (options.some(({ value }) => value === chosen)) select.value = chosen;
}

const views = ['enter', 'lobby', 'call', 'ended'] as const;

/** Shows one view of the page, and brings the focus to its heading, so that a screen reader says it. */
export function showView(name: (typeof views)[number], title: string): void {
  for (const view of views) byId(view).hidden = view !== name;
  for (const dialog of document.querySelectorAll('dialog')) dialog.close();
  document.body.dataset['view'] = name;
  document.title = `${title} · Rostrum`;
  find('h1', byId(name)).focus();
}

/** Opens a dialog. What is announced is in it meanwhile: everything else is below it, and inert. */
export function openDialog(id: string): void {
  byId<HTMLDialogElement>(id).showModal();
  placeStatus();
}

function placeStatus(): void {
  const place = document.querySelector('dialog[open]') ?? find('main', document);
  for (const id of ['toasts', 'happened']) if (byId(id).parentElement !== place) place.append(byId(id));
}

document.addEventListener('close', placeStatus, { capture: true }); // of a dialog

const toastFor = 8000; // ms

/** Tells something in passing. With an action it stays until it is closed. */
export function toast(text: string, action?: { label: string; run(): void }): void {
  const note = fromTemplate('toast');
  const close = (): void => note.remove();
  find('p', note).textContent = text;
  find('.close', note).onclick = close;
  const button = find('.action', note);
  button.hidden = !action;
  button.textContent = action?.label ?? '';
  button.onclick = () => {
    close();
    action?.run();
  };
  if (!action) setTimeout(close, toastFor);
  placeStatus();
  const toasts = byId('toasts');
  for (const other of [...toasts.children]) if (find('p', other).textContent === text) other.remove();
  toasts.append(note);
}

/** Closes all that was told in passing. */
export function closeToasts(): void {
  byId('toasts').replaceChildren();
}

/** Two letters that stand for a name. */
export function initialsOf(name: string): string {
  const words = name.split(/[\s._@-]+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const letters = words.length > 1 ? [words[0]!, words.at(-1)!].map((word) => [...word].find((c) => /[\p{L}\p{N}]/u.test(c))!) : [...(words[0] ?? '')].filter((c) => /[\p{L}\p{N}]/u.test(c)).slice(0, 2);
  return letters.join('').toUpperCase() || '?';
}
