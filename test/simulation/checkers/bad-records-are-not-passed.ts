import { letterKey } from '../world/dead-letters.js';
import { pathOf, type World } from '../world/world.js';
import { rangesOf } from './ranges-tile.js';

/**
 * No commit passes a record that cannot be read, unless the record has been put aside before: without tolerance the table
 * stands at it for good.
 */
export function badRecordsAreNotPassed(world: World): void {
  for (const { table, topic, partition, offset } of world.badRecords) {
    const asideMs = world.letters.get(letterKey({ topic, partition, offset }));
    for (const commit of world.log.commits(pathOf(table))) {
      const passes = rangesOf(commit).some(
        (range) =>
          range.topic === topic &&
          range.partition === partition &&
          range.base <= offset &&
          offset < range.next,
      );
      if (passes && (asideMs === undefined || asideMs > commit.atMs))
        world.violate(
          'bad records are not passed',
          `${table.name} version ${commit.version} passes ${topic}:${partition} ${offset}`,
        );
    }
  }
}
