import { CompositionList } from '../parts/composition-list.tsx';

export default function Compositions() {
  return <CompositionList level="h1" empty="There are no compositions. StartComposition of the API starts one." />;
}
