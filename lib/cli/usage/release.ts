import type { Command } from 'commander'
import { COOKBOOKS_CUSTOM_PREFIX } from '../../model/constants.js'
import { type ConnectionOptions, withConnection } from './shared-options.js'

export interface ReleaseOptions extends ConnectionOptions {
  readonly prefix: string
  readonly force?: true
  readonly reason?: string
  readonly owner?: string
  readonly json?: true
}

export function declareRelease(program: Command): Command {
  return withConnection(program.command('release'))
    .description('release a lock that this user holds on this host; with --force, whoever holds it')
    .argument('<name>', 'of the lock')
    .argument('<id>', 'of the holding, as show tells it')
    .option('--prefix <prefix>', 'of the lock', COOKBOOKS_CUSTOM_PREFIX)
    .option(
      '--force',
      'from any holder, or from one who waits; who did it, and why, is told to those concerned and those who watch',
    )
    .option('--reason <text>', 'why, with --force')
    .option('--owner <text>', 'who does it, with --force (default: user@host [pid])')
    .option('--json', 'as one JSON document')
}
