// Numbers on the command line.

/** The whole number in `text`; throws, naming the option, if there is none from `least` to `most`. */
export function wholeNumber(
  name: string,
  text: string,
  least = 1,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
  throw new Error(`--${name} ${text}: expected a whole number ${range}`);
}
