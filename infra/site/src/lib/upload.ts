// Sends a file straight to the bucket, by an address the server has signed for exactly these bytes.
import { call, post, Problem } from './api.ts';
import type { AttachmentDefinition } from './form.ts';
import type { Attachment, Signature } from './types.ts';

interface Slot {
  id: string;
  upload: { url: string; method: string; headers: Record<string, string> };
}

export class UploadFailed extends Error {}

/** Runs one call that changes the application; a draft queues them (see draft.ts), other pages just run them. */
export type Writer = <T>(action: () => Promise<T>) => Promise<T>;

const BY_EXTENSION: Record<string, string> = {
  '.pdf': 'application/pdf',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.png': 'image/png',
  '.p7m': 'application/pkcs7-mime',
};

// Headers that a page may not set: the browser fills them from the body and the address.
const FORBIDDEN = new Set(['host', 'content-length']);
const PUT_ATTEMPTS = 3;

export type FileFault = 'empty' | 'tooBig' | 'type' | 'tooMany';

export function extensionOf(name: string): string {
  const dot = name.lastIndexOf('.');
  return dot < 0 ? '' : name.slice(dot).toLowerCase();
}

/** Decided by extension: browsers disagree on the type of .p7m, and the server looks at the bytes anyway. */
export const mediaTypeOf = (name: string): string => BY_EXTENSION[extensionOf(name)] ?? '';

export function faultOf(file: { name: string; size: number }, definition: AttachmentDefinition, already: number): FileFault | null {
  if (already >= definition.max) return 'tooMany';
  if (!definition.extensions.includes(extensionOf(file.name))) return 'type';
  if (file.size === 0) return 'empty';
  return file.size > definition.maxBytes ? 'tooBig' : null;
}

export async function sha256(file: Blob): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', await file.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

interface Watch {
  progress: (percent: number) => void;
  /** The file is there: now the server looks at it, and at its signature where it needs one. */
  checking: () => void;
  /** What this attempt has left on the server, if it fails and cannot be taken away again. */
  left: (id: string | undefined) => void;
}

export async function upload(application: string, field: string, file: File, write: Writer, watch: Watch): Promise<Attachment> {
  const described = { field, name: file.name, size: file.size, sha256: await sha256(file), mediaType: mediaTypeOf(file.name) };
  const path = `/applications/${application}/attachments`;
  const slot = await write(() => post<Slot>(path, described));
  watch.left(slot.id);
  try {
    await put(slot, file, watch.progress);
    watch.checking();
    const signature = await confirm(application, slot.id, write);
    return { id: slot.id, ...described, state: 'complete', signature };
  } catch (error) {
    // A place that waits for its file would count among the files, and stop the presentation.
    await removeAttachment(application, slot.id, write).then(() => watch.left(undefined), () => undefined);
    throw error;
  }
}

/** Has the server look at a file that has arrived. Asked again it looks again, where a signature could not be verified. */
export async function confirm(application: string, id: string, write: Writer): Promise<Signature | undefined> {
  const answer = await write(() => post<{ signature?: Signature } | undefined>(`/applications/${application}/attachments/${id}/completion`));
  return answer?.signature;
}

export async function removeAttachment(application: string, id: string, write: Writer): Promise<void> {
  try {
    await write(() => call<void>('DELETE', `/applications/${application}/attachments/${id}`));
  } catch (error) {
    if (!(error instanceof Problem && error.status === 404)) throw error; // already gone
  }
}

async function put(slot: Slot, file: File, onProgress: (percent: number) => void): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const status = await putOnce(slot, file, onProgress);
    // 412: these very bytes are there already, from an attempt whose answer was lost.
    if ((status >= 200 && status < 300) || status === 412) return;
    const worthRepeating = status === 0 || status >= 500;
    if (!worthRepeating || attempt === PUT_ATTEMPTS) throw new UploadFailed(`PUT ${status}`);
    await new Promise((resume) => setTimeout(resume, attempt * 1_000));
  }
}

/** XMLHttpRequest, because fetch does not report upload progress. Resolves to the status, 0 for a broken connection. */
function putOnce(slot: Slot, file: File, onProgress: (percent: number) => void): Promise<number> {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open(slot.upload.method, slot.upload.url);
    for (const [name, value] of Object.entries(slot.upload.headers)) {
      if (!FORBIDDEN.has(name.toLowerCase())) request.setRequestHeader(name, value);
    }
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(Math.round((event.loaded / event.total) * 100));
    };
    request.onload = () => resolve(request.status);
    request.onerror = () => resolve(0);
    request.onabort = () => resolve(0);
    request.send(file);
  });
}

/** "1,4 MB", "300 kB" */
export function formatSize(bytes: number, language: string): string {
  const locale = language === 'en' ? 'en-GB' : 'it-IT';
  if (bytes < 1024 * 1024) return `${Math.max(1, Math.round(bytes / 1024)).toLocaleString(locale)} kB`;
  return `${(bytes / 1024 / 1024).toLocaleString(locale, { maximumFractionDigits: 1 })} MB`;
}
