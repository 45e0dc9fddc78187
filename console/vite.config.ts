import { defineConfig } from "vite";

// Four files with fixed names, because the server embeds each by its name. No map and no hash: the same sources make the same bytes.
export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "none" },
  build: {
    target: "es2022",
    outDir: "dist",
    emptyOutDir: true,
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    reportCompressedSize: true,
    rollupOptions: {
      output: {
        entryFileNames: "console.js",
        assetFileNames: "console[extname]",
        inlineDynamicImports: true,
      },
    },
  },
  // `npm run dev` beside a server on its usual port.
  server: { proxy: { "/v1": { target: "http://127.0.0.1:8080", ws: true }, "/readyz": "http://127.0.0.1:8080" } },
});
