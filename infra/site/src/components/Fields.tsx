// One field of a form: label, hint, error and control, tied together for whoever does not see them.
import type { ComponentChildren } from 'preact';
import { displayLength } from '../lib/text.ts';
import { isRequired, kindOf, type FieldDefinition, type FormDefinition, type Kind } from '../lib/form.ts';
import { t } from '../lib/i18n.ts';
import { today } from '../lib/dates.ts';
import type { Answers } from '../lib/types.ts';

export const controlId = (name: string): string => `campo-${name}`;

interface Props {
  form: FormDefinition;
  name: string;
  answers: Answers;
  error?: string;
  onChange: (value: string | boolean) => void;
}

export function Field(props: Props) {
  const definition = props.form.properties[props.name];
  switch (kindOf(definition)) {
    case 'radio':
      return <RadioField {...props} definition={definition} />;
    case 'checkbox':
      return <CheckboxField {...props} definition={definition} />;
    default:
      return <TextField {...props} definition={definition} kind={kindOf(definition)} />;
  }
}

type Defined = Props & { definition: FieldDefinition };

const hintId = (name: string) => `${controlId(name)}-aiuto`;
const errorId = (name: string) => `${controlId(name)}-errore`;
const describedBy = (name: string, definition: FieldDefinition, error?: string) =>
  [definition.description && hintId(name), error && errorId(name)].filter(Boolean).join(' ') || undefined;

function LabelText({ form, name, answers, children }: { form: FormDefinition; name: string; answers: Answers; children: ComponentChildren }) {
  return (
    <>
      {children}
      {!isRequired(form, name, answers) && <span class="sv-optional"> {t('form.optional')}</span>}
    </>
  );
}

export function Hint({ id, children }: { id: string; children: ComponentChildren }) {
  return <p class="form-text sv-hint" id={id}>{children}</p>;
}

export function ErrorText({ id, children }: { id?: string; children: ComponentChildren }) {
  return (
    <p class="sv-error" id={id}>
      <span class="visually-hidden">{t('form.errorPrefix')} </span>
      {children}
    </p>
  );
}

function TextField({ form, name, answers, error, onChange, definition, kind }: Defined & { kind: Kind }) {
  const value = String(answers[name] ?? '');
  const common = {
    id: controlId(name),
    name,
    class: error ? 'form-control is-invalid' : 'form-control',
    'aria-invalid': error ? true : undefined,
    'aria-describedby': describedBy(name, definition, error),
    'aria-required': isRequired(form, name, answers) ? true : undefined,
    autocomplete: (definition['x-autocomplete'] ?? 'off') as 'email' | 'tel' | 'off',
  };
  const onInput = (event: { currentTarget: { value: string } }) => onChange(event.currentTarget.value);
  return (
    <div class="sv-field">
      <label for={common.id}>
        <LabelText form={form} name={name} answers={answers}>{definition.title}</LabelText>
      </label>
      {definition.description && <Hint id={hintId(name)}>{definition.description}</Hint>}
      {error && <ErrorText id={errorId(name)}>{error}</ErrorText>}
      {kind === 'multiline' && <textarea {...common} rows={name === 'facts' ? 8 : 5} value={value} onInput={onInput} />}
      {kind === 'select' && (
        <select {...common} value={value} onChange={onInput}>
          <option value="">{t('form.choose')}</option>
          {definition.oneOf?.map((choice) => <option value={choice.const} key={choice.const}>{choice.title}</option>)}
        </select>
      )}
      {kind === 'date' && <input {...common} type="date" value={value} max={definition['x-latest'] === 'today' ? today() : undefined} onInput={onInput} />}
      {kind === 'text' && <input {...common} type="text" value={value} maxlength={definition.maxLength} onInput={onInput} />}
      {kind === 'email' && <input {...common} type="email" value={value} maxlength={definition.maxLength} onInput={onInput} />}
      {kind === 'tel' && <input {...common} type="tel" value={value} maxlength={definition.maxLength} onInput={onInput} />}
      {kind === 'multiline' && definition.maxLength && <Counter value={value} max={definition.maxLength} />}
    </div>
  );
}

/** Too much text is told, not cut: a paste must not lose its end in silence. */
function Counter({ value, max }: { value: string; max: number }) {
  const left = max - displayLength(value);
  const near = left < max / 10;
  return (
    <p class={left < 0 ? 'sv-counter sv-error' : 'sv-counter'} role={near ? 'status' : undefined}>
      {left < 0 ? t('form.charactersOver', { n: -left }) : t('form.charactersLeft', { n: left })}
    </p>
  );
}

function RadioField({ form, name, answers, error, onChange, definition }: Defined) {
  return (
    <fieldset class="sv-field" aria-describedby={describedBy(name, definition, error)} aria-invalid={error ? true : undefined} role="radiogroup" aria-required={isRequired(form, name, answers) ? true : undefined}>
      <legend>
        <LabelText form={form} name={name} answers={answers}>{definition.title}</LabelText>
      </legend>
      {definition.description && <Hint id={hintId(name)}>{definition.description}</Hint>}
      {error && <ErrorText id={errorId(name)}>{error}</ErrorText>}
      {definition.oneOf?.map((choice, at) => (
        <div class="sv-choice" key={choice.const}>
          <input
            type="radio"
            id={at === 0 ? controlId(name) : `${controlId(name)}-${choice.const}`}
            name={name}
            value={choice.const}
            checked={answers[name] === choice.const}
            onChange={() => onChange(choice.const)}
          />
          <label for={at === 0 ? controlId(name) : `${controlId(name)}-${choice.const}`}>{choice.title}</label>
        </div>
      ))}
    </fieldset>
  );
}

function CheckboxField({ name, answers, error, onChange, definition }: Defined) {
  const link = definition['x-link'];
  return (
    <div class="sv-field">
      {error && <ErrorText id={errorId(name)}>{error}</ErrorText>}
      <div class="sv-choice">
        <input
          type="checkbox"
          id={controlId(name)}
          name={name}
          checked={answers[name] === true}
          aria-invalid={error ? true : undefined}
          aria-required
          aria-describedby={describedBy(name, definition, error)}
          onChange={(event) => onChange(event.currentTarget.checked)}
        />
        <label for={controlId(name)}>{definition.title}</label>
      </div>
      {link && (
        <p class="sv-choice-link">
          <a href={link.href} target="_blank" rel="noopener">{link.title}</a>
        </p>
      )}
    </div>
  );
}
