import { describe, expect, it, vi } from 'vitest';
import { Board, MAX_AGENTS, MAX_PROCESSORS, MAX_WORKERS } from '../src/processor/board.ts';

describe('board', () => {
  it('a wake is pending until taken, once', () => {
    const board = new Board();
    board.assignWorker(3, -1);
    board.wake(3);
    board.wake(3);
    expect([board.isPending(3), board.looksPending(3), board.isPending(2)]).toEqual([true, true, false]);
    expect([board.takePending(3), board.takePending(3)]).toEqual([true, false]);
  });

  it.each([-1, MAX_AGENTS, Number.NaN])('refuses to wake agent %s, which would write elsewhere', (agent) => {
    const board = new Board();
    expect(() => board.wake(agent)).toThrow(/no agent/);
    expect(board.words.every((word) => word === 0)).toBe(true);
  });

  it('a wake after the announcement keeps the worker from sleeping', () => {
    const board = new Board();
    board.assignWorker(0, 4);
    board.announceSleep(4, false);
    expect(board.isParked(4)).toBe(true);
    board.wake(0);
    expect(board.isParked(4)).toBe(false);
    board.sleep(4, Number.POSITIVE_INFINITY); // returns: it was roused
    board.leaveSleep(4);
    expect(board.takePending(0)).toBe(true);
  });

  it('only who parked without a deadline counts as at rest, and every leaving is counted', () => {
    const board = new Board();
    board.announceSleep(1, true);
    expect(board.isParked(1)).toBe(false);
    board.sleep(1, 0.01);
    board.leaveSleep(1);
    board.announceSleep(1, false);
    expect([board.isParked(1), board.runs(1)]).toEqual([true, 1]);
    board.leaveSleep(1); // found work on its second look
    expect([board.isParked(1), board.runs(1)]).toEqual([false, 2]);
  });

  it('is at rest when all are parked and nobody is pending, and not otherwise', () => {
    const board = new Board();
    board.assignWorker(0, 0);
    board.assignWorker(1, 1);
    const atRest = (): boolean => board.atRest(2, [0, 1]);
    expect(atRest()).toBe(false);
    board.announceSleep(0, false);
    expect(atRest()).toBe(false);
    board.announceSleep(1, false);
    expect(atRest()).toBe(true);
    board.leaveSleep(1);
    board.announceSleep(1, true); // a timer is set
    expect(atRest()).toBe(false);
    board.leaveSleep(1);
    board.wake(1);
    board.announceSleep(1, false); // parked, and about to find on its second look what came before
    expect([board.isParked(1), atRest()]).toEqual([true, false]);
  });

  it.each([0, 1])('is not at rest if worker %i left and parked again between the two looks', (worker) => {
    /** What happens while the observer is between its looks. */
    let meanwhile = (): void => {};
    class Watched extends Board {
      override isPending(agent: number): boolean {
        meanwhile();
        return super.isPending(agent);
      }
    }
    const board = new Watched();
    board.announceSleep(0, false);
    board.announceSleep(1, false);
    expect(board.atRest(2, [0, 1])).toBe(true);
    meanwhile = () => {
      board.leaveSleep(worker);
      board.announceSleep(worker, false);
    };
    expect(board.atRest(2, [0, 1])).toBe(false);
  });

  it('leaving clears the mark before it counts, as the argument for rest needs', () => {
    const board = new Board();
    board.announceSleep(0, false);
    let parkedWhenCounted = true;
    const add = vi.spyOn(Atomics, 'add').mockImplementationOnce(() => {
      parkedWhenCounted = board.isParked(0);
      return 0 as never;
    });
    board.leaveSleep(0);
    add.mockRestore();
    expect(parkedWhenCounted).toBe(false);
  });

  it('counts as awake who is not parked, among the workers that were started', () => {
    const board = new Board();
    expect(board.awakeWorkers()).toBe(0);
    board.countWorkers(3);
    expect(board.awakeWorkers()).toBe(3);
    board.announceSleep(1, false);
    board.announceSleep(2, true);
    expect(board.awakeWorkers()).toBe(1);
    board.leaveSleep(2);
    expect(board.awakeWorkers()).toBe(2);
  });

  it('requestStop rouses a sleeper', () => {
    const board = new Board();
    board.announceSleep(0, false);
    board.requestStop(0);
    expect([board.isParked(0), board.mustStop(0), board.mustStop(1)]).toEqual([false, true, false]);
  });

  it('vectors of a processor are taken 32 at a time, each once', () => {
    const board = new Board();
    expect([board.setVector(2, 31), board.setVector(2, 31), board.setVector(2, 64)]).toEqual([
      true,
      false,
      true,
    ]);
    expect(board.takeVectors(2, 0) >>> 0).toBe(0x80000000);
    expect([board.takeVectors(2, 0), board.takeVectors(2, 1), board.takeVectors(2, 2)]).toEqual([0, 0, 1]);
    // The groups they are in, and the one whose vectors may come with the mark.
    expect([board.takeGroups(2), board.takeGroups(2)]).toEqual([0b111, 0b010]);
  });

  it('no two words of the board are the same word', () => {
    const board = new Board();
    const touched: Set<number>[] = [];
    const touch = (act: () => void): void => {
      board.words.fill(0);
      act();
      touched.push(new Set([...board.words.keys()].filter((i) => board.words[i] !== 0)));
    };
    touch(() => board.advanceEpoch());
    touch(() => board.nextTraceSequence());
    touch(() => board.countWorkers(1));
    for (const agent of [0, 1, MAX_AGENTS - 1]) {
      touch(() => board.takePending(agent) || board.wake(agent));
      touch(() => board.acknowledgeEpoch(agent, 1));
      touch(() => board.assignWorker(agent, 1));
      touch(() => board.countTurn(agent));
    }
    for (const worker of [0, 1, MAX_WORKERS - 1]) {
      touch(() => board.announceSleep(worker, false));
      touch(() => board.leaveSleep(worker));
      touch(() => board.requestStop(worker));
    }
    for (const processor of [0, 1, MAX_PROCESSORS - 1]) {
      for (const vector of [0, 255]) {
        touch(() => {
          board.setVector(processor, vector);
          board.takeGroups(processor);
        });
      }
      touch(() => {
        board.setVector(processor, 64);
        board.takeVectors(processor, 2);
      });
    }
    expect(touched.map((words) => words.size)).toEqual(touched.map(() => 1));
    expect(new Set(touched.flatMap((words) => [...words])).size).toBe(touched.length);
  });
});
