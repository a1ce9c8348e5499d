// What happened, newest first, with who did it.
import { formatDateTime } from '../lib/dates.ts';
import { t, tValue } from '../lib/i18n.ts';
import type { Application, TimelineItem } from '../lib/types.ts';

export function CaseTimeline({ items, application }: { items: TimelineItem[]; application: Application }) {
  const newestFirst = [...items].sort((a, b) => (a.at < b.at ? 1 : -1));
  if (newestFirst.length === 0) return <p>{t('case.timelineEmpty')}</p>;
  return (
    <ol class="sv-timeline">
      {newestFirst.map((item) => (
        <li key={item.at + item.event + item.title}>
          <p class="sv-timeline-when"><time datetime={item.at}>{formatDateTime(item.at)}</time>, {tValue('actor', item.actor)}</p>
          <h3 class="h6">{item.title}</h3>
          {item.text && !item.event.includes('message') && <p class="sv-pre">{item.text}</p>}
          {item.document && (
            <p><a href={`/api/v1/applications/${application.id}/documents/${item.document}`}>{t('case.openDocument')}<span class="visually-hidden">: {item.title}</span></a></p>
          )}
        </li>
      ))}
    </ol>
  );
}
