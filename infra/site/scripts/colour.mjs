// Colour arithmetic shared by the style sheet build, the theme files and the tests.

/** "#rrggbb", "hsl(…)" or "rgb(…)" -> {r, g, b in 0..1, alpha}, or null for anything else. */
export function parseColour(text) {
  const value = text.replace(/\s+/g, '').toLowerCase();
  const hex = /^#([0-9a-f]{3}|[0-9a-f]{6})$/.exec(value);
  if (hex) {
    const full = hex[1].length === 3 ? [...hex[1]].map((digit) => digit + digit).join('') : hex[1];
    const [r, g, b] = [0, 2, 4].map((at) => parseInt(full.slice(at, at + 2), 16) / 255);
    return { r, g, b, alpha: 1 };
  }
  const parts = /^(rgb|hsl)a?\(([^)]+)\)$/.exec(value);
  if (!parts) return null;
  const numbers = parts[2].split(',');
  if (numbers.length < 3 || numbers.some((number) => Number.isNaN(parseFloat(number)))) return null;
  const alpha = numbers[3] === undefined ? 1 : parseFloat(numbers[3]);
  if (parts[1] === 'hsl') {
    const [hue, saturation, lightness] = numbers.map(parseFloat);
    return { ...fromHsl(hue, saturation / 100, lightness / 100), alpha };
  }
  const scale = (number) => (number.endsWith('%') ? parseFloat(number) / 100 : parseFloat(number) / 255);
  return { r: scale(numbers[0]), g: scale(numbers[1]), b: scale(numbers[2]), alpha };
}

function fromHsl(hue, saturation, lightness) {
  const amplitude = saturation * Math.min(lightness, 1 - lightness);
  const channel = (offset) => {
    const k = (offset + hue / 30) % 12;
    return lightness - amplitude * Math.max(-1, Math.min(k - 3, 9 - k, 1));
  };
  return { r: channel(0), g: channel(8), b: channel(4) };
}

/** Relative luminance, WCAG 2.1. */
export function luminance({ r, g, b }) {
  const linear = (channel) => (channel <= 0.03928 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
}

export function contrast(first, second) {
  const [light, dark] = [luminance(first), luminance(second)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

export function distance(a, b) {
  return Math.hypot(a.r - b.r, a.g - b.g, a.b - b.b);
}
