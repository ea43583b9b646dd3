/** A small curve of the latest values, from the oldest to the newest. */
export function Sparkline({ values, label }: { values: number[]; label: string }) {
  const max = Math.max(...values, 1e-9);
  if (values.length < 2) return <div className="sparkline" />;
  const x = (i: number) => ((100 * i) / (values.length - 1)).toFixed(2);
  const y = (v: number) => (33 - (30 * v) / max).toFixed(2);
  const line = values.map((v, i) => `${x(i)},${y(v)}`).join(' ');
  return (
    <svg className="sparkline" viewBox="0 0 100 36" preserveAspectRatio="none" role="img" aria-label={label}>
      <polygon points={`0,36 ${line} 100,36`} fill="currentColor" opacity="0.12" />
      <polyline points={line} fill="none" stroke="currentColor" strokeWidth="1.5" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
