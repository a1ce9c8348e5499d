// What happened, newest first, with who did it.
import { formatDateTime } from '../lib/dates.ts';
import { currentLanguage, t, tValue } from '../lib/i18n.ts';
import { documentUrl } from '../lib/navigation.ts';
import type { Application, TimelineItem } from '../lib/types.ts';
import { titleOf } from './Documents.tsx';

/** A message reads differently from each side. */
const eventOf = ({ event, actor }: TimelineItem): string => (event === 'message' && actor === 'office' ? 'office_message' : event);

function nameOf(item: TimelineItem, application: Application): string {
  const document = (application.documents ?? []).find((candidate) => candidate.id === item.document);
  return document ? titleOf(document) : item.title;
}

export function CaseTimeline({ items, application }: { items: TimelineItem[]; application: Application }) {
  const newestFirst = [...items].sort((a, b) => (a.at < b.at ? 1 : -1));
  if (newestFirst.length === 0) return <p>{t('case.timelineEmpty')}</p>;
  return (
    <ol class="sv-timeline">
      {newestFirst.map((item) => (
        <li key={item.at + item.event + item.title}>
          <p class="sv-timeline-when"><time datetime={item.at}>{formatDateTime(item.at)}</time>, {tValue('actor', item.actor)}</p>
          <h3 class="h6">{tValue('event', eventOf(item), item.title)}</h3>
          {item.text && !item.event.includes('message') && <p class="sv-pre" lang={currentLanguage() === 'en' ? 'it' : undefined}>{item.text}</p>}
          {item.document && (
            <p><a href={documentUrl(application, { id: item.document })}>{t('case.openDocument', { name: nameOf(item, application) })}</a></p>
          )}
        </li>
      ))}
    </ol>
  );
}
