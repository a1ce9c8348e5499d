// Long texts: privacy notice, accessibility statement. {chamber} and {pec} are places that /brand.js fills.
import type { ComponentChildren } from 'preact';
import { pageUrl, t } from '../lib/i18n.ts';

export interface ProseSection {
  id: string;
  title: string;
  paragraphs: string[];
  list?: string[];
}

export function Prose({ title, lead, sections }: { title: string; lead: string; sections: ProseSection[] }) {
  return (
    <div class="sv-reading">
      <h1>{title}</h1>
      <p class="lead">{lead}</p>
      {sections.map((section) => (
        <section key={section.id} aria-labelledby={section.id}>
          <h2 class="h4" id={section.id}>{section.title}</h2>
          {section.paragraphs.map((paragraph) => <p key={paragraph}>{fill(paragraph)}</p>)}
          {section.list && (
            <ul class="sv-bullets">
              {section.list.map((item) => <li key={item}>{fill(item)}</li>)}
            </ul>
          )}
        </section>
      ))}
    </div>
  );
}

function fill(text: string): ComponentChildren {
  return text.split(/(\{chamber\}|\{pec\})/).map((part) => {
    if (part === '{chamber}') return <span data-chamber="name">{t('layout.brand')}</span>;
    if (part === '{pec}') return <a href={pageUrl('/camere/')} data-chamber-mail="pec">{t('layout.pecOfChamber')}</a>;
    return part;
  });
}
