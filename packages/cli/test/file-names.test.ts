import { describe, expect, it } from 'vitest';
import { fileNames } from '../src/output/file-names.ts';

describe('output file names', () => {
  it('are the VM names, never a path', () => {
    expect(fileNames(['web', 'db 1', '../etc/passwd', '.hidden', 'größe'])).toEqual([
      'web.pcapng',
      'db_1.pcapng',
      '_._etc_passwd.pcapng',
      '_hidden.pcapng',
      'größe.pcapng',
    ]);
  });

  it('differ even where the file system ignores case', () => {
    expect(fileNames(['a/b', 'a_b', 'A_B', 'a_b-2'])).toEqual([
      'a_b.pcapng',
      'a_b-2.pcapng',
      'A_B-3.pcapng',
      'a_b-2-2.pcapng',
    ]);
  });
});
