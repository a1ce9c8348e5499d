import '../styles/all.css';
import { currentLanguage } from '../lib/i18n.ts';
import type { FormDefinition } from '../lib/form.ts';
import { mount } from '../lib/mount.tsx';
import { startPage } from '../lib/shell.ts';
import { CasePage } from '../pages/CasePage.tsx';
import chambers from '../gen/chambers.json';
import english from '../gen/outcomes.en.json';
import italian from '../gen/outcomes.it.json';

const forms = import.meta.glob<{ default: unknown }>('../gen/form-*.json');

await startPage({ chamber: true });
const inEnglish = currentLanguage() === 'en';
const named = chambers.map(({ id, name, nameEn }) => ({ id, name: inEnglish ? nameEn : name }));
async function loadForm(service: string): Promise<FormDefinition> {
  const load = forms[`../gen/form-${service}.${currentLanguage()}.json`];
  if (!load) throw new Error(`no form for ${service}`);
  return (await load()).default as FormDefinition;
}

mount(<CasePage loadForm={loadForm} services={inEnglish ? english : italian} chambers={named} />);
