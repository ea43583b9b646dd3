import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';

import { ApiError } from '../api/client.ts';

/** Why something can't be shown, with a way to try again. */
export function Problem({ what, error, retry }: { what: string; error: Error; retry?: () => void }) {
  const denied = error instanceof ApiError && error.denied;
  return (
    <Alert type={denied ? 'info' : 'error'} header={denied ? `The policies of your access key do not allow it: ${what}` : `${what} failed`} action={retry && !denied && <Button onClick={retry}>Try again</Button>}>
      {error.message}
    </Alert>
  );
}
