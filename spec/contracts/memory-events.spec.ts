import { describe } from '@jest/globals'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { eventContract } from './event-contract.js'

describe('Events on the memory store', () => eventContract(() => Promise.resolve(new MemoryStore())))
