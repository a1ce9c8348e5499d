// Files for one question: several at once, each with its own progress, each removable.
import { useRef, useState } from 'preact/hooks';
import { currentLanguage, t } from '../lib/i18n.ts';
import type { AttachmentDefinition } from '../lib/form.ts';
import type { Attachment } from '../lib/types.ts';
import { faultOf, formatSize, removeAttachment, upload, UploadFailed, type Writer } from '../lib/upload.ts';
import { ErrorText, Hint, controlId } from './Fields.tsx';
import { Icon } from './Icon.tsx';
import { explain } from './Notice.tsx';

interface Props {
  application: string;
  field: string;
  definition: AttachmentDefinition;
  attachments: Attachment[];
  error?: string;
  write: Writer;
  onChange: (update: (current: Attachment[]) => Attachment[]) => void;
  onBusy: (busy: boolean) => void;
  onError: (error: unknown) => void;
}

interface Sending {
  key: number;
  file: File;
  percent: number;
  failure?: string;
}

let nextKey = 0;

export function FileField({ application, field, definition, attachments, error, write, onChange, onBusy, onError }: Props) {
  const [sending, setSending] = useState<Sending[]>([]);
  const [refused, setRefused] = useState<string[]>([]);
  const [news, setNews] = useState('');
  const input = useRef<HTMLInputElement>(null);
  const active = useRef(0);
  const mine = attachments.filter((attachment) => attachment.field === field);
  const id = controlId(field);

  const update = (key: number, change: Partial<Sending>) =>
    setSending((list) => list.map((item) => (item.key === key ? { ...item, ...change } : item)));
  const drop = (key: number) => setSending((list) => list.filter((item) => item.key !== key));

  async function send(item: Sending) {
    active.current += 1;
    onBusy(true);
    try {
      const done = await upload(application, field, item.file, write, (percent) => update(item.key, { percent }));
      drop(item.key);
      onChange((current) => [...current, done]);
      setNews(t('file.done', { name: item.file.name }));
    } catch (failure) {
      update(item.key, { failure: failure instanceof UploadFailed ? t('file.interrupted') : explain(failure) });
      onError(failure);
    } finally {
      active.current -= 1;
      onBusy(active.current > 0);
    }
  }

  async function choose(files: File[]) {
    const accepted: Sending[] = [];
    const faults: string[] = [];
    for (const file of files) {
      const fault = faultOf(file, definition, mine.length + sending.length + accepted.length);
      if (fault) faults.push(t(`file.${fault}`, { name: file.name, size: formatSize(definition.maxBytes, currentLanguage()), max: definition.max }));
      else accepted.push({ key: nextKey++, file, percent: 0 });
    }
    setRefused(faults);
    setSending((list) => [...list, ...accepted]);
    // One after the other: each takes its turn to write on the draft anyway, and a slow line is not split.
    for (const item of accepted) await send(item);
  }

  async function take(attachment: Attachment) {
    try {
      await removeAttachment(application, attachment.id, write);
      onChange((current) => current.filter((other) => other.id !== attachment.id));
      setNews(t('file.removed', { name: attachment.name }));
      input.current?.focus();
    } catch (failure) {
      setRefused([explain(failure)]);
      onError(failure);
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
      <div id={`${id}-errore`} role="alert">
        {errors.map((text) => <ErrorText key={text}>{text}</ErrorText>)}
      </div>
      <div class="sv-file-box">
        <input
          ref={input}
          type="file"
          id={id}
          class="visually-hidden"
          multiple
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
          {t('file.choose')}
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
          </li>
        ))}
        {sending.map((item) => (
          <li key={`s${item.key}`}>
            <Icon name={item.failure ? 'it-warning-circle' : 'it-upload'} />
            <span class="sv-file-name">
              {item.file.name}
              {item.failure ? (
                <strong class="sv-file-bad"> {item.failure}</strong>
              ) : (
                <progress max={100} value={item.percent} aria-label={t('file.progress', { name: item.file.name })} />
              )}
            </span>
            {item.failure && (
              <span class="sv-file-actions">
                <button type="button" class="btn btn-outline-primary btn-sm" onClick={() => { update(item.key, { failure: undefined, percent: 0 }); void send(item); }}>
                  {t('file.retry')} <span class="visually-hidden">{item.file.name}</span>
                </button>
                <button type="button" class="btn btn-outline-danger btn-sm" onClick={() => drop(item.key)}>
                  {t('file.remove')} <span class="visually-hidden">{item.file.name}</span>
                </button>
              </span>
            )}
          </li>
        ))}
      </ul>
      <p class="visually-hidden" role="status">{news}</p>
    </div>
  );
}
