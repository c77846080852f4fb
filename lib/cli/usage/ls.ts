import type { Command } from 'commander'
import { type ConnectionOptions, withConnection } from './shared-options.js'

export interface LsOptions extends ConnectionOptions {
  readonly prefix?: string
  readonly json?: true
}

export function declareLs(program: Command): Command {
  return withConnection(program.command('ls'))
    .description('list the locks that somebody holds or waits for')
    .option('--prefix <prefix>', 'only the locks under this prefix (default: under all of them)')
    .option('--json', 'as one JSON document')
}
