// A text area with its label, its limit and its error, for the small forms of the case page.
import { t } from '../lib/i18n.ts';
import { displayLength } from '../lib/text.ts';
import { ErrorText, Hint } from './Fields.tsx';

interface Props {
  id: string;
  label: string;
  hint?: string;
  value: string;
  max: number;
  rows?: number;
  error?: string;
  optional?: boolean;
  onChange: (value: string) => void;
}

export function TextBox({ id, label, hint, value, max, rows = 4, error, optional, onChange }: Props) {
  const left = max - displayLength(value);
  return (
    <div class="sv-field">
      <label for={id}>{label}{optional && <span class="sv-optional"> {t('form.optional')}</span>}</label>
      {hint && <Hint id={`${id}-aiuto`}>{hint}</Hint>}
      {error && <ErrorText id={`${id}-errore`}>{error}</ErrorText>}
      <textarea
        id={id}
        rows={rows}
        class={error ? 'form-control is-invalid' : 'form-control'}
        aria-required={optional ? undefined : true}
        aria-invalid={error ? true : undefined}
        aria-describedby={[hint && `${id}-aiuto`, error && `${id}-errore`].filter(Boolean).join(' ') || undefined}
        value={value}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
      <p class={left < 0 ? 'sv-counter sv-error' : 'sv-counter'}>{left < 0 ? t('form.charactersOver', { n: -left }) : t('form.charactersLeft', { n: left })}</p>
    </div>
  );
}

/** What is wrong with a text, or nothing. */
export function textFault(value: string, max: number): string | undefined {
  if (!value.trim()) return t('rule.text');
  return displayLength(value) > max ? t('rule.textTooLong', { max }) : undefined;
}
