/** `npm run fuzz -- [--seeds N] [--from S] [--seed S] [--workers N]`: damages tables and reads them. */
import { runCompiled } from './compiled.mjs';

runCompiled('fuzz', 'test/fuzz/main.js', process.argv.slice(2));
