// Results for people: one line for each case while the benchmark runs.

export function caseLine(title, result) {
  const parts = [title.padEnd(44)];
  if (result.mpps !== undefined) {
    parts.push(
      `${result.mpps.toFixed(2).padStart(6)} Mpps ${result.nsPerFrame.toFixed(1).padStart(6)} ns/frame`,
    );
    if (result.ofC !== null) parts.push(`${result.ofC.toFixed(3)} of C (${result.cMpps.toFixed(1)})`);
    parts.push(`±${(result.spread * 50).toFixed(0)} %`);
  }
  if (result.disturbed > 0)
    parts.push(`${result.disturbed} disturbed${result.countsDisturbed ? ' (and counted)' : ''}`);
  if (result.problems.length > 0) parts.push(`WRONG: ${result.problems.join('; ')}`);
  return parts.join('  ');
}
