// What a host costs in memory: resident bytes of the process, and the shared buffers it is made of.
//
//   node tools/soak/dist/host-memory.js                                   64 VMs, 16 processors, worker threads
//   node tools/soak/dist/host-memory.js '{"vms":8,"processors":4,"config":{"executor":"deterministic"},"options":{"record":true}}'
//
// Prints JSON: bytes when Node was up, when the host was up, and when every VM had received and sent frames of the largest
// size; and the shared buffers by what they are for. A test holds it to its bounds.
import { type HostMemoryParameters, measureHost } from './measure-host-memory.ts';

const parameters = JSON.parse(process.argv[2] ?? '{}') as Partial<HostMemoryParameters>;
console.log(JSON.stringify(await measureHost(parameters)));
