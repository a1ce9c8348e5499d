// axe leaves some contrasts undecided (text over gradients, pseudo elements): the sum is finished here from computed
// styles, against the nearest opaque background.
import type { Page } from '@playwright/test';

interface Incomplete {
  id: string;
  nodes: { target: unknown[] }[];
}

export async function finishContrast(page: Page, incomplete: Incomplete[]): Promise<string[]> {
  const targets = incomplete.filter((item) => item.id === 'color-contrast').flatMap((item) => item.nodes.map((node) => String(node.target.at(-1))));
  return page.evaluate((selectors) => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })!;
    const pixel = (colour: string): number[] => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const luminance = ([r, g, b]: number[]): number => {
      const linear = (channel: number) => (channel / 255 <= 0.03928 ? channel / 255 / 12.92 : ((channel / 255 + 0.055) / 1.055) ** 2.4);
      return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    };
    const background = (element: Element): number[] => {
      for (let at: Element | null = element; at; at = at.parentElement) {
        const colour = pixel(getComputedStyle(at).backgroundColor);
        if (colour[3] > 250) return colour;
      }
      return [255, 255, 255, 255];
    };
    const poor: string[] = [];
    for (const selector of selectors) {
      const element = document.querySelector(selector);
      if (!element) continue;
      const style = getComputedStyle(element);
      const [light, dark] = [luminance(pixel(style.color)), luminance(background(element))].sort((a, b) => b - a);
      const ratio = (light + 0.05) / (dark + 0.05);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      if (ratio < (large ? 3 : 4.5)) poor.push(`${selector} ${ratio.toFixed(2)}`);
    }
    return poor;
  }, targets);
}
