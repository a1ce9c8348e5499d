// Where the person is among the steps of a form. On a narrow screen only the present step is drawn.
import { t } from '../lib/i18n.ts';

export function Steps({ titles, current }: { titles: string[]; current: number }) {
  return (
    <div class="sv-steps">
      <p class="sv-steps-index">{t('form.stepOf', { n: current + 1, of: titles.length })}</p>
      <ol aria-label={t('form.steps')}>
        {titles.map((title, at) => (
          <li key={title} class={at === current ? 'active' : at < current ? 'confirmed' : undefined} aria-current={at === current ? 'step' : undefined}>
            <span class="sv-step-number">{at + 1}.</span> {title}
            {at < current && <span class="visually-hidden"> {t('form.stepDone')}</span>}
          </li>
        ))}
      </ol>
    </div>
  );
}
