import '../styles/all.css';
import { currentLanguage } from '../lib/i18n.ts';
import type { FormDefinition } from '../lib/form.ts';
import { mount } from '../lib/mount.tsx';
import { startPage } from '../lib/shell.ts';
import type { NamedService } from '../lib/types.ts';
import { FormPage } from '../pages/FormPage.tsx';
import english from '../gen/outcomes.en.json';
import italian from '../gen/outcomes.it.json';

// One file for each form and language: a page loads only the one it shows.
const forms = import.meta.glob<{ default: unknown }>('../gen/form-*.json');

await startPage({ chamber: true });
mount(
  <FormPage
    services={(currentLanguage() === 'en' ? english : italian) as NamedService[]}
    loadForm={async (service) => {
      const load = forms[`../gen/form-${service}.${currentLanguage()}.json`];
      if (!load) throw new Error(`no form for ${service}`);
      return (await load()).default as FormDefinition;
    }}
  />,
);
