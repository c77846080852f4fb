import { describe } from '@jest/globals'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { storeContract } from './store-contract.js'

describe('MemoryStore', () => storeContract(() => Promise.resolve(new MemoryStore())))
