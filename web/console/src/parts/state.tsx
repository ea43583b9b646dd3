import StatusIndicator, { type StatusIndicatorProps } from '@cloudscape-design/components/status-indicator';

import { words } from '../format.ts';

const kinds: Record<string, StatusIndicatorProps.Type> = {
  ACTIVE: 'success',
  CONNECTED: 'success',
  STARTING: 'in-progress',
  STOPPING: 'in-progress',
  RECONNECTING: 'warning',
  FAILED: 'error',
};

/** The state of a resource, as the API names it. */
export const State = ({ state }: { state: string | undefined }) => (state ? <StatusIndicator type={kinds[state] ?? 'stopped'}>{words(state)}</StatusIndicator> : <>–</>);
