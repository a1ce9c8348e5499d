// What the server found of a file's signatures: the verdict, its own sentences, who signed, and what to do about it.
import { formatDateTime } from '../lib/dates.ts';
import { currentLanguage, t, tValue } from '../lib/i18n.ts';
import type { Signature, Signer, Verdict } from '../lib/types.ts';
import { Icon } from './Icon.tsx';

// Whole names, so that the purge of the style sheet and the cutting of the sprite find them.
const LOOKS: Record<Verdict, string> = {
  valid: 'sv-signature sv-signature-valid',
  invalid: 'sv-signature sv-signature-invalid',
  indeterminate: 'sv-signature sv-signature-open',
};
const ICONS: Record<Verdict, string> = { valid: 'it-check-circle', invalid: 'it-close-circle', indeterminate: 'it-warning-circle' };

interface Props {
  signature: Signature;
  /** For who can still change the file; what is wrong with it, the server's own sentences say. */
  advise?: boolean;
  /** Tax code of who is expected to have signed. */
  expected?: string;
}

export function SignatureReport({ signature, advise = false, expected }: Props) {
  const { verdict, text, signers, checkedAt } = signature;
  const stranger = expected && verdict !== 'invalid' && signers.every((signer) => signer.taxCode !== expected) ? signers[0] : undefined;
  return (
    <div class={LOOKS[verdict]}>
      <p class="sv-signature-verdict"><Icon name={ICONS[verdict]} /> <strong>{tValue('signature', verdict)}</strong></p>
      <p lang={inItalian()}>{text}</p>
      {signers.length > 0 && (
        <ul class="sv-plain">
          {signers.map((signer, at) => <SignerRow key={at} signer={signer} said={text} />)}
        </ul>
      )}
      {stranger && <p><strong>{t('signature.other', { name: stranger.name })}</strong></p>}
      {verdict === 'indeterminate' && <p>{advise ? t('signature.advice') : t('signature.asked')}</p>}
      <p class="sv-small">{t('signature.checkedAt', { when: formatDateTime(checkedAt) })}</p>
    </div>
  );
}

const inItalian = () => (currentLanguage() === 'en' ? 'it' : undefined);

function SignerRow({ signer, said }: { signer: Signer; said: string }) {
  return (
    <li class="sv-signer">
      <span class="sv-signer-name">{signer.name}{signer.taxCode && `, ${signer.taxCode}`}</span>
      {signer.signedAt && <span>{t(signer.timestamped ? 'signature.timestamped' : 'signature.signedAt', { when: formatDateTime(signer.signedAt) })}</span>}
      {signer.issuer && !signer.text.includes(signer.issuer) && <span>{t('signature.issuer', { name: signer.issuer })}</span>}
      {signer.text !== said && <span lang={inItalian()}>{signer.text}</span>}
    </li>
  );
}
