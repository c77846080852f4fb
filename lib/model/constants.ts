/** Under which all keys of the locks live. */
export const KEYS_BASE_PATH = '/spicerack/locks'

/** Prefix of the locks taken for each run of a cookbook. */
export const COOKBOOKS_PREFIX = 'cookbooks'

/** Prefix of the locks taken from inside a cookbook. */
export const COOKBOOKS_CUSTOM_PREFIX = 'custom'

/** Prefix of the locks taken from inside spicerack modules. */
export const SPICERACK_PREFIX = 'modules'

export const ALLOWED_PREFIXES = [COOKBOOKS_PREFIX, COOKBOOKS_CUSTOM_PREFIX, SPICERACK_PREFIX] as const

/** Under which the tickets live: the queue is the short-term writer lock of a KeyLocks. */
export const ETCD_WRITER_LOCK_KEY = 'etcd'
