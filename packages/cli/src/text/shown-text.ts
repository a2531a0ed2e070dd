/**
 * Text that may come from a stranger, as a terminal may see it. What would move the cursor, change colours, turn the
 * direction of writing or be invisible is shown by its number, in the way of JSON, so that JSON stays the same JSON.
 */

/**
 * Controls, format characters (bidirectional ones, byte-order marks, tags), line separators and halves of surrogate
 * pairs. The two joiners stay: languages are written with them.
 */
const UNSHOWABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/gu;

/** One line, whatever is in it. */
export function shownLine(text: string): string {
  return text.replace(UNSHOWABLE, escaped);
}

/** Several lines: line feeds stay. */
export function shownText(text: string): string {
  return text.replace(UNSHOWABLE, (character) => (character === '\n' ? character : escaped(character)));
}

function escaped(character: string): string {
  let text = '';
  for (let i = 0; i < character.length; i++) {
    text += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`;
  }
  return text;
}

/** Of East Asian scripts and emoji, which take two columns. */
const WIDE =
  /(?![\uff61-\uffdc])[\p{scx=Han}\p{scx=Hang}\p{scx=Hira}\p{scx=Kana}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u;
const NO_COLUMN = /[\p{Mn}\p{Me}\u200c\u200d]/u;

/** Columns that shown text takes on a terminal. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) {
    if (character >= ' ' && character <= '~') columns++;
    else if (!NO_COLUMN.test(character)) columns += WIDE.test(character) ? 2 : 1;
  }
  return columns;
}
