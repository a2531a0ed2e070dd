/** Events in words, for a report that somebody has to read. */
import type { ReferenceEvent } from '../reference/reference-event.ts';
import type { Frame, Request } from '../reference/vocabulary.ts';

export function describeEvent(event: ReferenceEvent): string {
  switch (event.type) {
    case 'request':
      return describeRequest(event.request);
    case 'frames':
      return `${event.racing ? 'frames under way' : 'frames'}: ${event.frames.map(describeFrame).join(', ')}`;
    case 'return':
      return `the protocols return frames ${event.numbers.join(' ')}`;
    case 'memory':
      return event.available ? 'shared memory is there again' : 'shared memory runs out';
    case 'capabilities':
      return event.queues === 0
        ? 'the current set is withdrawn'
        : `the current set has ${event.queues} VM queues`;
    case 'pause':
      return 'the adapter is paused';
    case 'restart':
      return 'the adapter is restarted';
    case 'reopen':
      return 'B closes and binds again';
    case 'settle':
      return 'the machine comes to rest';
  }
}

function describeFrame({ number, destination, vlan, hold }: Frame): string {
  return `${number} to ${destination}${vlan === null ? '' : ` VLAN ${vlan}`}${hold ? ' (kept)' : ''}`;
}

function describeRequest({ caller, kind, body, input, output, room }: Request): string {
  const { oid, ...rest } = body;
  const members = Object.entries(rest).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  const spoilt = [
    input === 'short' ? 'input too short' : '',
    output === 'short' ? 'output too short' : '',
    room === null ? '' : `with ${room} bytes`,
  ].filter((text) => text !== '');
  return `${caller}: ${oid} (${kind}) ${[...members, ...spoilt].join(', ')}`;
}
