import Alert from '@cloudscape-design/components/alert';
import { useRef } from 'react';

import { post } from '../api/client.ts';
import type { LayoutConfiguration } from '../api/operations.ts';
import { useLoad } from '../hooks.ts';
import type { SampleParticipant } from '../layout.ts';

interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

interface Tile {
  id: string;
  tile: Rectangle;
  source: Rectangle; // the part of the picture that is seen
  target: Rectangle; // where it is seen
  initial?: string; // instead of a picture
}

export interface Size {
  width: number;
  height: number;
}

const colors = ['#0972d3', '#067f68', '#a82a0c', '#7d2105', '#8456ce', '#216cb0', '#ba2e0f', '#00666b', '#6237a7', '#c33d69'];

/** Where a composition shows participants, as the server places them. */
export function LayoutDrawing({ layout, canvas, participants }: { layout: LayoutConfiguration; canvas: Size; participants: SampleParticipant[] }) {
  const request = JSON.stringify({ layout, canvas, participants });
  const { value, error } = useLoad((signal) => post<{ tiles: Tile[] }>('/console/data/layout', JSON.parse(request), signal), [request]);
  const last = useRef({ canvas, tiles: [] as Tile[] });
  if (value) last.current = { canvas, tiles: value.tiles };
  const { canvas: drawn, tiles } = last.current;
  return (
    <>
      {error && <Alert type="error">{error.message}</Alert>}
      <svg className="layout" viewBox={`0 0 ${drawn.width} ${drawn.height}`} role="img" aria-label={`Layout of ${participants.length} participants, of whom ${tiles.length} are shown`}>
        <rect width={drawn.width} height={drawn.height} fill="#000" />
        {tiles.map((t) => (
          <Drawn key={t.id} tile={t} picture={participants.find((p) => p.id === t.id)?.picture ?? { width: 16, height: 9 }} scale={drawn.height / 720} />
        ))}
      </svg>
    </>
  );
}

/** A tile with its picture: a circle in it shows whether it is cropped or stretched. */
function Drawn({ tile: { id, tile, source, target, initial }, picture, scale }: { tile: Tile; picture: Size; scale: number }) {
  const color = colors[(Number(id) - 1) % colors.length]!;
  const radius = Math.min(picture.width, picture.height) * 0.42;
  const [x, y] = [tile.x + tile.width / 2, tile.y + tile.height / 2];
  return (
    <g data-tile={id}>
      <rect {...tile} fill="#232b37" />
      {!initial && (
        <svg {...target} viewBox={`${source.x} ${source.y} ${source.width} ${source.height}`} preserveAspectRatio="none">
          <rect width={picture.width} height={picture.height} fill={color} />
          <circle cx={picture.width / 2} cy={picture.height / 2} r={radius} fill="none" stroke="#fff" strokeOpacity="0.45" strokeWidth={radius / 20} />
        </svg>
      )}
      <rect {...tile} fill="none" stroke="#fff" strokeOpacity="0.35" strokeWidth={scale} />
      <text x={x} y={y} fill="#fff" fontSize={Math.min(tile.height / 2.5, tile.width / 2.5, 96 * scale)} fontWeight="700" textAnchor="middle" dominantBaseline="central">
        {id}
      </text>
    </g>
  );
}
