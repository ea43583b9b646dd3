import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import TextFilter from '@cloudscape-design/components/text-filter';
import { useEffect, useState } from 'react';

import { type LogLine, readLog } from '../api/server.ts';
import { timeOfDay } from '../format.ts';
import { Problem } from './problem.tsx';

const levels = ['DEBUG', 'INFO', 'WARN', 'ERROR'] as const;
const names: Record<string, string> = { DEBUG: 'All levels', INFO: 'Info and above', WARN: 'Warnings and errors', ERROR: 'Errors' };

/** How often new lines are asked for, in ms, and how many are kept and shown. */
const refresh = 2000;
const maxKept = 2000;
const maxShown = 300;

const options = levels.map((value) => ({ value, label: names[value] }));

/** The attributes of a line, as name=value. */
const attributes = ({ time: _t, level: _l, msg: _m, ...rest }: LogLine['line']): string =>
  Object.entries(rest)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}=${name === 'took' && typeof value === 'number' ? `${(value / 1e6).toPrecision(3)}ms` : typeof value === 'string' ? value : JSON.stringify(value)}`) // durations are in ns
    .join(' ');

/** Follows the log from memory, while the page is seen. */
function useLog(paused: boolean): { lines: LogLine[]; error?: Error } {
  const [lines, setLines] = useState<LogLine[]>([]);
  const [error, setError] = useState<Error>();
  useEffect(() => {
    if (paused) return;
    const abort = new AbortController();
    let last = 0;
    const load = async () => {
      if (document.visibilityState !== 'visible') return;
      try {
        const more = await readLog(last, abort.signal);
        const isNew = last === 0 || more.last < last; // the server started again
        last = more.last;
        setError(undefined);
        if (isNew || more.lines.length > 0) setLines((was) => [...(isNew ? [] : was), ...more.lines].slice(-maxKept));
      } catch (e) {
        if (!abort.signal.aborted) setError(e as Error);
      }
    };
    void load();
    const timer = setInterval(load, refresh);
    return () => {
      clearInterval(timer);
      abort.abort();
    };
  }, [paused]);
  return { lines, error };
}

/** The newest lines of the server's log. */
export function Log() {
  const [paused, setPaused] = useState(false);
  const [level, setLevel] = useState<string>('INFO');
  const [filter, setFilter] = useState('');
  const { lines, error } = useLog(paused);
  const least = levels.indexOf(level as (typeof levels)[number]);
  const text = filter.trim().toLowerCase();
  const shown = lines
    .filter(({ line }) => levels.findIndex((l) => line.level.startsWith(l)) >= least && (!text || JSON.stringify(line).toLowerCase().includes(text)))
    .slice(-maxShown)
    .toReversed();
  return (
    <Container
      header={
        <Header
          variant="h2"
          counter={`(${shown.length})`}
          description="The newest lines since the start, newest first. Secrets are hidden."
          actions={
            <Button iconName={paused ? 'play' : 'pause'} onClick={() => setPaused(!paused)}>
              {paused ? 'Go on' : 'Pause'}
            </Button>
          }
        >
          Log
        </Header>
      }
    >
      <SpaceBetween size="m">
        {error && <Problem what="Reading the log" error={error} />}
        <div className="fields">
          <Select selectedOption={options.find((o) => o.value === level)!} options={options} onChange={({ detail }) => setLevel(detail.selectedOption.value!)} ariaLabel="Levels that are shown" />
          <TextFilter filteringText={filter} filteringPlaceholder="Find in the log" filteringAriaLabel="Find in the log" onChange={({ detail }) => setFilter(detail.filteringText)} />
        </div>
        {shown.length === 0 && <Box textAlign="center">No line matches.</Box>}
        <ol className="log" aria-label="Lines of the log">
          {shown.map(({ number, line }) => (
            <li key={number} data-level={line.level}>
              <time dateTime={line.time}>{timeOfDay(line.time)}</time> <b>{line.level}</b> <span>{line.msg}</span> <span className="attributes">{attributes(line)}</span>
            </li>
          ))}
        </ol>
      </SpaceBetween>
    </Container>
  );
}
