import { describe, expect, it } from 'vitest';
import { cleanAnswers, displayValue, firstOpenStep, forProfile, isRequired, isVisible, kindOf, stepOf, SUMMARY, validate, type FormDefinition } from '../../src/lib/form.ts';
import { readFixtures, readForm, serviceIds } from '../../scripts/catalogue.mjs';

const TODAY = '2026-11-22';
const form: FormDefinition = readForm('reclami');
const complete = readFixtures('reclami').find((fixture) => fixture.name === 'valid/minimal.json')!.answers;

describe.each(serviceIds())('fixtures of %s', (id) => {
  const definition: FormDefinition = readForm(id);
  it.each(readFixtures(id).map((fixture) => [fixture.name, fixture] as const))('%s', (_, fixture) => {
    const pointers = validate(definition, fixture.answers, fixture.today).map((error) => `#/answers/${error.field}`);
    expect(pointers.sort()).toEqual([...fixture.errors].sort());
    expect(fixture.errors.length > 0).toBe(fixture.kind === 'invalid');
  });
});

describe.each(serviceIds())('definition of %s', (id) => {
  const definition: FormDefinition = readForm(id);
  const fields = Object.entries(definition.properties);

  it('puts every field in exactly one step', () => {
    const placed = definition['x-steps'].flatMap((step) => step.fields);
    expect([...placed].sort()).toEqual(fields.map(([name]) => name).sort());
    const attachments = definition['x-steps'].flatMap((step) => step.attachments);
    expect([...attachments].sort()).toEqual(Object.keys(definition['x-attachments']).sort());
  });

  it('bounds every text and anchors every pattern in what RE2 shares with ECMAScript', () => {
    for (const [name, field] of fields) {
      if (field.type === 'string') expect(field.maxLength, name).toBeGreaterThan(0);
      const pattern = (field as { pattern?: string }).pattern;
      if (pattern === undefined) continue;
      expect(pattern, name).toMatch(/^\^.*\$$/);
      expect(pattern, name).not.toMatch(/\(\?[=!<]|\\[1-9]/); // lookaround, back references
      expect(() => new RegExp(pattern, 'u')).not.toThrow();
    }
    expect((definition as unknown as { additionalProperties: boolean }).additionalProperties).toBe(false);
  });

  it('demands a hidden field only where it shows it', () => {
    for (const branch of definition.allOf ?? []) {
      for (const name of branch.then.required ?? []) {
        const shown = definition.properties[name]['x-show-if'];
        expect(shown, name).toBeDefined();
        expect(isRequired(definition, name, { [shown!.field]: shown!.equals })).toBe(true);
        expect(isRequired(definition, name, {})).toBe(false);
      }
    }
  });
});

describe('form engine', () => {
  it('draws each field by its definition', () => {
    const kinds = Object.fromEntries(Object.entries(form.properties).map(([name, field]) => [name, kindOf(field)]));
    expect(kinds).toEqual({
      subject: 'select', office: 'text', officer: 'text', factsDate: 'date', facts: 'multiline', relatedCase: 'text',
      request: 'multiline', domicile: 'radio', pec: 'email', phone: 'tel', privacy: 'checkbox',
    });
  });

  it('lists errors in the order of the form', () => {
    expect(validate(form, {}, TODAY).map((error) => error.field)).toEqual(['subject', 'factsDate', 'facts', 'request', 'domicile', 'privacy']);
  });

  it.each([
    [{ subject: '' }, 'subject', 'choice'],
    [{ privacy: false }, 'privacy', 'consent'],
    [{ facts: 'corto' }, 'facts', 'tooShort'],
    [{ facts: 'a'.repeat(5001) }, 'facts', 'tooLong'],
    [{ factsDate: '2026-02-30' }, 'factsDate', 'date'],
    [{ factsDate: '2026-11-23' }, 'factsDate', 'future'],
    [{ domicile: 'elected', pec: 'a@b' }, 'pec', 'email'],
    [{ phone: 'domani' }, 'phone', 'format'],
    [{ request: '   ' }, 'request', 'required'],
  ])('names the rule that %j breaks', (change, field, rule) => {
    const answers = cleanAnswers(form, { ...complete, ...change } as typeof complete);
    expect(validate(form, answers, TODAY)).toEqual([{ field, rule }]);
  });

  it('drops blanks, hidden fields and refused consent from what is saved', () => {
    expect(cleanAnswers(form, { subject: 'sito', office: 'Lodi', facts: ' ', privacy: false, phone: '02 123456' })).toEqual({ subject: 'sito', phone: '02 123456' });
    expect(isVisible(form, 'office', { subject: 'altro' })).toBe(true);
  });

  it('resumes at the first open step', () => {
    expect(firstOpenStep(form, {}, TODAY)).toBe('fatti');
    expect(firstOpenStep(form, { ...complete, request: '' }, TODAY)).toBe('richiesta');
    expect(firstOpenStep(form, complete, TODAY)).toBe(SUMMARY);
    expect(stepOf(form, 'evidence')?.id).toBe('richiesta');
  });

  it('offers a company the domicile of the registers only', () => {
    const choices = (kind: string) => forProfile(form, kind).properties.domicile.oneOf?.map((choice) => choice.const);
    expect(choices('company')).toEqual(['registered']);
    expect(choices('person')).toEqual(['registered', 'elected', 'portal']);
    const elected = { ...complete, domicile: 'elected', pec: 'altra@pec.example.it' };
    expect(validate(forProfile(form, 'company'), elected, TODAY).map((error) => error.field)).toEqual(['domicile']);
    expect(validate(forProfile(form, 'person'), elected, TODAY)).toEqual([]);
  });

  it('shows values as people read them', () => {
    const date = (value: string) => `<${value}>`;
    expect(displayValue(form.properties.subject, 'sito', date, 'Sì')).toBe('Sito e servizi on line');
    expect(displayValue(form.properties.factsDate, '2026-10-05', date, 'Sì')).toBe('<2026-10-05>');
    expect(displayValue(form.properties.privacy, true, date, 'Sì')).toBe('Sì');
  });
});
