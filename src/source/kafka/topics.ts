import { SluiceError } from '../../base/errors.js';
import type { KafkaAdmin } from '../../kafka/admin.js';

/** Topics by name, and by pattern. A pattern means every topic that it matches anywhere, as `RegExp.test` does. */
export type TopicChoice = readonly (string | RegExp)[];

/** What a choice means now. */
export type ChosenTopics = {
  /** Those that exist, sorted. A pattern may match none, its topics may come later. */
  readonly topics: readonly string[];
  /** Names that no topic has. */
  readonly missing: readonly string[];
};

export async function chosenTopics(
  choice: TopicChoice,
  admin: KafkaAdmin,
  signal: AbortSignal,
): Promise<ChosenTopics> {
  const existing = await admin.topics(signal);
  const chosen = new Set<string>();
  const missing: string[] = [];
  for (const wanted of choice) {
    if (typeof wanted !== 'string') {
      // A pattern with the flag g or y remembers where it stopped.
      const pattern = new RegExp(wanted.source, wanted.flags.replace(/[gy]/g, ''));
      for (const topic of existing) if (pattern.test(topic)) chosen.add(topic);
    } else if (existing.includes(wanted)) {
      chosen.add(wanted);
    } else {
      missing.push(wanted);
    }
  }
  return { topics: [...chosen].sort(), missing };
}

/** The error for patterns that match nothing where waiting makes no sense. */
export function noTopicMatches(choice: TopicChoice): SluiceError {
  return new SluiceError('TOPIC_NOT_FOUND', `no topic matches ${choice.map(String).join(', ')}`, {
    hint: 'Create the topics, or correct the pattern.',
  });
}
