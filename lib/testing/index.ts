/** What users of spicelock import in their own tests: `spicelock/testing`. */
export { EtcdServer, type EtcdServerOptions } from './etcd-server.js'
export { etcdForTests, type EtcdForTests } from './etcd-for-tests.js'
export { MemoryStore } from '../store/memory/memory-store.js'
export { type Timers } from '../store/memory/timers.js'
export { EtcdContainer, type EtcdContainerOptions, type RunningContainer } from './etcd-container.js'
export { storeContract, type StoreCase } from './store-contract/store-contract.js'
export { type Progress } from './etcd-binary/source.js'
