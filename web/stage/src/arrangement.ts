/** A place for a tile, in pixels. */
export interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** What tiles are arranged in, and how they look. */
export interface Space {
  width: number;
  height: number;
  /** Between two tiles. */
  gap: number;
  /** Width by height of a picture. */
  ratio: number;
  /** The height of what is below a picture. */
  caption: number;
}

const minWidth = 100; // of a tile; if more do not fit, they scroll
const stripShares = [0.22, 0.28, 0.34, 0.4]; // of the space, for the tiles beside the spotlight: the first in which they fit

/** Arranges equal tiles as large as they fit, the last row centered. */
export function grid(count: number, space: Space, x0 = 0, y0 = 0): Rect[] {
  if (count === 0) return [];
  const { gap, ratio, caption } = space;
  const widthIn = (columns: number): number => {
    const rows = Math.ceil(count / columns);
    const across = (space.width - gap * (columns - 1)) / columns;
    const down = ((space.height - gap * (rows - 1)) / rows - caption) * ratio;
    return Math.min(across, down);
  };
  let columns = 1;
  for (let c = 2; c <= count; c++) if (widthIn(c) > widthIn(columns)) columns = c;
  let width = widthIn(columns);
  if (width < Math.min(minWidth, space.width)) {
    columns = Math.max(1, Math.min(count, Math.floor((space.width + gap) / (minWidth + gap))));
    width = (space.width - gap * (columns - 1)) / columns;
  }
  const height = width / ratio + caption;
  const rows = Math.ceil(count / columns);
  const top = Math.max(0, (space.height - rows * height - (rows - 1) * gap) / 2);
  return Array.from({ length: count }, (_, i) => {
    const row = Math.floor(i / columns);
    const inRow = Math.min(columns, count - row * columns);
    const left = (space.width - inRow * width - (inRow - 1) * gap) / 2;
    return { x: x0 + left + (i % columns) * (width + gap), y: y0 + top + row * (height + gap), width, height };
  });
}

/**
 * Arranges one tile large, and the others beside it, or below where the space is high. They
 * have what the large one leaves, which has its shape.
 */
export function spotlight(count: number, spot: number, space: Space): Rect[] {
  if (count < 2) return grid(count, space);
  const { width, height, gap, ratio, caption } = space;
  const beside = width > height * 1.1;
  const arrange = (share: number): Rect[] => {
    const across = beside ? Math.max(minWidth, width * share, width - gap - (height - caption) * ratio) : width;
    const down = beside ? height : Math.max(minWidth / ratio + caption, height * share, height - gap - (width / ratio + caption));
    const main = beside ? { ...space, width: width - across - gap } : { ...space, height: height - down - gap };
    const [large] = grid(1, main);
    const others = beside ? grid(count - 1, { ...space, width: across }, main.width + gap) : grid(count - 1, { ...space, height: down }, 0, main.height + gap);
    others.splice(spot, 0, large!);
    return others;
  };
  const fits = (places: Rect[]): boolean => places.every((place) => place.y + place.height <= height + 1);
  return stripShares.map(arrange).find(fits) ?? arrange(stripShares[0]!);
}
