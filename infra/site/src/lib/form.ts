// The form engine: a JSON Schema of the catalogue -> steps, fields and error messages. No DOM here.
// The same definitions are checked by the server; the fixtures beside them keep the two verdicts equal.
import { Validator, type Schema } from '@cfworker/json-schema';
import type { Answers } from './types.ts';

export interface Choice {
  const: string;
  title: string;
  /** Who may choose it, when not everybody may: a company is reached where the registers say (CAD art. 6-bis). */
  'x-for'?: 'person' | 'company';
}

export interface FieldDefinition {
  type: 'string' | 'boolean';
  title: string;
  description?: string;
  format?: string;
  maxLength?: number;
  minLength?: number;
  const?: boolean;
  oneOf?: Choice[];
  'x-show-if'?: { field: string; equals: string };
  'x-multiline'?: boolean;
  'x-autocomplete'?: string;
  'x-link'?: { href: string; title: string };
  'x-latest'?: 'today';
  /** A date later than that of another field. */
  'x-after'?: string;
}

export interface AttachmentDefinition {
  title: string;
  description: string;
  min: number;
  max: number;
  maxBytes: number;
  mediaTypes: string[];
  extensions: string[];
  /** It must bear a valid signature of the legal representative: the server checks it, and says what it found. */
  signed?: boolean;
}

export interface StepDefinition {
  id: string;
  title: string;
  fields: string[];
  attachments: string[];
}

export interface FormDefinition {
  title: string;
  properties: Record<string, FieldDefinition>;
  required: string[];
  allOf?: { if: unknown; then: { required?: string[] } }[];
  'x-steps': StepDefinition[];
  'x-attachments': Record<string, AttachmentDefinition>;
}

export type Kind = 'text' | 'email' | 'tel' | 'date' | 'multiline' | 'select' | 'radio' | 'checkbox';

/** What is wrong with a field: the name of the rule, which the page turns into a sentence. */
export interface FieldError {
  field: string;
  rule: 'required' | 'choice' | 'consent' | 'tooShort' | 'tooLong' | 'date' | 'future' | 'after' | 'email' | 'format' | 'unknown';
}

const RADIO_LIMIT = 4;

export function kindOf(field: FieldDefinition): Kind {
  if (field.type === 'boolean') return 'checkbox';
  if (field.oneOf) return field.oneOf.length <= RADIO_LIMIT ? 'radio' : 'select';
  if (field['x-multiline']) return 'multiline';
  if (field.format === 'date') return 'date';
  if (field.format === 'email') return 'email';
  return field['x-autocomplete'] === 'tel' ? 'tel' : 'text';
}

/** The form as one kind of profile meets it: without the choices that are not theirs. */
export function forProfile(form: FormDefinition, kind: string): FormDefinition {
  const properties = Object.entries(form.properties).map(([name, field]) => {
    return [name, field.oneOf ? { ...field, oneOf: field.oneOf.filter((choice) => (choice['x-for'] ?? kind) === kind) } : field];
  });
  return { ...form, properties: Object.fromEntries(properties) };
}

export function isVisible(form: FormDefinition, name: string, answers: Answers): boolean {
  const condition = form.properties[name]['x-show-if'];
  return !condition || answers[condition.field] === condition.equals;
}

/** Required as things stand: by the schema itself or by the branch that the answers have made active. */
export function isRequired(form: FormDefinition, name: string, answers: Answers): boolean {
  if (form.required.includes(name)) return true;
  return (form.allOf ?? []).some(
    (branch) => branch.then.required?.includes(name) && new Validator(branch.if as Schema, '2020-12').validate(answers).valid,
  );
}

/** What is saved and presented: hidden fields go, and so do blanks, which JSON Schema would take for answers. */
export function cleanAnswers(form: FormDefinition, answers: Answers): Answers {
  const kept = Object.entries(answers).filter(([name, value]) => {
    if (!(name in form.properties) || !isVisible(form, name, answers)) return false;
    return typeof value === 'string' ? value.trim() !== '' : value === true;
  });
  return Object.fromEntries(kept);
}

/** All errors, in the order of the form; at most one for a field. */
export function validate(form: FormDefinition, answers: Answers, today: string): FieldError[] {
  const found = new Map<string, FieldError['rule']>();
  const note = (field: string, rule: FieldError['rule']) => {
    if (field && !found.has(field)) found.set(field, rule);
  };
  // shortCircuit off: every error is wanted, not the first.
  for (const error of new Validator(form as unknown as Schema, '2020-12', false).validate(answers).errors) {
    const [field, rule] = translate(form, error);
    note(field, rule);
  }
  for (const [name, definition] of Object.entries(form.properties)) {
    const value = answers[name];
    if (definition['x-latest'] === 'today' && typeof value === 'string' && value > today) note(name, 'future');
    const first = answers[definition['x-after'] ?? ''];
    if (isDate(value) && isDate(first) && value <= first) note(name, 'after');
  }
  const order = form['x-steps'].flatMap((step) => step.fields);
  const place = (field: string) => (order.includes(field) ? order.indexOf(field) : order.length);
  return [...found].map(([field, rule]) => ({ field, rule })).sort((a, b) => place(a.field) - place(b.field));
}

const isDate = (value: unknown): value is string => {
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}$/.test(value)) return false;
  const parsed = new Date(`${value}T00:00:00Z`);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(value);
};

interface SchemaError {
  instanceLocation: string;
  keyword: string;
  error: string;
}

function translate(form: FormDefinition, error: SchemaError): [string, FieldError['rule']] {
  const field = error.instanceLocation.replace(/^#\/?/, '').split('/')[0];
  if (error.keyword === 'required') {
    // The validator names the missing property only in its message.
    const missing = /"([^"]+)"/.exec(error.error)?.[1] ?? '';
    const definition = form.properties[missing];
    if (definition?.type === 'boolean') return [missing, 'consent'];
    return [missing, definition?.oneOf ? 'choice' : 'required'];
  }
  if (!field) return ['', 'format']; // wrappers such as "properties" and "allOf" repeat their children
  const definition = form.properties[field];
  if (!definition) return [field, 'unknown'];
  if (definition.type === 'boolean') return [field, 'consent'];
  if (definition.oneOf) return [field, 'choice'];
  if (definition.format === 'date') return [field, 'date'];
  if (error.keyword === 'minLength') return [field, 'tooShort'];
  if (error.keyword === 'maxLength') return [field, 'tooLong'];
  return [field, definition.format === 'email' ? 'email' : 'format'];
}

export function errorsOfStep(step: StepDefinition, errors: FieldError[]): FieldError[] {
  return errors.filter((error) => step.fields.includes(error.field));
}

/** The step that holds a field or an attachment. */
export function stepOf(form: FormDefinition, name: string): StepDefinition | undefined {
  return form['x-steps'].find((step) => step.fields.includes(name) || step.attachments.includes(name));
}

/** Where to resume: the first step that still lacks something, or the summary. */
export function firstOpenStep(form: FormDefinition, answers: Answers, today: string): string {
  const errors = validate(form, cleanAnswers(form, answers), today);
  const open = form['x-steps'].find((step) => errorsOfStep(step, errors).length > 0);
  return open?.id ?? SUMMARY;
}

export const SUMMARY = 'riepilogo';

/** How a value reads in the summary. */
export function displayValue(field: FieldDefinition, value: string | boolean, formatDate: (value: string) => string, yes: string): string {
  if (typeof value === 'boolean') return yes;
  if (field.oneOf) return field.oneOf.find((choice) => choice.const === value)?.title ?? value;
  return field.format === 'date' ? formatDate(value) : value;
}
