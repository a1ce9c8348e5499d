import { describe, expect, it } from 'vitest';
import { contrast, parseColour } from '../../scripts/colour.mjs';
import { overlay, readChambers, readLogo, serviceIds } from '../../scripts/catalogue.mjs';

const WHITE = parseColour('#ffffff');

describe('chambers', () => {
  const chambers = readChambers();

  it('are the seven of Lombardy and cover its twelve provinces once', () => {
    expect(chambers.map((chamber) => chamber.id)).toEqual(['bergamo', 'brescia', 'como-lecco', 'cremona-mantova-pavia', 'milano', 'sondrio', 'varese']);
    expect(chambers.flatMap((chamber) => chamber.provinces).sort()).toEqual(['BG', 'BS', 'CO', 'CR', 'LC', 'LO', 'MB', 'MI', 'MN', 'PV', 'SO', 'VA']);
  });

  it.each(chambers.map((chamber) => [chamber.id, chamber] as const))('%s can be published', (_, chamber) => {
    const primary = parseColour(chamber.colours.primary);
    expect(contrast(primary, WHITE)).toBeGreaterThanOrEqual(4.5);
    // Links are drawn in the primary on the palest tint of it, too.
    const tint = { r: 1 - (1 - primary.r) * 0.06, g: 1 - (1 - primary.g) * 0.06, b: 1 - (1 - primary.b) * 0.06, alpha: 1 };
    expect(contrast(primary, tint)).toBeGreaterThanOrEqual(4.5);
    expect(chamber.colours.primary).not.toBe('#0066cc'); // reserved to central administrations
    expect(chamber.patronDay).toMatch(/^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/);
    expect(chamber.register.code).toMatch(/^[A-Za-z0-9_.-]{1,16}$/);
    expect(chamber.pec).toBe(`protocollo@${chamber.id}.pec.example.it`);
    for (const service of serviceIds()) {
      expect(chamber.services[service].termDays).toBeGreaterThan(0);
      expect(chamber.offices.filter((office) => office.services.includes(service))).toHaveLength(1);
    }
    const logo = readLogo(chamber);
    expect(logo).toContain('<svg');
    expect(logo).not.toMatch(/<script|style=|href=|<image/);
  });

  it.each(chambers.map((chamber) => [chamber.id, chamber] as const))('%s says which values are only examples', (_, chamber) => {
    for (const pointer of chamber.placeholders) {
      const value = pointer.slice(1).split('/').reduce<any>((inner, key) => inner?.[key], chamber);
      expect(value, pointer).toBeTypeOf('string');
    }
    for (const pointer of ['/taxCode', '/ipaCode', '/pec']) expect(chamber.placeholders).toContain(pointer);
    expect(chamber.ipaCode).toMatch(/^ESEMPIO_/);
  });

  it('have hosts, codes and colours of their own', () => {
    for (const value of [(c: typeof chambers[0]) => c.hosts[0], (c: typeof chambers[0]) => c.taxCode, (c: typeof chambers[0]) => c.register.code, (c: typeof chambers[0]) => c.colours.primary]) {
      expect(new Set(chambers.map(value)).size).toBe(7);
    }
  });
});

describe('overlay', () => {
  it('merges objects, arrays by id or const, and replaces the rest', () => {
    const base = { title: 'uno', keep: 1, list: ['a'], steps: [{ id: 'x', title: 'ics', n: 1 }, { id: 'y', title: 'ipsilon' }] };
    expect(overlay(base, { title: 'one', list: ['b'], steps: [{ id: 'y', title: 'why' }] })).toEqual({ title: 'one', keep: 1, list: ['b'], steps: [{ id: 'x', title: 'ics', n: 1 }, { id: 'y', title: 'why' }] });
  });
});
