// The way in: SPID or CIE. Plain links, so that they work without scripts too.
import { Icon } from '../components/Icon.tsx';
import { Notice } from '../components/Notice.tsx';
import { t } from '../lib/i18n.ts';

const start = (provider: string, returnTo: string) => `/api/v1/login?provider=${provider}&return=${encodeURIComponent(returnTo)}`;

/** Where the payment institute brings back: who has just paid, and finds the session over, should know why they are here. */
const BACK_FROM_PAYING = /^(\/en)?\/pagamento\//;

export function SignIn({ returnTo, error }: { returnTo: string; error?: string }) {
  return (
    <>
      {error && (
        <div class="alert alert-danger" role="alert">
          <p class="sv-notice-title">{t('signIn.failed')}</p>
          <p>{error}</p>
        </div>
      )}
      {!error && BACK_FROM_PAYING.test(returnTo) && <Notice tone="info" title={t('draft.signedOutTitle')}><p>{t('signIn.afterPayment')}</p></Notice>}
      <div class="sv-providers">
        <section class="rounded shadow-sm border sv-card" aria-labelledby="spid">
          <h2 class="h4" id="spid">SPID</h2>
          <p>{t('signIn.spidText')}</p>
          <p>
            <a class="btn btn-primary btn-icon" href={start('spid', returnTo)}>
              <Icon name="it-user" class="icon-white" /> <span>{t('signIn.spid')}</span>
            </a>
          </p>
        </section>
        <section class="rounded shadow-sm border sv-card" aria-labelledby="cie">
          <h2 class="h4" id="cie">CIE</h2>
          <p>{t('signIn.cieText')}</p>
          <p>
            <a class="btn btn-primary btn-icon" href={start('cie', returnTo)}>
              <Icon name="it-card" class="icon-white" /> <span>{t('signIn.cie')}</span>
            </a>
          </p>
        </section>
      </div>
      <h2 class="h5">{t('signIn.noneTitle')}</h2>
      <p>{t('signIn.noneText')}</p>
    </>
  );
}
