import { describePart } from './part.js';

describePart(1);
