/** Standard output to the last byte, or why not. */
import { fstatSync, writeSync } from 'node:fs';
import process from 'node:process';

/** How long to wait for a reader that is slow, where the system does not wait itself. */
const SLOW_READER_MS = 5;

/** Writes all of `text`. Null if it is out or its reader has gone, which is no error (`vmq … | head`); else why not. */
export async function writeOut(text: string): Promise<string | null> {
  if (text === '') return null;
  try {
    // A terminal has its own way, which on some systems is not that of a file.
    if (process.stdout.isTTY) await writeStream(text);
    else writeDescriptor(process.stdout.fd, Buffer.from(text));
    return null;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'EPIPE' ? null : message;
  }
}

function writeStream(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.on('error', reject);
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

/** A write to a file may be a short one; a stream of Node's would not notice. */
function writeDescriptor(fd: number, bytes: Uint8Array): void {
  const sleep = new Int32Array(new SharedArrayBuffer(4));
  for (let at = 0; at < bytes.length; ) {
    try {
      const wrote = writeSync(fd, bytes, at);
      if (wrote === 0 && fstatSync(fd).isFile()) throw new Error('no byte could be written');
      at += wrote;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(sleep, 0, 0, SLOW_READER_MS);
    }
  }
}
