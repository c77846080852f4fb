import { describe } from '@jest/globals'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { setContract } from './set-contract.js'

describe('Several locks at once on the memory store', () =>
  setContract(() => Promise.resolve(new MemoryStore())))
