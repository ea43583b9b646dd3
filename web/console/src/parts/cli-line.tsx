import Box from '@cloudscape-design/components/box';
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard';
import ExpandableSection from '@cloudscape-design/components/expandable-section';

import { quote } from '../api/cli.ts';
import { useSession } from './session.ts';

/** The line of the AWS CLI that does the same, to copy. */
export function CliLine({ line }: { line: string }) {
  const { region, endpoint } = useSession();
  const where = ` --region ${quote(region)} --endpoint-url ${quote(endpoint)}`;
  return (
    <ExpandableSection headerText="AWS CLI" variant="footer">
      <Code text={line + where} what="line" />
    </ExpandableSection>
  );
}

/** Code with a button that copies it. */
export function Code({ text, what }: { text: string; what: string }) {
  return (
    <div style={{ display: 'flex', gap: 8, alignItems: 'start' }}>
      <CopyToClipboard variant="icon" textToCopy={text} copyButtonAriaLabel={`Copy the ${what}`} copySuccessText="Copied" copyErrorText="The browser does not allow it" />
      <Box variant="code" padding={{ top: 'xxs' }}>
        <span className="code">{text}</span>
      </Box>
    </div>
  );
}

/** A text with a button that copies it. */
export function Copyable({ text, what }: { text: string; what: string }) {
  return <CopyToClipboard variant="inline" textToCopy={text} copyButtonAriaLabel={`Copy the ${what}`} copySuccessText="Copied" copyErrorText="The browser does not allow it" />;
}
