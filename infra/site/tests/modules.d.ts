// Types of the build's own JavaScript, as the tests use it.
declare module '*/scripts/catalogue.mjs' {
  export interface Chamber {
    id: string;
    name: string;
    hosts: string[];
    colours: { primary: string };
    provinces: string[];
    patronDay: string;
    taxCode: string;
    ipaCode: string;
    pec: string;
    placeholders: string[];
    offices: { id: string; services: string[]; name: string; pec: string; responsible: { name: string }; substitute: { name: string } }[];
    services: Record<string, { active: boolean; termDays: number }>;
    register: { mode: string; code: string };
  }
  export interface Fixture {
    kind: 'valid' | 'invalid';
    name: string;
    title: string;
    today: string;
    answers: Record<string, string | boolean>;
    errors: string[];
  }
  export function readChambers(): Chamber[];
  export function readLogo(chamber: Chamber): string;
  export function serviceIds(): string[];
  export function readService(id: string, language?: string): any;
  export function readForm(id: string, language?: string): any;
  export function readFixtures(id: string): Fixture[];
  export function placeholders(chambers?: Chamber[]): string[];
  export function overlay(base: unknown, over: unknown): any;
}
declare module '*/scripts/release.mjs' {
  export function hindrances(release: { stage?: string; base?: string; examples?: string[] }): string[];
}
declare module '*/scripts/colour.mjs' {
  export interface Colour {
    r: number;
    g: number;
    b: number;
    alpha: number;
  }
  export function parseColour(text: string): Colour;
  export function contrast(a: Colour, b: Colour): number;
}
declare module '*/browser.mjs' {
  export const browserArgs: string[];
  export function browserPath(): Promise<string>;
}
declare module '*/stand-in.mjs' {
  export function startStandIn(port?: number): Promise<{ port: number; bucket: string; stop(): void }>;
}
