// Results for people: one line for each case while the benchmark runs.

/** Figures that are shown under their own names. */
const UNITS = {
  p50us: [' µs', 2],
  p90us: [' µs', 2],
  p99us: [' µs', 2],
  scaling: ['', 2],
  ofFresh: ['', 3],
  scavengesPer100MFrames: ['', 1],
  wallMs: [' ms', 0],
  oidsPerSecond: ['', 0],
};

export function caseLine(title, result) {
  const parts = [title.padEnd(44)];
  if (result.nsPerFrame !== undefined) {
    parts.push(
      `${result.mpps.toFixed(2).padStart(6)} Mpps ${result.nsPerFrame.toFixed(1).padStart(6)} ns/frame`,
    );
    if (result.ofC !== null && result.ofC !== undefined)
      parts.push(`${result.ofC.toFixed(3)} of C (${result.cMpps.toFixed(1)})`);
    if (result.plainMpps !== undefined) parts.push(`plain loop ${result.plainMpps.toFixed(1)} Mpps`);
    parts.push(`±${(result.spread * 50).toFixed(0)} %`);
  }
  if (result.hostCpu !== undefined) {
    const { on, off, hostCpu } = result;
    parts.push(
      `host ${on.sides.host.toFixed(1)} and ${off.sides.host.toFixed(1)} ns, off/on ${hostCpu.toFixed(2)}`,
    );
    parts.push(`all ${on.nsPerFrame.toFixed(1)} and ${off.nsPerFrame.toFixed(1)} ns`);
  }
  if (result.onOverOff !== undefined) {
    const { onMpps, offMpps, onOverOff } = result;
    parts.push(`${onMpps.toFixed(2)} and ${offMpps.toFixed(2)} Mpps, on/off ${onOverOff.toFixed(2)}`);
  }
  for (const [figure, [unit, digits]] of Object.entries(UNITS))
    if (result[figure] !== undefined) parts.push(`${figure} ${result[figure].toFixed(digits)}${unit}`);
  if (result.disturbed > 0)
    parts.push(`${result.disturbed} disturbed${result.countsDisturbed ? ' (and counted)' : ''}`);
  if (result.problems.length > 0) parts.push(`WRONG: ${result.problems.join('; ')}`);
  return parts.join('  ');
}
