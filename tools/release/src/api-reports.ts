// The public surface of every package as a reviewed file: etc/<package>.api.md.
//
//   node tools/release/dist/api-reports.js [--check] [--only FOLDER]
//
// With --check a difference fails; else the reports are rewritten. --only: of one package.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';

const {
  values: { check, only },
} = parseArgs({ options: { check: { type: 'boolean', default: false }, only: { type: 'string' } } });
const root = fileURLToPath(new URL('../../../', import.meta.url));
const packages = join(root, 'packages');
const reportFolder = join(root, 'etc');
mkdirSync(reportFolder, { recursive: true });
let problems = 0;

for (const name of only === undefined ? readdirSync(packages) : [basename(resolve(only))]) {
  const projectFolder = join(packages, name);
  const entry = join(projectFolder, 'dist/index.d.ts');
  if (!existsSync(join(projectFolder, 'package.json')) || !existsSync(entry)) continue;
  const reportTempFolder = join(projectFolder, 'dist/api-report');
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder,
      newlineKind: 'lf',
      mainEntryPointFilePath: entry,
      compiler: { tsconfigFilePath: join(projectFolder, 'tsconfig.json') },
      apiReport: { enabled: true, reportFolder, reportTempFolder, reportFileName: `${name}.api.md` },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
        extractorMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(projectFolder, 'package.json'),
  });
  const result = Extractor.invoke(config, {
    localBuild: !check,
    messageCallback: (message) => {
      message.handled = true;
    },
  });
  const report = join(reportFolder, `${name}.api.md`);
  if (check && result.apiReportChanged) {
    problems++;
    console.error(`etc/${name}.api.md: the public surface changed; look at it and run: pnpm api-reports`);
  } else if (!check && !existsSync(report)) problems++;
  else readFileSync(report);
  rmSync(reportTempFolder, { recursive: true, force: true });
}
console.log(problems === 0 ? 'API reports match' : `${problems} API reports differ`);
process.exitCode = problems === 0 ? 0 : 1;
