import { afterAll, beforeAll, describe } from '@jest/globals'
import { RelukkoAdapter } from '../../lib/relukko/index.js'
import { MemoryStore } from '../../lib/store/memory/memory-store.js'
import { relukkoContract } from './relukko-contract.js'

describe('The Relukko adapter on the memory store', () => {
  let store: MemoryStore
  beforeAll(() => {
    store = new MemoryStore()
  })
  afterAll(() => store.close())
  relukkoContract(() => new RelukkoAdapter({ store }))
})
