import preact from '@preact/preset-vite';
import { defineConfig } from 'vite';

const entries = ['home.tsx', 'chooser.ts', 'plain.ts', 'signin.tsx', 'profile.tsx', 'form.tsx', 'receipt.tsx', 'cases.tsx', 'case.tsx', 'payment.tsx', 'rating.tsx'];

export default defineConfig(({ isSsrBuild }) => ({
  plugins: [preact({ devToolsEnabled: false })],
  logLevel: 'warn',
  build: isSsrBuild
    ? { outDir: '.ssr', copyPublicDir: false, rollupOptions: { input: 'src/build.tsx' } }
    : {
        outDir: '.next',
        emptyOutDir: true,
        target: 'es2022',
        manifest: true,
        modulePreload: { polyfill: false },
        assetsInlineLimit: 0, // a data: URL for a font would break the content security policy
        rollupOptions: { input: entries.map((name) => `src/entries/${name}`) },
      },
}));
