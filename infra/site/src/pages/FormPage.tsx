// The form: steps from the catalogue, a draft that is always safe, a summary, and the act of presenting.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { BusyButton } from '../components/BusyButton.tsx';
import { DeleteDraft } from '../components/DeleteDraft.tsx';
import { ErrorSummary, focusControl, type SummaryItem } from '../components/ErrorSummary.tsx';
import { Field, controlId } from '../components/Fields.tsx';
import { FileField } from '../components/FileField.tsx';
import { Failure, Loading, Notice, explain } from '../components/Notice.tsx';
import { SaveStatus } from '../components/SaveStatus.tsx';
import { Steps } from '../components/Steps.tsx';
import { Conflict, SignedOut } from '../components/DraftTrouble.tsx';
import { CostLine } from '../components/Payment.tsx';
import { Summary } from '../components/Summary.tsx';
import { call, fieldOf, get, Problem, signedOut } from '../lib/api.ts';
import { formatDate, today } from '../lib/dates.ts';
import { Draft, LocalCopy, type SaveState } from '../lib/draft.ts';
import { cleanAnswers, errorsOfStep, firstOpenStep, forProfile, isVisible, kindOf, stepOf, SUMMARY, validate, type FieldError, type FormDefinition } from '../lib/form.ts';
import { useLoaded } from '../lib/hooks.ts';
import { useUploads, type Sending } from '../lib/uploads.ts';
import { pageUrl, t, type Key } from '../lib/i18n.ts';
import { here, loginUrl, parameter } from '../lib/navigation.ts';
import { SIGNED_OUT } from '../lib/session.ts';
import { keepReceipt, present } from '../lib/submission.ts';
import type { Answers, Application, Attachment, Cost, NamedService } from '../lib/types.ts';

export type FormLoader = (service: string) => Promise<FormDefinition>;
type Services = Pick<NamedService, 'id' | 'cost'>[];

interface Opened {
  application: Application;
  form: FormDefinition;
}

export function FormPage({ loadForm, services }: { loadForm: FormLoader; services: Services }) {
  const [opened, reload] = useLoaded<Opened>(async () => {
    const id = parameter('id');
    const application = await open(id);
    return { application, form: forProfile(await loadForm(application.service), application.profile.kind) };
  });
  if (opened.state === 'loading') return <Loading text={t('form.opening')} />;
  if (opened.state === 'failed') return <Failure error={opened.error} retry={() => void reload()} />;
  const { application, form } = opened.value;
  if (application.state !== 'draft') {
    location.replace(`${pageUrl('/pratica/')}?id=${encodeURIComponent(application.id)}`);
    return <Loading />;
  }
  return <Editor application={application} form={form} cost={services.find(({ id }) => id === application.service)?.cost} />;
}

async function open(id: string): Promise<Application> {
  try {
    return await get<Application>(`/applications/${encodeURIComponent(id)}`);
  } catch (error) {
    // Somebody else's, or deleted: what this tab may still hold of it must go.
    if (error instanceof Problem && error.status === 404) new LocalCopy(id, sessionStorage).clear();
    throw error;
  }
}

function Editor({ application, form, cost }: Opened & { cost?: Cost }) {
  const [attachments, setAttachments] = useState<Attachment[]>(application.attachments ?? []);
  const [saveState, setSaveState] = useState<SaveState>({ kind: 'idle' });
  const [errors, setErrors] = useState<Record<string, string>>({});
  // The error whose link leads to another step: it is told there too, beside its field.
  const followed = useRef<Record<string, string>>({});
  const [attempt, setAttempt] = useState(0);
  const [uploadWait, setUploadWait] = useState(false);
  const [presenting, setPresenting] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const draft = useDraft(application, setSaveState);
  const uploads = useUploads({
    application: application.id,
    write: (action) => draft.write(action),
    done: (attachment) => setAttachments((list) => [...list, attachment]),
    failed: (error) => signedOut(error) && setSaveState({ kind: 'signed-out' }),
  });
  const [answers, setAnswers] = useState<Answers>(() => draft.restore());
  // What is written now: two fields can change before the page is drawn again, as when the browser fills them in.
  const written = useRef(answers);
  const steps = [...form['x-steps'], { id: SUMMARY, title: t('form.summary'), fields: [], attachments: [] }];
  const [stepId, goTo] = useStep(steps.map((step) => step.id), () => firstStep(form, answers));
  const current = steps.findIndex((step) => step.id === stepId);
  const step = steps[current];

  useTitle(form.title, step.title, Object.keys(errors).length > 0);
  useEffect(() => {
    setErrors(followed.current);
    followed.current = {};
  }, [stepId]);
  useEffect(() => {
    // A file put right, or taken away, leaves no reproach behind.
    const files = Object.keys(form['x-attachments']);
    const mended = files.filter((name) => errors[name] && Object.keys(attachmentError(form, name, attachments, uploads.list)).length === 0);
    if (mended.length > 0) setErrors((current) => Object.fromEntries(Object.entries(current).filter(([name]) => !mended.includes(name))));
  }, [attachments, uploads.list]);

  function change(name: string, value: string | boolean) {
    written.current = { ...written.current, [name]: value };
    setAnswers(written.current);
    draft.change(cleanAnswers(form, written.current));
  }

  function show(found: Record<string, string>) {
    setErrors(found);
    setAttempt((n) => n + 1);
  }

  function next(event: Event) {
    event.preventDefault();
    setUploadWait(uploads.busy);
    if (uploads.busy) return;
    const found = messages(form, errorsOfStep(step, validate(form, cleanAnswers(form, written.current), today())));
    for (const name of step.attachments) Object.assign(found, attachmentError(form, name, attachments, uploads.list));
    if (Object.keys(found).length > 0) return show(found);
    void draft.flush();
    goTo(steps[current + 1].id);
  }

  async function submit(event: Event) {
    event.preventDefault();
    setUploadWait(uploads.busy);
    if (uploads.busy) return;
    const found = messages(form, validate(form, cleanAnswers(form, written.current), today()));
    for (const name of Object.keys(form['x-attachments'])) Object.assign(found, attachmentError(form, name, attachments, uploads.list));
    if (Object.keys(found).length > 0) return show(found);
    setPresenting(true);
    setFailure(null);
    try {
      if (!(await draft.flush())) return setFailure(new Problem(0, t('form.notSavedYet')));
      keepReceipt(await present(application.id));
      new LocalCopy(application.id, sessionStorage).clear();
      location.assign(`${pageUrl('/ricevuta/')}?id=${encodeURIComponent(application.id)}`);
    } catch (error) {
      refused(error);
    } finally {
      setPresenting(false);
    }
  }

  function refused(error: unknown) {
    if (signedOut(error)) return setSaveState({ kind: 'signed-out' });
    if (error instanceof Problem && error.status === 409) return void checkPresented(application.id, () => setFailure(error));
    const found: Record<string, string> = {};
    if (error instanceof Problem) {
      for (const { pointer, detail } of error.errors) if (fieldOf(pointer)) found[fieldOf(pointer)] ??= detail;
    }
    if (Object.keys(found).length > 0) show(found);
    setFailure(error);
  }

  const items: SummaryItem[] = Object.entries(errors).map(([name, text]) => ({
    text,
    href: `#${controlId(name)}`,
    go: () => {
      const home = stepOf(form, name);
      if (!home || home.id === stepId) return focusControl(controlId(name));
      followed.current = { [name]: text };
      goTo(home.id, () => focusControl(controlId(name)));
    },
  }));

  if (saveState.kind === 'gone') return <Notice tone="danger" title={t('error.title')} live><p>{t('draft.gone')}</p></Notice>;
  return (
    <>
      <Steps titles={steps.map((each) => each.title)} current={current} />
      <p class="sv-on-behalf">{t('form.onBehalf', { name: application.profile.name })}</p>
      {current === 0 && cost && <CostLine cost={cost} />}
      {saveState.kind === 'signed-out' && <SignedOut href={loginUrl(here())} />}
      {saveState.kind === 'conflict' && (
        <Conflict
          form={form}
          mine={cleanAnswers(form, answers)}
          theirs={saveState.theirs}
          choose={async (choice) => {
            written.current = await draft.resolve(choice);
            setAnswers(written.current);
            if (choice === 'theirs') setAttachments(saveState.theirs.attachments ?? []);
            focusHeading();
          }}
        />
      )}
      <form onSubmit={step.id === SUMMARY ? submit : next} noValidate>
        <h2 id="passo" tabindex={-1} class="sv-step-title">{step.title}</h2>
        <ErrorSummary items={items} attempt={attempt} />
        {step.id !== SUMMARY && <p class="sv-small">{t('form.requiredNote')}</p>}
        {step.fields.filter((name) => isVisible(form, name, answers)).map((name) => (
          <Field key={name} form={form} name={name} answers={answers} error={errors[name]} onChange={(value) => change(name, value)} />
        ))}
        {step.attachments.map((name) => (
          <FileField
            key={name}
            application={application.id}
            field={name}
            definition={form['x-attachments'][name]}
            attachments={attachments}
            uploads={uploads}
            error={errors[name]}
            signer={signerOf(application)}
            write={(action) => draft.write(action)}
            onChange={setAttachments}
            onError={(error) => signedOut(error) && setSaveState({ kind: 'signed-out' })}
          />
        ))}
        {step.id === SUMMARY && <Summary form={form} application={application} answers={cleanAnswers(form, answers)} attachments={attachments} cost={cost} edit={goTo} />}
        {uploadWait && uploads.busy && <Notice tone="warning" live><p>{t('file.wait')}</p></Notice>}
        {failure !== null && (
          <Notice tone={settled(failure) ? 'danger' : 'warning'} title={settled(failure) ? t('form.notPresented') : t('form.unknownTitle')} live>
            <p>{settled(failure) ? explain(failure) : t('form.unknownOutcome')}</p>
            {failure instanceof Problem && failure.reference && <p class="sv-small">{t('error.reference', { id: failure.reference })}</p>}
          </Notice>
        )}
        <div class="sv-actions">
          {current > 0 && (
            <button type="button" class="btn btn-outline-primary" onClick={() => goTo(steps[current - 1].id)}>{t('form.back')}</button>
          )}
          <BusyButton class="btn btn-primary" busy={presenting}>
            {step.id !== SUMMARY ? t('form.next') : presenting ? t('form.presenting') : cost?.kind === 'act' ? t('form.presentAndPay') : t('form.present')}
          </BusyButton>
        </div>
        <SaveStatus state={saveState} retry={() => void draft.flush()} />
      </form>
      <p class="sv-leave">
        <a href={pageUrl('/area-personale/')}>{t('form.leave')}</a>
      </p>
      {application.expiresAt && <p class="sv-small">{t('draft.expires', { when: formatDate(application.expiresAt) })}</p>}
      <DeleteDraft
        application={application.id}
        deleted={() => {
          draft.end();
          new LocalCopy(application.id, sessionStorage).clear();
          location.assign(pageUrl('/area-personale/'));
        }}
      />
    </>
  );
}

/** One draft for the life of the page: saved when it is hidden, retried when the network is back. */
function useDraft(application: Application, onState: (state: SaveState) => void): Draft {
  const draft = useMemo(
    () =>
      new Draft(
        application,
        {
          save: (answers, version) =>
            call<Application>('PATCH', `/applications/${application.id}`, { body: { answers }, headers: { 'if-match': `"${version}"` }, keepalive: true }),
          load: () => get<Application>(`/applications/${application.id}`),
          copy: new LocalCopy(application.id, sessionStorage),
          now: () => new Date(),
        },
        onState,
      ),
    [],
  );
  useEffect(() => {
    const onHide = () => document.visibilityState === 'hidden' && void draft.flush();
    const onSignOut = () => draft.end();
    const onOnline = () => void draft.flush();
    const onLeave = (event: BeforeUnloadEvent) => {
      if (!draft.dirty || draft.waiting) return;
      void draft.flush();
      event.preventDefault();
    };
    document.addEventListener('visibilitychange', onHide);
    addEventListener('online', onOnline);
    addEventListener('beforeunload', onLeave);
    addEventListener(SIGNED_OUT, onSignOut);
    return () => {
      document.removeEventListener('visibilitychange', onHide);
      removeEventListener('online', onOnline);
      removeEventListener('beforeunload', onLeave);
      removeEventListener(SIGNED_OUT, onSignOut);
      draft.end();
    };
  }, []);
  return draft;
}

/** The step is in the address's hash, so that the browser's own Back goes one step back. */
function useStep(ids: string[], first: () => string): [string, (id: string, then?: () => void) => void] {
  const [id, setId] = useState(() => {
    const initial = first();
    const asked = location.hash.slice(1);
    const id = ids.includes(asked) ? asked : initial;
    history.replaceState(null, '', `#${id}`);
    return id;
  });
  const after = useRef<(() => void) | undefined>(undefined);
  const started = useRef(false);

  useEffect(() => {
    const onPop = () => {
      const asked = location.hash.slice(1);
      if (ids.includes(asked)) setId(asked);
    };
    addEventListener('popstate', onPop);
    return () => removeEventListener('popstate', onPop);
  }, []);
  useEffect(() => {
    if (!started.current) {
      started.current = true;
      return;
    }
    const then = after.current ?? focusHeading;
    after.current = undefined;
    then();
  }, [id]);

  const go = (next: string, then?: () => void) => {
    after.current = then;
    if (next !== id) history.pushState(null, '', `#${next}`);
    setId(next);
  };
  return [id, go];
}

function focusHeading(): void {
  const heading = document.getElementById('passo');
  heading?.scrollIntoView({ block: 'start' });
  heading?.focus({ preventScroll: true });
}

function firstStep(form: FormDefinition, answers: Answers): string {
  return Object.keys(answers).length > 0 ? firstOpenStep(form, answers, today()) : form['x-steps'][0].id;
}

function useTitle(form: string, step: string, wrong: boolean): void {
  useEffect(() => {
    document.title = `${wrong ? `${t('form.titleError')} ` : ''}${step} - ${form}`;
  }, [form, step, wrong]);
}

function messages(form: FormDefinition, errors: FieldError[]): Record<string, string> {
  return Object.fromEntries(
    errors.map(({ field, rule }) => {
      const definition = form.properties[field];
      const first = form.properties[definition?.['x-after'] ?? '']?.title ?? '';
      const parameters = { title: definition?.title ?? field, first, min: definition?.minLength ?? 0, max: definition?.maxLength ?? 0 };
      if (rule === 'format' && definition && kindOf(definition) === 'tel') return [field, t('rule.phone', parameters)];
      return [field, t(`rule.${rule}` as Key, parameters)];
    }),
  );
}

function attachmentError(form: FormDefinition, name: string, attachments: Attachment[], sending: Sending[]): Record<string, string> {
  const definition = form['x-attachments'][name];
  if (sending.some((item) => item.field === name && item.failure)) return { [name]: t('rule.unsentFile') };
  const mine = attachments.filter((attachment) => attachment.field === name);
  const complete = mine.filter((attachment) => attachment.state === 'complete');
  if (complete.length < mine.length) return { [name]: t('rule.pendingFile') };
  if (complete.length < definition.min) return { [name]: t('rule.missingFile', { title: definition.title }) };
  // What could not be verified yet may be presented: the server looks again, and decides.
  const bad = mine.find((attachment) => attachment.signature?.verdict === 'invalid');
  return bad ? { [name]: t('rule.badSignature', { name: bad.name }) } : {};
}

/** Who fills in the form for a company represents it. */
function signerOf({ filer, profile }: Application): { text: string; taxCode: string } {
  const who = filer ?? profile;
  return { text: t('signature.signer', { name: who.name, taxCode: who.taxCode, company: profile.name }), taxCode: who.taxCode };
}

/** Only a refusal says that nothing was presented: an answer that was lost, or a server that failed after its work, says nothing. */
function settled(failure: unknown): boolean {
  return failure instanceof Problem && failure.status < 500 && failure.status !== 408;
}

/** Refused as "not a draft any more": most likely ours, presented by an attempt whose answer was lost. */
async function checkPresented(id: string, otherwise: () => void): Promise<void> {
  try {
    const application = await get<Application>(`/applications/${id}`);
    if (application.state === 'draft') return otherwise();
    new LocalCopy(id, sessionStorage).clear();
    location.assign(`${pageUrl('/ricevuta/')}?id=${encodeURIComponent(id)}`);
  } catch {
    otherwise();
  }
}
