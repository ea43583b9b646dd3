import { type Rect, grid, spotlight } from './arrangement.ts';
import { byId } from './dom.ts';
import type { Tile } from './tile.ts';

export type Layout = 'grid' | 'spotlight';

const [narrowest, widest] = [9 / 16, 16 / 9]; // shapes of pictures

/** The tiles on the page, as large as they fit. */
export class Board {
  private readonly element = byId('tiles');
  private readonly tiles: Tile[] = [];
  private readonly observer = new ResizeObserver(() => this.arrange());
  private current: Layout = 'grid';
  private pinned: Tile | undefined;
  private speaker: Tile | undefined;

  constructor() {
    this.observer.observe(this.element);
  }

  get all(): readonly Tile[] {
    return this.tiles;
  }

  get layout(): Layout {
    return this.current;
  }

  set layout(layout: Layout) {
    this.current = layout;
    if (layout === 'grid') this.pin(undefined);
    this.arrange();
  }

  find(id: string): Tile | undefined {
    return this.tiles.find((tile) => tile.id === id);
  }

  /** Adds a tile: those of others come first. */
  add(tile: Tile): void {
    const at = tile.own ? this.tiles.length : this.tiles.filter(({ own }) => !own).length;
    this.element.insertBefore(tile.element, this.tiles[at]?.element ?? null);
    this.tiles.splice(at, 0, tile);
    this.arrange();
  }

  remove(tile: Tile): void {
    this.tiles.splice(this.tiles.indexOf(tile), 1);
    tile.remove();
    if (this.speaker === tile) this.speaker = undefined;
    if (this.pinned === tile) this.pinned = undefined;
    this.arrange();
  }

  /** Keeps one tile in the spotlight, or none. */
  pin(tile: Tile | undefined): void {
    this.pinned = tile;
    for (const other of this.tiles) other.pinned = other === tile;
    if (tile) this.current = 'spotlight';
    this.arrange();
  }

  isPinned(tile: Tile): boolean {
    return this.pinned === tile;
  }

  /** Marks who speaks. The last one stays in the spotlight. */
  setSpeaker(id: string | undefined): void {
    for (const tile of this.tiles) tile.speaking = tile.id === id;
    this.speaker = this.tiles.find((tile) => tile.id === id && !tile.own) ?? this.speaker;
    this.arrange();
  }

  close(): void {
    this.observer.disconnect();
    for (const tile of [...this.tiles]) this.remove(tile);
  }

  /** Puts the tiles where they fit best. */
  arrange(): void {
    const { element, tiles } = this;
    const style = getComputedStyle(element);
    const length = (name: string): number => parseFloat(style.getPropertyValue(name)) || 0;
    const [width, height] = [element.clientWidth, element.clientHeight];
    if (width === 0 || height === 0) return;
    const space = { width, height, gap: length('--gap'), caption: length('--caption'), ratio: this.ratio() };
    const spot = this.current === 'spotlight' && tiles.length > 1 ? tiles.indexOf(this.pinned ?? this.speaker ?? tiles[0]!) : -1;
    const places = spot < 0 ? grid(tiles.length, space) : spotlight(tiles.length, spot, space);
    tiles.forEach((tile, i) => {
      tile.spotlit = i === spot;
      place(tile.element, places[i]!);
    });
  }

  /** The shape of most pictures, so that the tiles leave little space unused. */
  private ratio(): number {
    const ratios = this.tiles.flatMap(({ ratio }) => ratio ?? []).sort((a, b) => a - b);
    const usual = ratios[Math.floor(ratios.length / 2)] ?? widest;
    return Math.min(widest, Math.max(narrowest, usual));
  }
}

function place({ style }: HTMLElement, { x, y, width, height }: Rect): void {
  style.translate = `${Math.round(x)}px ${Math.round(y)}px`;
  style.width = `${Math.floor(width)}px`;
  style.height = `${Math.floor(height)}px`;
}
