// For whom: oneself, or a company one represents. Drafts of the same service come first: nobody should start twice.
import { useState } from 'preact/hooks';
import { BusyButton } from '../components/BusyButton.tsx';
import { Failure, Loading, Notice } from '../components/Notice.tsx';
import { CostLine } from '../components/Payment.tsx';
import { currentChamber } from '../lib/chamber.ts';
import { formatDateTime } from '../lib/dates.ts';
import { get, post } from '../lib/api.ts';
import { moreCases } from '../lib/cases.ts';
import { useBusy, useLoaded } from '../lib/hooks.ts';
import { pageUrl, t, tValue } from '../lib/i18n.ts';
import { parameter } from '../lib/navigation.ts';
import type { Application, ApplicationRow, List, NamedService, Profile } from '../lib/types.ts';

interface Known {
  profiles: List<Profile>;
  drafts: ApplicationRow[];
}

async function read(): Promise<Known> {
  const profiles = await get<List<Profile>>('/profiles');
  return { profiles, drafts: await readDrafts(profiles.items) };
}

/** A help, not a condition: without the list one can still start. */
async function readDrafts(profiles: Profile[]): Promise<ApplicationRow[]> {
  try {
    const { rows } = await moreCases(profiles.map((profile) => ({ profile: profile.id })));
    return rows.filter((row) => row.state === 'draft' && row.service === parameter('servizio') && row.chamber === currentChamber()?.id);
  } catch {
    return [];
  }
}

type Service = Pick<NamedService, 'id' | 'title' | 'profiles' | 'cost'>;

export function ProfileChoice({ services }: { services: Service[] }) {
  const [known, reload] = useLoaded(read);
  if (known.state === 'loading') return <Loading />;
  if (known.state === 'failed') return <Failure error={known.error} retry={() => void reload()} />;
  const service = services.find((candidate) => candidate.id === parameter('servizio'));
  if (!service) return <MissingService />;
  const may = known.value.profiles.items.filter((profile) => service.profiles.includes(profile.kind));
  if (may.length === 0) return <Nobody incomplete={Boolean(known.value.profiles.incomplete)} retry={() => void reload()} />;
  return <Choice service={service} known={{ ...known.value, profiles: { ...known.value.profiles, items: may } }} />;
}

function MissingService() {
  return (
    <Notice tone="warning">
      <p>{t('profile.noService')}</p>
      <p><a href={pageUrl('/')}>{t('profile.toServices')}</a></p>
    </Notice>
  );
}

/** A service for companies, and a person who represents none that we know of. */
function Nobody({ incomplete, retry }: { incomplete: boolean; retry: () => void }) {
  return (
    <Notice tone="warning" title={t('profile.nobodyTitle')}>
      <p>{incomplete ? t('profile.nobodyKnown') : t('profile.nobody')}</p>
      {incomplete && <p><button type="button" class="btn btn-outline-primary btn-sm" onClick={retry}>{t('error.retry')}</button></p>}
      <p><a href={pageUrl('/')}>{t('profile.toServices')}</a></p>
    </Notice>
  );
}

function Choice({ service, known }: { service: Service; known: Known }) {
  const { profiles, drafts } = known;
  const [chosen, setChosen] = useState(profiles.items.length === 1 ? profiles.items[0].id : '');
  const [missing, setMissing] = useState(false);
  const [busy, setBusy] = useBusy();
  const [failure, setFailure] = useState<unknown>(null);

  async function start(event: Event) {
    event.preventDefault();
    setMissing(!chosen);
    if (!chosen) return document.getElementById('profilo-0')?.focus();
    setBusy(true);
    setFailure(null);
    try {
      const application = await post<Application>('/applications', { chamber: currentChamber()?.id, service: service.id, profile: chosen });
      location.assign(`${pageUrl('/modulo/')}?id=${encodeURIComponent(application.id)}`);
    } catch (error) {
      setFailure(error);
      setBusy(false);
    }
  }

  return (
    <>
      {drafts.length > 0 && <Drafts drafts={drafts} />}
      {profiles.incomplete && <Notice tone="warning"><p>{t('profile.incomplete')}</p></Notice>}
      <CostLine cost={service.cost} />
      <form onSubmit={start} noValidate>
        <fieldset class="sv-field" aria-describedby={missing ? 'profilo-errore' : undefined} role="radiogroup" aria-required>
          <legend>{t('profile.question', { service: service.title })}</legend>
          {missing && <p class="sv-error" id="profilo-errore" role="alert">{t('profile.missing')}</p>}
          {profiles.items.map((profile, at) => (
            <div class="sv-choice" key={profile.id}>
              <input type="radio" name="profilo" id={`profilo-${at}`} value={profile.id} checked={chosen === profile.id} onChange={() => setChosen(profile.id)} />
              <label for={`profilo-${at}`}>
                <strong>{profile.name}</strong>
                <span class="sv-choice-detail">{describe(profile)}</span>
              </label>
            </div>
          ))}
        </fieldset>
        {failure !== null && <Failure error={failure} />}
        <BusyButton class="btn btn-primary" busy={busy}>{busy ? t('profile.starting') : t('profile.start')}</BusyButton>
      </form>
    </>
  );
}

function describe(profile: Profile): string {
  const own = profile.kind === 'person' ? t('profile.person') : t('profile.company');
  const role = profile.role ? tValue('role', profile.role.toLowerCase(), capital(profile.role)) : own;
  return `${role}, ${t('profile.taxCode')} ${profile.taxCode}${profile.address?.pec ? `, PEC ${profile.address.pec}` : ''}`;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function Drafts({ drafts }: { drafts: ApplicationRow[] }) {
  return (
    <Notice tone="info" title={t('profile.draftsTitle')}>
      <ul class="sv-bullets">
        {drafts.map((draft) => (
          <li key={draft.id}>
            <a href={`${pageUrl('/modulo/')}?id=${encodeURIComponent(draft.id)}`}>
              {t('profile.resume', { name: draft.profile.name, when: formatDateTime(draft.updatedAt) })}
            </a>
          </li>
        ))}
      </ul>
    </Notice>
  );
}
