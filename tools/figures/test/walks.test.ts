/** docs/architecture.md names, for each of its walks, every file whose functions it really enters, in the order of first entry. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesOnPage, withFiles } from '../src/walk-page.ts';
import { goWalk, WALK_NAMES } from '../src/walks.ts';

const root = resolve(import.meta.dirname, '../../..');
const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8');
const PUT_RIGHT = 'put the page right: node tools/figures/dist/write-walks.js --write';

describe('docs/architecture.md', () => {
  it.each(WALK_NAMES)('names the files of the walk: %s', async (name) => {
    const entered = await goWalk(name);
    expect(filesOnPage(page, name), PUT_RIGHT).toEqual(entered);
    expect(page, PUT_RIGHT).toBe(withFiles(page, name, entered));
  });

  it('has a list for these walks and no other', () => {
    const marked = [...page.matchAll(/<!-- walk:(\S+) -->/g)].map(([, name]) => name);
    expect(marked).toEqual(WALK_NAMES);
  });
});

describe('a walk', () => {
  it('is the same when it is gone again', async () => {
    expect(await goWalk('returned')).toEqual(await goWalk('returned'));
  });

  it('passes the places that it is about', async () => {
    const passes: Readonly<Record<(typeof WALK_NAMES)[number], readonly string[]>> = {
      received: [
        'nic/src/receive/receive-loop',
        'vswitch/src/receive/receive',
        'guest/src/agent/guest-agent',
      ],
      sent: [
        'guest/src/port/frame-port',
        'vswitch/src/sending/guest-frames',
        'nic/src/transmit/transmit-unit',
      ],
      oid: [
        'ndis/src/oid/oids-receive-queue',
        'miniport/src/queues/queue-life',
        'nic/src/registers/register-bus',
      ],
      returned: ['vswitch/src/delivery/loaned-frames', 'miniport/src/datapath/receive-buffers'],
      migration: ['migration/src/source/source-session', 'migration/src/target/announcement'],
      explanation: ['nic/src/filter/compare-verdict', 'vswitch/src/explain/explain-switching'],
    };
    for (const name of WALK_NAMES) {
      const files = filesOnPage(page, name);
      const at = passes[name].map((file) => files.indexOf(`packages/${file}.ts`));
      expect(at, name).not.toContain(-1);
      expect(at, name).toEqual([...at].sort((x, y) => x - y));
    }
  });
});

describe('a list on the page', () => {
  const EMPTY = 'before\n<!-- walk:one -->\n<!-- /walk -->\nbetween\n<!-- walk:two -->\n<!-- /walk -->\n';
  const files = [...'abcdefghij'].flatMap((room) => [
    `packages/nic/src/${room}/a-rather-long-name.ts`,
    'packages/shared-memory/src/manager.ts',
    'packages/shared-memory/src/page-table.ts',
  ]);

  it('is read as it was written, and nothing beside it is touched', () => {
    const written = withFiles(EMPTY, 'two', files);
    expect(filesOnPage(written, 'two')).toEqual(files);
    expect(filesOnPage(written, 'one')).toEqual([]);
    expect(written.startsWith(EMPTY.slice(0, EMPTY.indexOf('<!-- walk:two')))).toBe(true);
    expect(withFiles(written, 'two', files)).toBe(written);
    for (const line of written.split('\n')) expect(line.length).toBeLessThanOrEqual(118);
  });

  it('shows a file that is missing, superfluous, or out of order', () => {
    const others = [files.slice(1), [...files, 'packages/nic/src/new/file.ts'], [...files].reverse()];
    for (const other of others) expect(filesOnPage(withFiles(EMPTY, 'one', other), 'one')).not.toEqual(files);
  });

  it('must have a place', () => {
    expect(() => filesOnPage(EMPTY, 'three')).toThrow('walk:three');
    expect(() => withFiles(EMPTY, 'three', files)).toThrow("'three'");
  });
});
