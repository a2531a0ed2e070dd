/** An IPv4 address is one unsigned number, 10.0.0.1 = 0x0a000001. */
const DOTTED = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

/** `null` unless the text is four decimal numbers of at most 255, without leading zeros. */
export function parseIpv4Address(text: string): number | null {
  const parts = DOTTED.exec(text);
  if (parts === null) return null;
  let address = 0;
  for (let i = 1; i <= 4; i++) {
    const part = parts[i]!;
    const value = Number(part);
    // A leading zero means octal to some programs and decimal to others.
    if (value > 255 || (part.length > 1 && part.startsWith('0'))) return null;
    address = address * 256 + value;
  }
  return address;
}

export function formatIpv4Address(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}
