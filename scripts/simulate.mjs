/** `npm run simulate -- [--seeds N] [--from S] [--seed S] [--trace] …` and `npm run breakages -- …`. */
import { runCompiled } from './compiled.mjs';

const [command, ...rest] = process.argv.slice(2);
const file = command === 'breakages' ? 'breakages/breakages.js' : 'main.js';
runCompiled('simulation', `test/simulation/${file}`, rest);
