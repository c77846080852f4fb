import type { Command } from 'commander'
import { COOKBOOKS_CUSTOM_PREFIX } from '../../model/constants.js'
import { type ConnectionOptions, withConnection } from './shared-options.js'

export interface WatchOptions extends ConnectionOptions {
  readonly prefix?: string
  readonly json?: true
}

export function declareWatch(program: Command): Command {
  return withConnection(program.command('watch'))
    .description('print what happens to locks, until a signal comes')
    .argument('[name]', 'of one lock (default: all locks)')
    .option(
      '--prefix <prefix>',
      `only the locks under this prefix (default with NAME: ${COOKBOOKS_CUSTOM_PREFIX})`,
    )
    .option('--json', 'a JSON document a line')
}
