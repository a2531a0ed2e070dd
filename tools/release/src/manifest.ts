// What a package of ours has to have, in its manifest and in what is packed.

export const REPOSITORY = 'git+https://github.com/vmq-stack/vmq.git';
export const HOME = 'https://github.com/vmq-stack/vmq';

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly keywords?: readonly string[];
  readonly homepage?: string;
  readonly bugs?: { readonly url: string };
  readonly license?: string;
  readonly repository?: { readonly url: string; readonly directory: string };
  readonly files?: readonly string[];
}

/** What is missing or wrong in packages/`folder`/package.json. */
export function manifestProblems(folder: string, manifest: Manifest): string[] {
  const wanted: readonly [string, boolean][] = [
    ['name', manifest.name === `@vmq/${folder}`],
    ['description', (manifest.description?.length ?? 0) > 20],
    ['keywords', (manifest.keywords?.length ?? 0) >= 3],
    ['homepage', manifest.homepage === `${HOME}/tree/main/packages/${folder}#readme`],
    ['bugs', manifest.bugs?.url === `${HOME}/issues`],
    ['license', manifest.license === 'MIT'],
    ['repository.url', manifest.repository?.url === REPOSITORY],
    ['repository.directory', manifest.repository?.directory === `packages/${folder}`],
    ['files', (manifest.files?.length ?? 0) > 0],
  ];
  return wanted.filter(([, isRight]) => !isRight).map(([member]) => `package.json: ${member}`);
}

/** What is wrong with the files of a tarball, named as `package/…`. */
export function packedProblems(files: readonly string[]): string[] {
  const missing = ['package/LICENSE', 'package/README.md', 'package/package.json'].filter(
    (file) => !files.includes(file),
  );
  const stray = files.filter((file) => /\.test[.-]|\/test\/|\.tsbuildinfo$|\/temp\//.test(file));
  return [
    ...missing.map((file) => `not packed: ${file}`),
    ...stray.map((file) => `only for tests, and packed: ${file}`),
  ];
}
