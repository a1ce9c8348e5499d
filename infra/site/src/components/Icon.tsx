/** A drawing of the sprite cut by scripts/sprite.mjs; decorative unless it is given a title. */
export function Icon({ name, class: extra = '', title }: { name: string; class?: string; title?: string }) {
  return (
    <svg class={`icon ${extra}`} aria-hidden={title ? undefined : 'true'} role={title ? 'img' : undefined} aria-label={title}>
      <use href={`/icons.svg#${name}`} />
    </svg>
  );
}
