// Files for one question: several at once, each with its own progress, each removable.
import { useRef, useState } from 'preact/hooks';
import { currentLanguage, t, tValue } from '../lib/i18n.ts';
import type { AttachmentDefinition } from '../lib/form.ts';
import type { Attachment } from '../lib/types.ts';
import { confirm, faultOf, formatSize, removeAttachment, type Writer } from '../lib/upload.ts';
import type { Sending, Uploads } from '../lib/uploads.ts';
import { ErrorText, Hint, controlId } from './Fields.tsx';
import { BusyButton } from './BusyButton.tsx';
import { Icon } from './Icon.tsx';
import { explain } from './Notice.tsx';
import { SignatureReport } from './SignatureReport.tsx';

interface Props {
  application: string;
  field: string;
  definition: AttachmentDefinition;
  attachments: Attachment[];
  uploads: Uploads;
  error?: string;
  /** Who must sign, where the form wants a signature. */
  signer?: { text: string; taxCode: string };
  write: Writer;
  onChange: (update: (current: Attachment[]) => Attachment[]) => void;
  onError: (error: unknown) => void;
}

export function FileField({ application, field, definition, attachments, uploads, error, signer, write, onChange, onError }: Props) {
  const [refused, setRefused] = useState<string[]>([]);
  const [checking, setChecking] = useState('');
  const input = useRef<HTMLInputElement>(null);
  const mine = attachments.filter((attachment) => attachment.field === field);
  const sending = uploads.list.filter((item) => item.field === field);
  const id = controlId(field);

  // Where there is room for one file, another one takes its place.
  const replaces = definition.max === 1 && mine.length + sending.length > 0 && sending.every((item) => item.failure);

  async function choose(files: File[]) {
    const accepted: File[] = [];
    const faults: string[] = [];
    for (const file of files) {
      const fault = faultOf(file, definition, (replaces ? 0 : mine.length + sending.length) + accepted.length);
      if (fault) faults.push(t(`file.${fault}`, { name: file.name, size: formatSize(definition.maxBytes, currentLanguage()), max: definition.max, types: definition.extensions.join(', ') }));
      else accepted.push(file);
    }
    setRefused(faults);
    if (accepted.length > 0 && replaces) {
      for (const attachment of mine) if (!(await take(attachment))) return;
      for (const item of sending) await uploads.drop(item);
    }
    await uploads.send(field, accepted);
  }

  async function take(attachment: Attachment) {
    try {
      await removeAttachment(application, attachment.id, write);
      onChange((current) => current.filter((other) => other.id !== attachment.id));
      uploads.tell(field, t('file.removed', { name: attachment.name }));
      input.current?.focus();
      return true;
    } catch (failure) {
      setRefused([explain(failure)]);
      onError(failure);
      return false;
    }
  }

  /** The button goes away with the failure it stood beside. */
  function again(item: Sending) {
    input.current?.focus();
    void uploads.retry(item);
  }

  async function check(attachment: Attachment) {
    setChecking(attachment.id);
    setRefused([]);
    try {
      const signature = await confirm(application, attachment.id, write);
      onChange((current) => current.map((other) => (other.id === attachment.id ? { ...other, signature } : other)));
      uploads.tell(field, signature ? `${attachment.name}: ${tValue('signature', signature.verdict)}` : '');
    } catch (failure) {
      setRefused([explain(failure)]);
      onError(failure);
    } finally {
      setChecking('');
    }
  }

  const errors = [...(error ? [error] : []), ...refused];
  return (
    <div class="sv-field sv-files">
      <p class="sv-file-title" id={`${id}-titolo`}>
        {definition.title}
        {definition.min === 0 && <span class="sv-optional"> {t('form.optional')}</span>}
      </p>
      <Hint id={`${id}-aiuto`}>{definition.description}</Hint>
      {definition.signed && signer && <p class="sv-signer-expected">{t('signature.expected', { name: signer.text })}</p>}
      <div id={`${id}-errore`} role="alert">
        {errors.map((text) => <ErrorText key={text}>{text}</ErrorText>)}
      </div>
      <div class="sv-file-box">
        <input
          ref={input}
          type="file"
          id={id}
          class="visually-hidden"
          multiple={definition.max > 1}
          accept={definition.extensions.join(',')}
          aria-labelledby={`${id}-titolo ${id}-bottone`}
          aria-describedby={`${id}-aiuto ${id}-errore`}
          aria-invalid={errors.length > 0 ? true : undefined}
          onChange={(event) => {
            const files = [...(event.currentTarget.files ?? [])];
            event.currentTarget.value = ''; // the same file can be chosen again after a failure
            void choose(files);
          }}
        />
        <label for={id} id={`${id}-bottone`} class="btn btn-outline-primary btn-sm">
          {definition.max > 1 ? t('file.choose') : replaces ? t('file.replace') : t('file.chooseOne')}
        </label>
      </div>
      <ul class="sv-file-list">
        {mine.map((attachment) => (
          <li key={attachment.id}>
            <Icon name="it-file" />
            <span class="sv-file-name">
              {attachment.name} <span class="sv-small">({formatSize(attachment.size, currentLanguage())})</span>
              {attachment.state === 'pending' && <strong class="sv-file-bad"> {t('file.pending')}</strong>}
            </span>
            <button type="button" class="btn btn-outline-danger btn-sm" onClick={() => void take(attachment)}>
              {t('file.remove')} <span class="visually-hidden">{attachment.name}</span>
            </button>
            {attachment.signature && <SignatureReport signature={attachment.signature} advise expected={signer?.taxCode} />}
            {attachment.signature?.verdict === 'indeterminate' && (
              <BusyButton class="btn btn-outline-primary btn-sm" busy={checking === attachment.id} onClick={() => void check(attachment)}>
                {checking === attachment.id ? t('signature.checking') : t('signature.again')}
              </BusyButton>
            )}
          </li>
        ))}
        {sending.map((item) => (
          <li key={`s${item.key}`}>
            <Icon name={item.failure ? 'it-warning-circle' : 'it-upload'} />
            <span class="sv-file-name">
              {item.file.name}
              {item.failure ? (
                <strong class="sv-file-bad"> {item.failure}</strong>
              ) : item.checking ? (
                <>
                  <span class="sv-small"> {definition.signed ? t('signature.checking') : t('file.checking')}</span>
                  <progress aria-label={definition.signed ? t('signature.checking') : t('file.checking')} />
                </>
              ) : (
                <>
                  <span class="sv-small"> {item.percent}%</span>
                  <progress max={100} value={item.percent} aria-label={t('file.progress', { name: item.file.name })} />
                </>
              )}
            </span>
            {item.failure && (
              <span class="sv-file-actions">
                {!item.refused && (
                  <button type="button" class="btn btn-outline-primary btn-sm" onClick={() => again(item)}>
                    {t('file.retry')} <span class="visually-hidden">{item.file.name}</span>
                  </button>
                )}
                <button type="button" class="btn btn-outline-danger btn-sm" onClick={() => void uploads.drop(item).then(() => input.current?.focus())}>
                  {t('file.remove')} <span class="visually-hidden">{item.file.name}</span>
                </button>
              </span>
            )}
          </li>
        ))}
      </ul>
      <p class="visually-hidden" role="status">{sending.some((item) => item.checking) && definition.signed ? t('signature.checking') : uploads.news(field)}</p>
    </div>
  );
}
