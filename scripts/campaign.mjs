/** `npm run campaign -- [--seed S | --seeds N [--from S]]`. Ctrl-C ends it and what it has started. */
import { runCompiled } from './compiled.mjs';

runCompiled('campaign', 'test/e2e/campaign/main.js', process.argv.slice(2));
