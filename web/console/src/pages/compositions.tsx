import { CompositionList } from '../parts/composition-list.tsx';
import { StartButton } from '../parts/start-button.tsx';

export default function Compositions() {
  return <CompositionList level="h1" actions={<StartButton />} empty="There are no compositions." />;
}
