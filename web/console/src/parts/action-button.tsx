// What the signed-in access key may do. A page offers nothing that the server would refuse:
//
//   <ActionButton action="DeleteStage" on={stage.arn} onClick={ask}>Delete</ActionButton>
//   <ActionButton action="CreateStage" on={useArn('stage', '*')} variant="primary" onClick={ask}>Create stage</ActionButton>
//
// The button is a Button of Cloudscape, disabled with the reason where the policies of the key
// do not allow the action. `on` is the ARN of the resource, with the id "*" for what is to be
// created, "*" for actions without a resource, several where the action needs all of them, and
// nothing while nothing is selected. For what is not a button there is the hook:
//
//   const may = useMay('rostrum:ReadEvents', stageArn);
//   if (may?.allowed) …
//
// Questions of one page are sent in one request and the answers kept for ten seconds; keys
// without policies ask nothing. Add `disabled` for what has nothing to do with policies.
import Button, { type ButtonProps } from '@cloudscape-design/components/button';
import { useEffect, useState } from 'react';

import { askPermission, type Permission } from '../api/permissions.ts';
import { useSession } from './session.ts';

const yes: Permission = { allowed: true };

/** Whether the signed-in key may do an action on each of some resources; undefined while that is not known. */
export function useMay(action: string, on: string | string[] | undefined): Permission | undefined {
  const { restricted } = useSession();
  const [answer, setAnswer] = useState<Permission>();
  const resources = (on === undefined ? [] : [on].flat()).join(' ');
  useEffect(() => {
    if (!restricted || !resources) return;
    let left = false;
    setAnswer(undefined);
    void Promise.all(resources.split(' ').map((r) => askPermission(action, r))).then((all) => left || setAnswer(all.find((p) => !p.allowed) ?? yes));
    return () => {
      left = true;
    };
  }, [restricted, action, resources]);
  return restricted && resources ? answer : yes;
}

interface Props extends ButtonProps {
  action: string; // as policies name it; "ivs:" may be left out
  on: string | string[] | undefined;
}

/** A button for an action of the API. */
export function ActionButton({ action, on, disabled, disabledReason, ...button }: Props) {
  const may = useMay(action, on);
  return <Button {...button} disabled={disabled || !may?.allowed} disabledReason={may?.because ?? (disabled ? disabledReason : undefined)} />;
}
