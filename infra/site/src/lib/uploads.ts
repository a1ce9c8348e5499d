// The files on their way: they outlive the field that shows them, so that going a step back and forth neither hides a
// failure nor loses a file.
import { useEffect, useRef, useState } from 'preact/hooks';
import { explain } from '../components/Notice.tsx';
import { Problem } from './api.ts';
import { t, tValue } from './i18n.ts';
import type { Attachment } from './types.ts';
import { removeAttachment, upload, UploadFailed, type Writer } from './upload.ts';

export interface Sending {
  key: number;
  field: string;
  file: File;
  percent: number;
  /** All of it is there, and the server is looking at it. */
  checking?: boolean;
  failure?: string;
  /** The server refused what the file is: sending it again would change nothing. */
  refused?: boolean;
  /** What a failed attempt left on the server, to be taken away before the next one. */
  left?: string;
}

export interface Uploads {
  list: Sending[];
  busy: boolean;
  /** What has just happened to the files of a field, for those who do not see it. */
  news: (field: string) => string;
  tell: (field: string, text: string) => void;
  send: (field: string, files: File[]) => Promise<void>;
  retry: (item: Sending) => Promise<void>;
  drop: (item: Sending) => Promise<void>;
}

interface Ports {
  application: string;
  write: Writer;
  done: (attachment: Attachment) => void;
  failed: (error: unknown) => void;
}

let nextKey = 0;
const REFUSALS = [400, 413, 415, 422];

export function useUploads({ application, write, done, failed }: Ports): Uploads {
  const [list, setList] = useState<Sending[]>([]);
  const [news, setNews] = useState({ field: '', text: '' });
  const tell = (field: string, text: string) => setNews({ field, text });
  const busy = list.some((item) => !item.failure);
  useKeepsPage(busy);

  const update = (key: number, change: Partial<Sending>) => setList((items) => items.map((item) => (item.key === key ? { ...item, ...change } : item)));
  const forget = (key: number) => setList((items) => items.filter((item) => item.key !== key));

  async function transfer(item: Sending) {
    try {
      if (item.left) await removeAttachment(application, item.left, write);
      const attachment = await upload(application, item.field, item.file, write, {
        progress: (percent) => update(item.key, { percent }),
        checking: () => update(item.key, { checking: true }),
        left: (left) => update(item.key, { left }),
      });
      forget(item.key);
      done(attachment);
      const { signature } = attachment;
      tell(item.field, `${t('file.done', { name: item.file.name })}${signature ? `. ${tValue('signature', signature.verdict)}` : ''}`);
    } catch (error) {
      const refused = error instanceof Problem && REFUSALS.includes(error.status);
      const failure = error instanceof UploadFailed ? t('file.interrupted') : explain(error);
      update(item.key, { checking: false, failure, refused });
      tell(item.field, `${item.file.name}: ${failure}`);
      failed(error);
    }
  }

  return {
    list,
    busy,
    news: (field) => (news.field === field ? news.text : ''),
    tell,
    async send(field, files) {
      const items = files.map((file) => ({ key: nextKey++, field, file, percent: 0 }));
      setList((current) => [...current, ...items]);
      // One after the other: each takes its turn to write on the draft anyway, and a slow line is not split.
      for (const item of items) await transfer(item);
    },
    async retry(item) {
      update(item.key, { failure: undefined, percent: 0 });
      await transfer(item);
    },
    async drop(item) {
      try {
        if (item.left) await removeAttachment(application, item.left, write);
        forget(item.key);
        tell(item.field, t('file.removed', { name: item.file.name }));
      } catch (error) {
        update(item.key, { failure: explain(error) });
        failed(error);
      }
    },
  };
}

/** Leaving while a file is on its way would lose it: the browser asks first. */
function useKeepsPage(busy: boolean): void {
  const now = useRef(busy);
  now.current = busy;
  useEffect(() => {
    const onLeave = (event: BeforeUnloadEvent) => now.current && event.preventDefault();
    addEventListener('beforeunload', onLeave);
    return () => removeEventListener('beforeunload', onLeave);
  }, []);
}
