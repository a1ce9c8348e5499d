// Everything on one page: right before presenting, each part with its way back; afterwards, to read what was presented.
import { formatDate } from '../lib/dates.ts';
import { displayValue, isVisible, type FormDefinition } from '../lib/form.ts';
import { currentLanguage, t } from '../lib/i18n.ts';
import { documentUrl } from '../lib/navigation.ts';
import type { Answers, Application, Attachment, Cost } from '../lib/types.ts';
import { formatSize } from '../lib/upload.ts';
import { CostLine } from './Payment.tsx';
import { SignatureReport } from './SignatureReport.tsx';

interface Props {
  form: FormDefinition;
  application: Application;
  answers: Answers;
  attachments: Attachment[];
  cost?: Cost;
  edit?: (step: string) => void;
}

export function Summary({ form, application, answers, attachments, cost, edit }: Props) {
  return (
    <div class="sv-summary">
      <section>
        <h3 class="h5">{t('summary.applicant')}</h3>
        <dl class="sv-definitions">
          {application.filer && <div><dt>{t('summary.filer')}</dt><dd>{application.filer.name}, {application.filer.taxCode}</dd></div>}
          <div><dt>{application.filer ? t('summary.onBehalf') : t('summary.name')}</dt><dd>{application.profile.name}</dd></div>
          <div><dt>{t('summary.taxCode')}</dt><dd>{application.profile.taxCode}</dd></div>
        </dl>
      </section>
      {form['x-steps'].map((step) => (
        <section key={step.id}>
          <div class="sv-summary-head">
            <h3 class="h5">{step.title}</h3>
            {edit && (
              <button type="button" class="btn btn-link btn-sm" onClick={() => edit(step.id)}>
                {t('summary.edit')} <span class="visually-hidden">{step.title}</span>
              </button>
            )}
          </div>
          <dl class="sv-definitions">
            {step.fields.filter((name) => isVisible(form, name, answers)).map((name) => (
              <div key={name}>
                <dt>{form.properties[name].title}</dt>
                <dd class="sv-pre">{answers[name] === undefined ? t('summary.empty') : displayValue(form.properties[name], answers[name], formatDate, t('summary.yes'))}</dd>
              </div>
            ))}
            {step.attachments.map((name) => (
              <div key={name}>
                <dt>{form['x-attachments'][name].title}</dt>
                <dd><Files application={application} files={attachments.filter((attachment) => attachment.field === name)} linked={!edit} /></dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
      {cost?.kind === 'act' && (
        <section>
          <h3 class="h5">{t('service.cost')}</h3>
          <CostLine cost={cost} />
        </section>
      )}
      {edit && <p>{t('summary.declaration')}</p>}
    </div>
  );
}

function Files({ application, files, linked }: { application: Application; files: Attachment[]; linked: boolean }) {
  if (files.length === 0) return <>{t('summary.noFiles')}</>;
  return (
    <ul class="sv-plain">
      {files.map((file) => (
        <li key={file.id}>
          {linked ? <a href={documentUrl(application, file)}>{file.name}</a> : file.name} ({formatSize(file.size, currentLanguage())})
          {file.signature && <SignatureReport signature={file.signature} advise={!linked} />}
        </li>
      ))}
    </ul>
  );
}
