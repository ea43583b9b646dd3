import { go } from '../router.ts';
import { ActionButton } from './action-button.tsx';
import { useArn } from './session.ts';

/** Leads to the page that starts a composition, of a stage if one is given by its id. */
export function StartButton({ stage }: { stage?: string }) {
  const compositions = useArn('composition', '*');
  const stageArn = useArn('stage', stage ?? '');
  return (
    <ActionButton action="StartComposition" on={stage ? [compositions, stageArn] : compositions} variant={stage ? 'normal' : 'primary'} onClick={() => go(stage ? `/compositions/start/${stage}` : '/compositions/start')}>
      Start composition
    </ActionButton>
  );
}
