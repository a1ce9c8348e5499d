// The bare host: which chamber?
import { t } from '../lib/i18n.ts';

export interface ChamberEntry {
  id: string;
  name: string;
  nameEn: string;
  shortName: string;
  provinces: string[];
  hosts: string[];
}

/** The address is written at build time for the domain of the installation and corrected by the page's script. */
export function Chooser({ chambers, base }: { chambers: ChamberEntry[]; base: string }) {
  const { protocol, host } = new URL(base);
  return (
    <ul class="sv-cards sv-chambers">
      {chambers.map((chamber) => (
        <li class="it-card rounded shadow-sm border" key={chamber.id}>
          <div class="it-card-body sv-card sv-chamber">
            <img src={`/themes/${chamber.id}/logo.svg`} alt="" width="56" height="56" />
            <div>
              <h2 class="it-card-title h5">
                <a href={`${protocol}//${chamber.hosts[0]}.${host}/`} data-host={chamber.hosts[0]}>{chamber.shortName}</a>
              </h2>
              <p class="it-card-text">{t('chooser.provinces', { list: chamber.provinces.join(', ') })}</p>
            </div>
          </div>
        </li>
      ))}
    </ul>
  );
}
