/**
 * Section 6 of the requirements, copied as it stands there: STA-01 to STA-13 and STA-16.
 */
import { NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE } from '@vmq/abi';
import type { Letter } from './vocabulary.ts';

const TABLE = `
| STA-01 | allocate                    | A | . | . | . | . | . | . |
| STA-02 | parameters, method          | . | A | S | R | P | . | . |
| STA-03 | parameters, set             | . | A | S | R | P | . | . |
| STA-04 | set filter                  | . | S | S | R | R | . | . |
| STA-05 | clear filter, last          | . | . | A | P | . | . | . |
| STA-06 | clear filter, not last      | . | . | S | R | . | . | . |
| STA-07 | enum filters                | . | A | S | R | P | . | . |
| STA-08 | filter parameters           | . | . | S | R | . | . | . |
| STA-09 | allocation complete         | . | P | R | . | . | . | . |
| STA-10 | receive frame               | . | . | . | R | . | . | . |
| STA-11 | free queue                  | . | D | . | . | D | . | . |
| STA-12 | DMA stopped and indicated   | . | . | . | . | . | F | . |
| STA-13 | NBLs back, resources freed  | . | . | . | . | . | . | U |
`;

const COLUMNS: readonly Letter[] = ['U', 'A', 'S', 'R', 'P', 'D', 'F'];
const rows = new Map<string, string[]>();
for (const line of TABLE.trim().split('\n')) {
  const [rule, , ...cells] = line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
  rows.set(rule, cells);
}

/** The state after the event of row `rule`, or null where the table has a dot. */
export function nextState(rule: string, state: Letter): Letter | null {
  const cell = rows.get(rule)?.[COLUMNS.indexOf(state)];
  if (cell === undefined) throw new Error(`the state table has no row ${rule}`);
  return cell === '.' ? null : (cell as Letter);
}

/** STA-16. */
export function reportedState(state: Letter): number {
  if (state === 'R') return NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE.NdisReceiveQueueOperationalStateRunning;
  if (state === 'D' || state === 'F')
    return NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE.NdisReceiveQueueOperationalStateDmaStopped;
  return NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE.NdisReceiveQueueOperationalStatePaused;
}
