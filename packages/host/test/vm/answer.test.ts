import { FrameLayout, summarize, verifyFrameChecksums } from '@vmq/wire';
import { describe, expect, it } from 'vitest';
import { checkHostConfig, createHost, type Host } from '../../src/index.ts';
import { arpRequest, echoRequest } from '../frames.test-support.ts';

const CLIENT = '02-00-5E-00-00-21';
const WEB = '00-15-5D-00-00-01';
const DB = '00-15-5D-00-00-02';

function answeringHost(vmq = true): Host {
  const checked = checkHostConfig({
    processors: 2,
    vmq,
    vms: [
      { name: 'web', mac: WEB, addresses: ['10.0.0.1'], answer: true },
      { name: 'db', mac: DB, addresses: ['10.0.0.2'], answer: true, vlan: 100 },
    ],
  });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return createHost(checked.config, { record: true });
}

/** Puts a frame on the wire and returns what comes back there. */
function exchange(host: Host, request: Uint8Array): Uint8Array[] {
  expect(host.wire.send(request, 0, request.length)).toBeGreaterThan(0);
  host.wire.flush();
  host.runUntilIdle();
  const replies: Uint8Array[] = [];
  host.wire.receive((bytes, offset, length) => replies.push(bytes.slice(offset, offset + length)));
  return replies;
}

const words = (bytes: Uint8Array | undefined): string =>
  bytes ? summarize(bytes, 0, bytes.length) : 'nothing';

describe.each([true, false])('a guest that answers, VMQ %s', (vmq) => {
  it('answers ARP and ICMP echo from the wire, through switch, NDIS, miniport and NIC', async () => {
    const host = answeringHost(vmq);
    const arp = exchange(host, arpRequest(CLIENT, '10.0.0.99', '10.0.0.1'));
    expect(arp.map(words)).toEqual([expect.stringMatching(/ARP.*10\.0\.0\.1 is-at 00-15-5D-00-00-01/i)]);
    const echo = exchange(host, echoRequest(CLIENT, WEB, '10.0.0.99', '10.0.0.1', 56));
    expect(echo.map(words)).toEqual([expect.stringMatching(/10\.0\.0\.1 > 10\.0\.0\.99.*ICMP.*echo.reply/i)]);
    const pong = echo[0];
    expect([...pong.subarray(-56)]).toEqual(Array.from({ length: 56 }, (_, i) => i));
    expect(verifyFrameChecksums(pong, new FrameLayout().of(pong, 0, pong.length)) & 0x2a).toBe(0);
    const { ledger } = host.inspect();
    expect(ledger).toMatchObject({ receivedFromWire: 2, receivedFromGuests: 2, inFlight: 0 });
    expect(ledger.ends).toEqual({ delivered: 2, transmitted: 2, dropped: {} });
    await host.stop();
  });

  it('SW-18 TX-07 puts the tag of its access VLAN on the wire, and pads what is short', async () => {
    const host = answeringHost(vmq);
    const [reply] = exchange(host, arpRequest(CLIENT, '10.0.0.99', '10.0.0.2', 100));
    expect(reply?.subarray(12, 16)).toEqual(Uint8Array.of(0x81, 0, 0, 100));
    expect(reply?.length).toBeGreaterThanOrEqual(60);
    await host.stop();
  });

  it('answers nobody in another VLAN', async () => {
    const host = answeringHost(vmq);
    expect(exchange(host, arpRequest(CLIENT, '10.0.0.99', '10.0.0.2'))).toEqual([]);
    expect(exchange(host, arpRequest(CLIENT, '10.0.0.99', '10.0.0.1', 100))).toEqual([]);
    expect(host.inspect().conservation).toBe(true);
    await host.stop();
  });
});
