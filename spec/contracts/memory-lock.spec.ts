import { describe } from '@jest/globals'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { lockContract } from './lock-contract.js'

describe('Lock on the memory store', () => lockContract(() => Promise.resolve(new MemoryStore())))
