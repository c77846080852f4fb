import { describe } from '@jest/globals'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { handleContract } from './handle-contract.js'

describe('A handle on the memory store', () => handleContract(() => Promise.resolve(new MemoryStore())))
