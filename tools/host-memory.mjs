// What a host costs in memory: resident bytes of the process, and the shared buffers it is made of.
//
//   node tools/host-memory.mjs                                       64 VMs, 16 processors, worker threads
//   node tools/host-memory.mjs '{"vms":8,"processors":4,"config":{"executor":"deterministic"},"options":{"record":true}}'
//
// Prints JSON: bytes when Node was up, when the host was up, and when every VM had received and sent frames of the largest
// size; and the shared buffers by what they are for. Reads the built packages: build first. A test holds it to its bounds.
import { measureHost } from './host-memory/measure.mjs';

console.log(JSON.stringify(await measureHost(JSON.parse(process.argv[2] ?? '{}'))));
