import { describe } from '@jest/globals'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { lastingContract } from './lasting-contract.js'

describe('As time goes by, on the memory store,', () => {
  lastingContract(() => Promise.resolve(new MemoryStore()))
})
