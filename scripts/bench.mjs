/** `npm run bench -- NAME [--flag value …]`: compiles the benchmark `bench/NAME.ts` and runs it. */
import { existsSync, readdirSync } from 'node:fs';
import { runCompiled } from './compiled.mjs';

const [name, ...rest] = process.argv.slice(2);
if (name === undefined || !existsSync(`bench/${name}.ts`)) {
  const names = readdirSync('bench').flatMap((file) => /^([a-z]+)\.ts$/.exec(file)?.[1] ?? []);
  process.stderr.write(`usage: npm run bench -- ${names.join(' | ')} [--flag value …]\n`);
  process.exit(2);
}
runCompiled('bench', `bench/${name}.js`, rest);
