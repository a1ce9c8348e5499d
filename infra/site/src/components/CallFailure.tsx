// A call that failed while the person was writing: an ended session gets a way back, anything else its reason.
import { signedOut } from '../lib/api.ts';
import { here, loginUrl } from '../lib/navigation.ts';
import { SignedOut } from './DraftTrouble.tsx';
import { Failure } from './Notice.tsx';

export function CallFailure({ error, kept }: { error: unknown; kept?: string }) {
  return signedOut(error) ? <SignedOut href={loginUrl(here())} text={kept} /> : <Failure error={error} />;
}
