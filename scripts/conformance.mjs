/** `npm run conformance`: reads every recorded table and prints what came of it, by feature. */
import { runCompiled } from './compiled.mjs';

runCompiled('conformance', 'test/golden/conformance.js', process.argv.slice(2));
