import type { Command } from 'commander'
import { COOKBOOKS_CUSTOM_PREFIX } from '../../model/constants.js'
import { type ConnectionOptions, withConnection } from './shared-options.js'

export interface ShowOptions extends ConnectionOptions {
  readonly prefix: string
  readonly json?: true
}

export function declareShow(program: Command): Command {
  return withConnection(program.command('show'))
    .description('show who holds a lock, and who waits for it')
    .argument('<name>', 'of the lock')
    .option('--prefix <prefix>', 'of the lock', COOKBOOKS_CUSTOM_PREFIX)
    .option('--json', 'as one JSON document')
}
