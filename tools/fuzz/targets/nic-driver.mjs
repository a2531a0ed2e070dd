// A driver that writes whatever it likes: every register, ring bases and lengths, doorbells, filters, the MSI-X table,
// descriptors of any content, in host memory of which the device may reach a part; with frames from the wire meanwhile.
//
// Two machines get the same, with other bytes on the pages the device must not read. Their registers and what goes out on
// the wire must be the same, and no page the device must not write may change.
import { edge } from '../bytes.mjs';
import { digest } from '../guard.mjs';

const HOST_BYTES = 1 << 17;
const PAGE = 4096;
const PAGES = HOST_BYTES / PAGE;
/** Turns of the device for one write. */
const MOST_TURNS = 2000;

export const nicDriver = {
  name: 'nic-driver',
  about: 'registers, rings and descriptors of the NIC as a hostile driver writes them',
  modules: { machine: 'machine/index', nic: 'nic/index' },
  perSession: 2000,
  open({ machine: m, nic }, random, note) {
    const profile = nic.nicProfile(random.pick(['netvmini', 'netvmini', 'vmq-nic', 'i350']));
    const { REG } = nic;
    // Rights per page: none, read, write, both. The first pages are the driver's own and readable in any case.
    const rights = Array.from({ length: PAGES }, (_, page) => (page < 8 ? 3 : random.below(4)));
    const [first, second] = random.pick([
      [0x00, 0xff],
      [0x5a, 0xa5],
    ]);
    const makeSide = (canary) => {
      const clock = m.createVirtualClock();
      const machine = m.createMachine({
        hostMemoryBytes: HOST_BYTES,
        processors: 2,
        agents: ['nic'],
        dropReasons: nic.NIC_DROP_REASONS,
        clock,
      });
      const bar = nic.createNicBar(machine, { profile });
      const vm = machine.memory.addSegment('vm:a', 4 * PAGE);
      const domain = m.createDmaDomain('nic', machine.memory);
      domain.setRights(0, 0, HOST_BYTES, 0);
      rights.forEach((right, page) => {
        domain.setRights(0, page * PAGE, PAGE, right);
      });
      domain.setRights(vm.id, PAGE, PAGE, 3);
      const rx = m.createFrameRing(64, 1 << 16);
      const tx = m.createFrameRing(64, 1 << 17);
      const executor = m.createDeterministicExecutor(machine, clock, {
        factories: { nic: nic.createNicAgent },
      });
      executor.start([
        { name: 'nic', factory: 'nic', data: { profile, bar: bar.id, dma: domain.image(), rx, tx } },
      ]);
      const wake = () => machine.board.wake(machine.agent('nic'));
      const host = machine.memory.host;
      const isReadable = (page) => (rights[page] & m.DMA_READ) !== 0;
      const isWritable = (page) => (rights[page] & m.DMA_WRITE) !== 0;
      for (let page = 0; page < PAGES; page++)
        if (!isReadable(page)) host.u8.fill(canary, page * PAGE, (page + 1) * PAGE);
      vm.u8.fill(canary);
      vm.u8.fill(0x11, PAGE, 2 * PAGE);
      const kept = host.u8.slice();
      const side = {
        machine,
        executor,
        host,
        bar,
        wake,
        registers: nic.attachNicRegisters(bar, wake),
        wire: new m.FrameProducer(rx),
        out: new m.FrameConsumer(tx),
        clock,
      };
      /** A driver's write: never to the pages that tell whether the device read or wrote. */
      side.put = (word, value) => {
        const page = (word * 4) >>> 12;
        if (page < PAGES && isReadable(page) && isWritable(page)) host.i32[word] = value;
      };
      side.check = () => {
        for (let page = 0; page < PAGES; page++) {
          if (isWritable(page)) continue;
          const now = Buffer.from(host.buffer, page * PAGE, PAGE);
          if (!now.equals(Buffer.from(kept.buffer, page * PAGE, PAGE)))
            throw new Error(`page ${page}, which the device may not write, was written`);
        }
        for (const page of [0, 2, 3])
          if (!Buffer.from(vm.buffer, page * PAGE, PAGE).equals(Buffer.alloc(PAGE, canary)))
            throw new Error(`page ${page} of the VM, which the device may not write, was written`);
      };
      /** What is to be the same on both sides: registers, and pages that can be read and written by all. */
      side.digest = () => {
        let hash = digest(host.i32.subarray(0, (8 * PAGE) >> 2));
        hash = digest(bar.i32.subarray(0, 0x1400 >> 2), hash);
        return digest(bar.i32.subarray(0xf000 >> 2, 0xf200 >> 2), hash);
      };
      return side;
    };
    const sides = [makeSide(first), makeSide(second)];
    const registers = nic.NIC_REGISTERS;
    let lastConfig = 0;

    /** An address: the driver's own pages, any page, beyond the end. */
    const address = (random) => {
      const kind = random.below(8);
      if (kind < 4) return random.below(8 * PAGE) & ~15;
      if (kind < 6) return random.below(HOST_BYTES);
      return kind === 6 ? (HOST_BYTES - random.below(64)) >>> 0 : edge(random);
    };
    /** Half of the rings begin at one of a few places, where half of the descriptors are written. */
    const ring = (random) => (random.once(2) ? random.below(8) * 0x400 : address(random));
    const ringLength = (random) => (random.once(8) ? edge(random) : 2 << random.below(6));
    const queueOf = (random) => random.below(4);

    const plan = (random) => {
      const queue = queueOf(random);
      if (random.once(12)) return nearlySound(random, queue);
      const kind = random.below(16);
      if (kind < 2) {
        const base = REG.RDBASE + queue * nic.RX_QUEUE_STRIDE;
        const at = (register) => base + register - REG.RDBASE;
        const control = random.once(6)
          ? edge(random)
          : 1 | (random.below(32) << 0) | (random.pick([0, 64, 128, 300]) << 16);
        return {
          do: 'registers',
          writes: [
            [at(REG.RXCTL), random.once(2) ? 0 : control],
            [at(REG.RDBASE), ring(random)],
            [at(REG.RDSEG), random.once(16) ? edge(random) : 0],
            [at(REG.RDLEN), ringLength(random)],
            [at(REG.RCBASE), address(random)],
            [at(REG.RSBASE), address(random) & (random.once(8) ? -1 : ~3)],
            [at(REG.RXBUF), random.once(4) ? edge(random) : 2048 | (256 << 16)],
            [at(REG.RXENTRY), random.once(4) ? edge(random) : random.below(4)],
            [at(REG.RXITR), random.once(8) ? edge(random) : 0],
            [at(REG.RXCTL), control],
            [at(REG.RDT), random.once(4) ? edge(random) : random.below(128)],
          ],
        };
      }
      if (kind < 4) {
        const base = REG.TDBASE + queue * nic.TX_QUEUE_STRIDE;
        const at = (register) => base + register - REG.TDBASE;
        return {
          do: 'registers',
          writes: [
            [at(REG.TXCTL), random.once(2) ? 0 : 1],
            [at(REG.TDBASE), ring(random)],
            [at(REG.TDLEN), ringLength(random)],
            [at(REG.TSBASE), address(random) & ~3],
            [at(REG.TXCTL), 1],
            [at(REG.TDT), random.once(4) ? edge(random) : random.below(128)],
          ],
        };
      }
      if (kind === 4) {
        const slot = random.below(16);
        return {
          do: 'registers',
          writes: [
            [REG.FLTLO + slot * 16, random.once(4) ? edge(random) : 0x00155d00],
            [REG.FLTHI + slot * 16, random.below(4)],
            [
              REG.FLTVLAN + slot * 16,
              random.once(4) ? edge(random) : (random.below(3) << 16) | random.below(3),
            ],
            [REG.FLTQ + slot * 16, random.once(4) ? edge(random) : (0x80000000 | random.below(6)) >>> 0],
          ],
        };
      }
      if (kind === 5) {
        const { offset, count, stride } = random.pick(registers);
        const at = offset + random.below(count) * stride;
        return { do: 'registers', writes: [[at, edge(random)]] };
      }
      if (kind === 6) {
        const at = REG.MSIXADDRLO + random.below(8) * 16;
        const target = random.once(3) ? edge(random) : 0xfee00000 + random.below(3) * 4096;
        return {
          do: 'registers',
          writes: [
            [at, target],
            [at + 8, edge(random)],
            [at + 12, random.below(2)],
          ],
        };
      }
      if (kind < 10) {
        const words = [];
        const at = (random.once(2) ? ring(random) + random.below(16) * 16 : random.below(HOST_BYTES)) >>> 4;
        for (let n = 1 + random.below(8); n > 0; n--) {
          const segment = random.once(5) ? edge(random) & 0xffff : random.once(4) ? 2 : 0;
          const flags = random.below(8) << 16;
          const length = random.once(3) ? edge(random) : 14 + random.below(1600);
          if (random.once(2)) words.push(address(random), segment | flags, length, edge(random));
          else words.push(address(random), segment, address(random), random.once(4) ? edge(random) : segment);
        }
        return { do: 'descriptors', at: at * 4, words };
      }
      if (kind < 12) {
        const bell = random.once(2)
          ? REG.RDT + queue * nic.RX_QUEUE_STRIDE
          : REG.TDT + queue * nic.TX_QUEUE_STRIDE;
        return { do: 'registers', writes: [[bell, random.once(4) ? edge(random) : random.below(256)]] };
      }
      if (kind === 12)
        return {
          do: 'registers',
          writes: [
            [REG.RCTL, random.below(64)],
            [REG.MFS, random.once(2) ? edge(random) : 1514],
          ],
        };
      const frames = [];
      for (let n = 1 + random.below(8); n > 0; n--) {
        const length = random.once(6) ? random.below(1700) : 60 + random.below(200);
        const tagged = random.once(2);
        const group = random.once(4) ? random.pick([0xff, 1]) : 0;
        frames.push([length, group, random.below(4), tagged ? random.below(4) : -1]);
      }
      return { do: 'frames', frames };
    };

    /** A transmit queue begun anew with four frames in its ring; sometimes one word of them is wrong. */
    const nearlySound = (random, queue) => {
      const base = random.below(8) * 0x400;
      const words = [];
      for (let n = 0; n < 4; n++)
        words.push(
          0x4000 + random.below(0x3000),
          (1 | (random.below(2) << 1)) << 16,
          14 + random.below(1500),
          5,
        );
      if (random.once(2)) words[random.below(16)] = edge(random);
      const at = (register) => register + queue * nic.TX_QUEUE_STRIDE;
      return {
        do: 'sound',
        at: base >> 2,
        words,
        stop: [[at(REG.TXCTL), 0]],
        start: [
          [at(REG.TDBASE), base],
          [at(REG.TDSEG), 0],
          [at(REG.TDLEN), 4],
          [at(REG.TSBASE), 0x7000 + queue * 64],
          [at(REG.TXCTL), 1],
          [at(REG.TDT), 4],
        ],
      };
    };

    const configure = (side, writes) => {
      for (const [offset, value] of writes) side.registers.write32(offset, value);
      lastConfig = (lastConfig + 1) >>> 0;
      side.registers.write32(REG.CTRL, 6);
      side.registers.write32(REG.CFGREQ, lastConfig);
      for (let n = 0; n < 50 && side.machine.board.looksPending(side.machine.agent('nic')); n++)
        side.executor.step();
    };

    const act = (side, step) => {
      const { registers, wire, executor } = side;
      if (step.do === 'sound') {
        configure(side, step.stop);
        step.words.forEach((word, i) => {
          side.put(step.at + i, word);
        });
        configure(side, step.start);
      } else if (step.do === 'registers') {
        for (const [offset, value] of step.writes) registers.write32(offset, value);
        if ((step.writes[0][0] & 4) === 0) registers.write32(REG.CTRL, 6);
        registers.write32(REG.CFGREQ, lastConfig);
      } else if (step.do === 'descriptors') {
        step.words.forEach((word, i) => {
          side.put(step.at + i, word);
        });
      } else {
        for (const [length, group, mac, vlan] of step.frames) {
          const at = wire.reserve(Math.max(length, 64));
          if (at < 0) break;
          wire.u8.fill(0, at, at + length);
          wire.u8.set(group === 0xff ? [255, 255, 255, 255, 255, 255] : [group, 0x15, 0x5d, 0, 0, mac], at);
          if (vlan >= 0) wire.u8.set([0x81, 0, 0, vlan], at + 12);
          wire.commit(at, length, 0);
        }
        wire.publish();
        side.wake();
      }
      const turns = executor.turns;
      for (let n = 0; n < MOST_TURNS && side.machine.board.looksPending(side.machine.agent('nic')); n++)
        executor.step();
      if (executor.turns - turns >= MOST_TURNS)
        throw new Error(`the device is not at rest after ${MOST_TURNS} turns`);
      // Whoever listens on the wire takes everything, and looks at it.
      const sent = [];
      const waiting = side.out.available();
      for (let i = 0; i < waiting; i++) {
        const offset = side.out.offsetOf(i);
        const length = side.out.lengthOf(i);
        if (length < 60 || length > profile.maxFrameBytes + 4)
          throw new Error(`a frame of ${length} bytes was sent`);
        sent.push(digest(side.out.u8.subarray(offset, offset + length), length));
      }
      side.out.release(waiting);
      if (waiting > 0) side.wake();
      return sent;
    };

    let turn = 0;
    return {
      one(random) {
        const step = plan(random);
        note(JSON.stringify(step));
        lastConfig = (lastConfig + 1) >>> 0;
        const before = lastConfig;
        const [a, b] = sides.map((side) => {
          lastConfig = before;
          return act(side, step);
        });
        if (digest(a) !== digest(b)) throw new Error('what the device may not read went out on the wire');
        if ((++turn & 15) === 0) {
          for (const side of sides) side.check();
          if (sides[0].digest() !== sides[1].digest())
            throw new Error('what the device may not read changed what it does');
        }
        return a.length > 0 ? 'frames sent' : step.do;
      },
      close() {
        for (const side of sides) side.check();
      },
    };
  },
};
