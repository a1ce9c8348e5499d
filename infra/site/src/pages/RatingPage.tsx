// One rating for one case, with the questions and the hooks of the national model.
import { useEffect, useState } from 'preact/hooks';
import { BusyButton } from '../components/BusyButton.tsx';
import { Icon } from '../components/Icon.tsx';
import { Failure, Loading, Notice } from '../components/Notice.tsx';
import { TextBox } from '../components/TextBox.tsx';
import { get, post, Problem } from '../lib/api.ts';
import { useLoaded } from '../lib/hooks.ts';
import { pageUrl, t, type Key } from '../lib/i18n.ts';
import { displayLength } from '../lib/text.ts';
import { parameter } from '../lib/navigation.ts';
import type { Survey } from '../lib/types.ts';

const THANKS = 'grazie';
const STARS = [1, 2, 3, 4, 5];
const MAX_TEXT = 200;
// Four and five stars ask what went well, the others what was hard.
const POSITIVE_FROM = 4;
// What is sent is the model's own Italian answer, whatever the language it was read in: figures must add up.
const REASONS = {
  positive: [
    ['clear', 'Le indicazioni erano chiare'],
    ['complete', 'Le indicazioni erano complete'],
    ['confident', 'Capivo sempre che stavo procedendo correttamente'],
    ['noProblems', 'Non ho avuto problemi tecnici'],
    ['other', 'Altro'],
  ],
  negative: [
    ['unclear', 'A volte le indicazioni non erano chiare'],
    ['incomplete', 'A volte le indicazioni non erano complete'],
    ['lost', 'A volte non capivo se stavo procedendo correttamente'],
    ['problems', 'Ho avuto problemi tecnici'],
    ['other', 'Altro'],
  ],
} as const;

const path = () => `/surveys/${encodeURIComponent(parameter('t'))}`;

export function RatingPage({ services }: { services: { id: string; title: string }[] }) {
  const [survey, reload] = useLoaded(() => get<Survey>(path()));
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (done) document.getElementById(THANKS)?.focus();
  }, [done]);
  if (survey.state === 'loading') return <Loading />;
  if (survey.state === 'failed') {
    const unknown = survey.error instanceof Problem && survey.error.status === 404;
    return unknown ? <Notice tone="warning"><p>{t('rating.unknown')}</p></Notice> : <Failure error={survey.error} retry={() => void reload()} />;
  }
  if (done) return <Notice tone="success" live id={THANKS}><p data-element="feedback-thanks">{t('rating.thanks')}</p><p><a href={pageUrl('/area-personale/')}>{t('rating.toCases')}</a></p></Notice>;
  if (survey.value.rated) return <Notice tone="info"><p>{t('rating.already')}</p></Notice>;
  const service = services.find((candidate) => candidate.id === survey.value.service)?.title ?? survey.value.service;
  return <RatingForm service={service} done={() => setDone(true)} />;
}

function RatingForm({ service, done }: { service: string; done: () => void }) {
  const [stars, setStars] = useState(0);
  const [reasons, setReasons] = useState<string[]>([]);
  const [text, setText] = useState('');
  const [fault, setFault] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const side = stars >= POSITIVE_FROM ? 'positive' : 'negative';

  async function send(event: Event) {
    event.preventDefault();
    if (stars === 0) {
      setFault(t('rating.missing'));
      return document.getElementById('stella-1')?.focus();
    }
    if (displayLength(text) > MAX_TEXT) return document.getElementById('dettagli')?.focus();
    setBusy(true);
    setFailure(null);
    try {
      await post(path(), { rating: stars, reasons, ...(text.trim() ? { text: text.trim() } : {}) });
      done();
    } catch (error) {
      setFailure(error);
      setBusy(false);
    }
  }

  function choose(value: number) {
    if ((value >= POSITIVE_FROM) !== (stars >= POSITIVE_FROM)) setReasons([]);
    setStars(value);
    setFault('');
  }

  const toggle = (reason: string) => setReasons((list) => (list.includes(reason) ? list.filter((other) => other !== reason) : [...list, reason]));

  return (
    <form onSubmit={send} noValidate class="rounded shadow-sm border sv-card sv-rating-card" data-element="feedback">
      <p>{t('rating.service', { service })}</p>
      <fieldset class="sv-rating" aria-describedby={fault ? 'voto-errore' : undefined}>
        <legend class="h4" data-element="feedback-title">{t('rating.question')}</legend>
        {fault && <p class="sv-error" id="voto-errore" role="alert">{fault}</p>}
        <div class="sv-stars">
          {STARS.map((value) => (
            <span key={value}>
              <input type="radio" class="visually-hidden" name="voto" id={`stella-${value}`} value={value} checked={stars === value} onChange={() => choose(value)} />
              <label for={`stella-${value}`} class={value <= stars ? 'sv-star sv-star-on' : 'sv-star'} data-element={`feedback-rate-${value}`}>
                <Icon name={value <= stars ? 'it-star-full' : 'it-star-outline'} />
                <span class="visually-hidden">{value === 1 ? t('rating.star') : t('rating.stars', { n: value })}</span>
              </label>
            </span>
          ))}
        </div>
        {stars > 0 && <p class="sv-small" aria-hidden="true">{t(`rating.level.${stars}` as Key)}</p>}
      </fieldset>
      {stars > 0 && (
        <fieldset class="sv-field" data-element={`feedback-rating-${side}`}>
          <legend data-element="feedback-rating-question">{side === 'positive' ? t('rating.liked') : t('rating.disliked')}</legend>
          {REASONS[side].map(([name, answer]) => (
            <div class="sv-choice" key={name}>
              <input type="checkbox" id={`${side}-${name}`} checked={reasons.includes(answer)} onChange={() => toggle(answer)} />
              <label for={`${side}-${name}`} data-element="feedback-rating-answer">{t(`rating.${side}.${name}` as Key)}</label>
            </div>
          ))}
        </fieldset>
      )}
      {stars > 0 && (
        <div data-element="feedback-input-text">
          <TextBox id="dettagli" label={t('rating.details')} hint={t('rating.detailsHint')} value={text} max={MAX_TEXT} rows={3} optional onChange={setText} />
        </div>
      )}
      {failure !== null && <Failure error={failure} />}
      <BusyButton class="btn btn-primary" busy={busy}>{t('rating.send')}</BusyButton>
    </form>
  );
}
