/** What most programs are made of. */
import type { HostileProgram } from './behaviour.ts';
import { type GuestReach, goodHeader, PACKET_BYTES } from './guest-reach.ts';

/** Turns of misbehaviour in a program that leaves the channel alive; below the violations that a channel survives. */
export const BOUTS = 24;

/** Where hostile guests send frames that are nobody's: to the wire. */
export const NOBODY: Uint8Array = Uint8Array.of(0x02, 0xba, 0xd0, 0, 0, 1);

/** From here on an ordinary driver that takes what it is given. */
export function* behave(guest: GuestReach): HostileProgram {
  for (;;) {
    guest.serve();
    guest.signal();
    yield false;
  }
}

/** A sound frame to the wire, from section `n` (around the end of the send buffer). */
export function sendGoodFrame(guest: GuestReach, n: number, mark: number): void {
  const section = guest.sectionNumber(n);
  guest.header(section, goodHeader(60));
  guest.frame(section, 60, NOBODY, guest.mac, mark);
  guest.send(0, section, 124);
}

/** `act` once a turn, between sound frames, so that the host goes on reading; then an ordinary driver. */
export function* inBouts(guest: GuestReach, act: (bout: number) => void): HostileProgram {
  for (let bout = 0; bout < BOUTS; ) {
    guest.serve();
    if (guest.toHost.room > 16 * PACKET_BYTES) {
      act(bout);
      sendGoodFrame(guest, guest.lastSection, bout);
      bout++;
    }
    guest.signal();
    yield true;
  }
  yield* behave(guest);
}

/** `act` every turn, for as long as the guest lives. */
export function* forEver(guest: GuestReach, act: () => void): HostileProgram {
  for (;;) {
    act();
    guest.signal();
    yield true;
  }
}

/** `act`, the signal, and then silence but for a few more signals: what breaks a ring leaves nothing to say. */
export function* oneBlow(guest: GuestReach, act: () => void): HostileProgram {
  act();
  for (let n = 0; n < 8; n++) {
    guest.signal();
    yield true;
  }
  for (;;) {
    guest.signal();
    yield false;
  }
}
