import { planOf, type PlanChanges } from './plan.js';
import { simulate, type Outcome } from './simulate.js';

/** The shortest failing history that was found, and how to play it again. */
export type Shrunk = { readonly changes: PlanChanges; readonly outcome: Outcome; readonly tries: number };

/**
 * Looks for a shorter history that fails the same check: switches off one kind after another, then takes fewer
 * transactions, as long as anything gets shorter.
 */
export async function shrink(
  seed: number,
  changes: PlanChanges,
  failed: Outcome,
  tries = 150,
): Promise<Shrunk> {
  const checker = failed.violations[0]?.checker;
  let best: Shrunk = { changes, outcome: failed, tries: 0 };
  let count = 0;
  const attempt = async (candidate: PlanChanges): Promise<boolean> => {
    if (count >= tries) return false;
    count++;
    const outcome = await simulate(planOf(seed, candidate), { trace: true });
    if (outcome.violations[0]?.checker !== checker) return false;
    best = { changes: candidate, outcome, tries: count };
    return true;
  };
  await attempt(changes);
  for (let shorter = true; shorter;) {
    shorter = false;
    for (const kind of planOf(seed, best.changes).kinds) {
      if (await attempt({ ...best.changes, without: [...(best.changes.without ?? []), kind] }))
        shorter = true;
    }
    for (const share of [0.5, 0.75, 0.9]) {
      const { transactions } = planOf(seed, best.changes);
      const fewer = Math.min(transactions - 1, Math.floor(transactions * share));
      if (fewer >= 1 && (await attempt({ ...best.changes, transactions: fewer }))) {
        shorter = true;
        break;
      }
    }
  }
  return { ...best, tries: count };
}
