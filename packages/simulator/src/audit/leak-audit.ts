/** What is left of a host: of good guests' sections at rest, and of everything when its adapter is Halted. */
import type { Host } from '@vmq/host';
import { fail } from './simulation-failure.ts';

/** With the machine at rest: the sections of good guests are all accounted for. */
export function checkSections({ virtualSwitch }: Host, good: ReadonlySet<string>): void {
  for (const { vmName, channel } of virtualSwitch.inspect().ports) {
    if (channel === null || !good.has(vmName)) continue;
    const { receiveSections, freeSections, loanedSections, outstandingMessages, violations } = channel;
    if (freeSections + loanedSections !== receiveSections || outstandingMessages !== 0)
      fail(
        'one owner of each section',
        `${vmName}: of ${receiveSections} sections ${freeSections} are free and ${loanedSections} loaned, ${outstandingMessages} messages are outstanding`,
      );
    const [violation] = Object.keys(violations);
    if (violation !== undefined) fail('books agree', `${vmName} is good, and is charged with ${violation}`);
  }
}

/** With all VMs gone and the adapter Halted: nothing is left of either. */
export function checkNothingLeft({ config, adapter, sharedMemory, virtualSwitch }: Host): void {
  const leak = (text: string): never => fail('nothing leaks', `${config.name}: ${text}`);
  if (adapter.state !== 'Halted') leak(`the adapter is ${adapter.state}`);
  const { outstanding, msixEntries, queues, filters } = adapter.inspect();
  if (queues.length > 0 || filters.length > 0) leak(`${queues.length} queues, ${filters.length} filters`);
  if (msixEntries.length > 0) leak(`${msixEntries.length} MSI-X entries are in use`);
  if (outstanding.receives !== 0 || outstanding.sends !== 0) leak('NBLs are under way');
  const kept = new Set(virtualSwitch.sendBlocks.map(({ handle }) => handle));
  for (const { handle, owner, usage } of sharedMemory.blocks()) {
    if (!kept.has(handle)) leak(`block ${handle} of ${owner}, usage ${usage}`);
  }
  const ports = virtualSwitch.inspect().ports.filter(({ port }) => port !== 0);
  if (ports.length > 0) leak(`ports ${ports.map(({ port }) => port).join(', ')}`);
}
