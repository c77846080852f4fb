import { expect, it } from '@jest/globals'
import * as api from '../../../lib/index.js'

it.each([
  ['KEYS_BASE_PATH', '/spicerack/locks'],
  ['COOKBOOKS_PREFIX', 'cookbooks'],
  ['COOKBOOKS_CUSTOM_PREFIX', 'custom'],
  ['SPICERACK_PREFIX', 'modules'],
  ['ALLOWED_PREFIXES', ['cookbooks', 'custom', 'modules']],
  ['ETCD_WRITER_LOCK_KEY', 'etcd'],
] as const)("%s is Spicerack's", (name, value) => {
  expect(api[name]).toEqual(value)
})
