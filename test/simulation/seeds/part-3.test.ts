import { describePart } from './part.js';

describePart(3);
