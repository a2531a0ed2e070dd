// What the device writes back, damaged on its way: receive completions and heads, transmit heads, as the miniport reads
// them while frames come and go. The miniport believes none of it more than it must: no exception, no endless turn, no
// frame that ends twice.
//
// The last of these is asked only where one kind of word is damaged in a session: who forges an entry and the head as
// well makes a frame of nothing, and there is nothing left to tell it by.
import { edge } from '../bytes.mjs';

const MOST_TURNS = 20_000;
const MACS = [1, 2, 3];

export const nicCompletions = {
  name: 'nic-completions',
  about: 'receive completions, heads and transmit heads as the miniport reads them',
  modules: { host: 'host/create-host', config: 'host/check-config', nic: 'nic/index' },
  perSession: 1000,
  open({ host: hosts, config, nic }, random, note) {
    const { REG } = nic;
    const split = random.once(3);
    /** What is damaged in this session: completions, receive heads, transmit heads, or all of them. */
    const [low, high, what] = random.pick([
      [0, 5, 'completions'],
      [5, 7, 'receive heads'],
      [7, 8, 'transmit heads'],
      [0, 8, 'all'],
    ]);
    const checked = config.checkHostConfig({
      processors: 2,
      seed: random.next() >>> 1,
      ndisVersion: split ? '6.20' : '6.30',
      nic: { receiveBuffers: 32 },
      maxVms: 3,
      vms: MACS.map((mac) => ({ name: `vm${mac}`, mac: `00-15-5D-00-00-0${mac}`, answer: true })),
    });
    if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
    const host = hosts.createHost(checked.config, { record: true });
    const bar = host.machine.memory.segments.find(({ name }) => name === 'nic').i32;
    const memory = host.machine.memory.host.i32;
    const { executor } = host;
    const frame = new Uint8Array(400);
    const word = (register, queue, stride) => bar[(register + queue * stride) >> 2];
    return {
      one(random) {
        const queue = random.below(4);
        const damage = [];
        for (let n = random.below(3); n > 0; n--) {
          const kind = low + random.below(high - low);
          if (kind < 5) {
            const base = word(REG.RCBASE, queue, nic.RX_QUEUE_STRIDE);
            const head = word(REG.RDH, queue, nic.RX_QUEUE_STRIDE);
            const entry = random.once(2) ? head - 1 + random.below(3) : random.next();
            damage.push([(base >> 2) + (entry & 31) * 4 + random.below(4), random.once(2), edge(random)]);
          } else if (kind < 7)
            damage.push([word(REG.RSBASE, queue, nic.RX_QUEUE_STRIDE) >> 2, random.once(2), edge(random)]);
          else damage.push([word(REG.TSBASE, queue, nic.TX_QUEUE_STRIDE) >> 2, random.once(2), edge(random)]);
        }
        const frames = Array.from({ length: random.below(5) }, () => [
          random.pick([...MACS, 255]),
          60 + random.below(200),
        ]);
        const turns = random.below(12);
        note(JSON.stringify({ queue, damage, frames, turns, split }));
        for (const [mac, length] of frames) {
          frame.fill(mac);
          frame.set(mac === 255 ? [255, 255, 255, 255, 255, 255] : [0x00, 0x15, 0x5d, 0, 0, mac]);
          frame.set([2, 0, 0, 0, 0, 9, 8, 0], 6);
          host.wire.send(frame, 0, length);
        }
        host.wire.flush();
        for (let n = 0; n < turns; n++) executor.step();
        for (const [at, flip, value] of damage)
          if (at > 0) memory[at] = flip ? memory[at] ^ (1 << (value & 31)) : value;
        for (let n = 0; executor.step(); n++)
          if (n > MOST_TURNS) throw new Error(`not at rest after ${MOST_TURNS} turns`);
        for (const mac of MACS)
          host.takeReceived(`vm${mac}`, ({ length }) => {
            if (!(length >= 14 && length <= 1514)) throw new Error(`a frame of ${length} bytes`);
          });
        const { ledger } = host.inspect();
        if (ledger.inFlight < 0 && high - low < 8)
          throw new Error(`more frames ended than came: ${JSON.stringify(ledger)}`);
        return damage.length === 0 ? 'as it was' : `damaged: ${what}`;
      },
      async close() {
        await host.stop();
      },
    };
  },
};
